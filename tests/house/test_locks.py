"""Lock files pin by hash and name no host: where packages come from is each machine's own affair (S22)."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.house.source import ROOT

LOCKS = ("dev", "demo", "gateway")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}( \\)?$")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)")


def _lines(lock: str) -> list[str]:
    return (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").splitlines()


def _pins(lock: str) -> dict[str, str]:
    return {found[1]: found[2] for line in _lines(lock) if (found := PIN.match(line))}


def _declared(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = project["dependencies"] + [
        text for extra in extras for text in project["optional-dependencies"][extra]
    ]
    names = {re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0].lower() for text in texts}
    return names - {"campus-gateway"}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_of_a_lock_carries_hashes(lock: str) -> None:
    lines = [line for line in _lines(lock) if line and not line.startswith("#")]
    pins = [number for number, line in enumerate(lines) if PIN.match(line)]
    assert pins
    assert all(HASH.search(lines[number + 1].strip()) for number in pins)
    assert all(PIN.match(line) or HASH.search(line.strip()) for line in lines)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_path(lock: str) -> None:
    text = "\n".join(_lines(lock))
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links|--trusted-host|file:| @ ", text)


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("demo", ("build", "dashboard", "district", "sheet", "sim", "upload-legacy", "zstd")),
        ("gateway", ("dashboard", "sheet", "upload-legacy", "zstd")),
        (
            "dev",
            (
                "build",
                "dashboard",
                "district",
                "district-nats",
                "district-postgres",
                "mqtt-uplink",
                "sheet",
                "sim",
                "upload-legacy",
                "zstd",
                "dev",
            ),
        ),
    ],
)
def test_a_lock_holds_what_pyproject_declares(lock: str, extras: tuple[str, ...]) -> None:
    assert _declared(*extras) <= set(_pins(lock))


def test_locks_agree_on_every_version_they_share() -> None:
    dev = _pins("dev")
    assert all(dev[name] == version for lock in ("demo", "gateway") for name, version in _pins(lock).items())


def test_the_gateway_of_a_real_school_carries_neither_simulators_nor_pandas() -> None:
    assert not {"amqtt", "aiomqtt", "pandas", "numpy"} & set(_pins("gateway"))


def test_the_npm_lock_names_no_host_and_pins_by_integrity() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    assert "://" not in re.sub(r'"url": "[^"]*"', "", json.dumps(lock))
