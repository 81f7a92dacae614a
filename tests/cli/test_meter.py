"""`meter replace` says what is wrong with what was typed, and needs a collector that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.meter import meter
from gateway.errors import CollectorAwayError

SITE = """\
site: {id: s, name: 学校}
gateway: {id: gw-1}
buses: [{id: east, kind: modbus-tcp, host: 192.0.2.10}]
devices: [{id: main-e, profile: acrel-adl400, bus: east, unit_id: 1}]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--register", "energy_import=1"), "write POINT:FINAL:INITIAL"),
        (("--register", "energy_import:1"), "write POINT:FINAL:INITIAL"),
        (("--register", "energy_import:1:0", "--at", "yesterday"), "write 2026-11-20T14:30"),
        ((), "Missing option '--register'"),
    ],
)
def test_what_was_typed_wrong_is_named_with_what_would_be_right(
    site: Path, options: tuple[str, ...], says: str
) -> None:
    result = CliRunner().invoke(meter, ["replace", str(site), "main-e", *options])
    assert result.exit_code == 2
    assert says in result.output


def test_without_a_collector_it_says_so_and_changes_nothing(site: Path) -> None:
    result = CliRunner().invoke(meter, ["replace", str(site), "main-e", "--register", "energy_import:1:0"])
    assert isinstance(result.exception, CollectorAwayError)
    assert "nothing was changed" in str(result.exception)
