"""Who may import whom (the table of the architecture), and which libraries are kept in one place."""

from __future__ import annotations

import pytest

from tests.house.source import ROOMS, Source, imports, sources

# Room or module → what of ours it may import besides itself; the longest matching name decides.
ALLOWED: dict[str, set[str]] = {
    "runtime": set(),
    "devices": set(),
    "edge_config": {"devices", "runtime"},
    "gateway": {"devices", "edge_config", "runtime", "district.contract"},
    "gateway.cli": set(ROOMS),
    "district": {"runtime"},
    "district.contract": set(),
    "dashboard": {
        "gateway.query", "gateway.model", "gateway.errors", "gateway.control.client",
        "devices", "edge_config", "runtime",
    },
    "simulators": {"devices.profile", "devices.quantities", "edge_config", "runtime"},
}  # fmt: skip

# Library → the only modules that may import it.
KEPT: dict[str, tuple[str, ...]] = {
    "sqlite_utils": ("gateway.store.database",),
    "pandas": ("gateway.reports", "gateway.baselines"),
    "numpy": ("gateway.reports", "gateway.baselines"),
    "openpyxl": ("gateway.commissioning",),
    "xlsxwriter": ("gateway.commissioning", "gateway.reports", "district.sheets.sheet_xlsx"),
    "amqtt": ("simulators",),
    "nats": ("district.queue",),
    "aiomqtt": ("simulators", "gateway.uplinks"),
}


def _inside(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def _rule(module: str) -> str:
    return max((name for name in ALLOWED if _inside(module, name)), key=len)


def _broken(source: Source) -> list[str]:
    rule = _rule(source.module)
    own = source.room if rule != "district.contract" else rule
    allowed = {own, *ALLOWED[rule]}
    return [
        f"{source.path} imports {name}"
        for name in imports(source)
        if name.split(".")[0] in ROOMS and not any(_inside(name, other) for other in allowed)
    ]


def test_rooms_import_only_whom_the_table_allows() -> None:
    assert [broken for source in sources() for broken in _broken(source)] == []


def test_every_room_is_in_the_table() -> None:
    assert set(ROOMS) <= set(ALLOWED)


def test_nobody_imports_the_front_door() -> None:
    intruders = [
        source.path
        for source in sources()
        if not _inside(source.module, "gateway.cli")
        and any(_inside(name, "gateway.cli") for name in imports(source))
    ]
    assert intruders == []


@pytest.mark.parametrize("library", KEPT)
def test_a_heavy_or_awkward_library_stays_in_its_place(library: str) -> None:
    users = [
        s.path for s in sources() if any(_inside(name, library) for name in imports(s, with_types=False))
    ]
    allowed = [s.path for s in sources() if any(_inside(s.module, place) for place in KEPT[library])]
    assert set(users) <= set(allowed)


def test_the_contract_of_the_wire_imports_pydantic_and_the_standard_library_only() -> None:
    names = {
        name
        for source in sources()
        if _inside(source.module, "district.contract")
        for name in imports(source)
    }
    tops = {name.split(".")[0] for name in names if not _inside(name, "district.contract")}
    assert tops <= {"__future__", "typing", "pydantic", "collections", "enum", "dataclasses", "email"}


def test_a_forbidden_import_is_noticed() -> None:
    """The test itself works: a simulator that imports a codec breaks the table."""
    import ast

    text = "def read():\n    from devices.registers import decode\n    return decode\n"
    assert _broken(Source("simulators/x.py", "simulators.x", text, ast.parse(text))) == [
        "simulators/x.py imports devices.registers.decode"
    ]
