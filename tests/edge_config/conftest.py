"""A small site that is right; a test replaces what it wants to be wrong."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from edge_config.loader import load_site
from edge_config.problems import Problem, SiteProblems
from edge_config.site import LoadedSite

SITE = """\
site: {id: school, name: 学校}
gateway: {id: gw-1}
spaces:
  - {id: a, name: A, kind: building}
  - {id: a-1, name: 101教室, kind: classroom, in: a}
buses:
  - {id: east, kind: modbus-tcp, host: 192.0.2.10}
  - {id: line1, kind: modbus-rtu, port: /dev/ttyUSB0}
  - {id: line2, kind: serial-meter, port: /dev/ttyUSB1, baudrate: 2400, parity: E}
brokers:
  - {id: local, host: "::1"}
devices:
  - {id: main-e, profile: acrel-adl400, bus: east, unit_id: 1, space: a, energy_code: 01000}
  - {id: hvac, profile: chint-dtsu666, bus: line1, unit_id: 3, space: a, energy_code: 01B00, parent: main-e, ct_ratio: 40}
  - {id: water, profile: pulse-water, bus: line1, unit_id: 4}
  - {id: air, profile: zigbee2mqtt-air, broker: local, topic: zigbee2mqtt/air, space: a-1}
uplinks:
  - {id: district, kind: district-http, url: "https://district.example/v1", only: {quantities: [energy]}}
"""


class Folder:
    """A folder with a site file in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.site = path / "site.yaml"
        self.write()

    def write(self, *changes: tuple[str, str], more: str = "") -> None:
        """The small site with each ``old`` text replaced by its ``new`` one, and ``more`` at its end."""
        text = SITE
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        self.site.write_text(text + more, encoding="utf-8")

    def load(self) -> LoadedSite:
        return load_site(self.site)

    def problems(self) -> list[Problem]:
        """What is wrong with it; empty when it loads."""
        try:
            self.load()
        except SiteProblems as found:
            return list(found.problems)
        return []

    def sentences(self) -> list[str]:
        """The problems without the folder's name: ``site.yaml:3:5: key: wrong, right``."""
        return [str(problem).removeprefix(f"{self.path}/") for problem in self.problems()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The packaged demo school with its secrets made, as `make demo` sets it up."""
    target = tmp_path / "demo-school"
    with resources.as_file(resources.files("edge_config") / "examples" / "demo-school") as source:
        shutil.copytree(source, target)
    secrets = target / "var"
    secrets.mkdir(exist_ok=True)
    for name in ("mqtt.password", "district.token"):
        (secrets / name).write_text("secret\n", encoding="ascii")
        (secrets / name).chmod(0o600)
    return target / "site.yaml"
