from __future__ import annotations

import re
import stat
from importlib import resources
from pathlib import Path

from edge_config.loader import load_site
from edge_config.schema import SerialBus, TcpBus
from simulators.demo_site import DemoPaths, write_demo_site


def test_ports_move_with_the_base_and_nothing_else_does(fresh_folder: Path) -> None:
    site = load_site(write_demo_site(fresh_folder, 9700)).file
    assert [bus.port for bus in site.buses if isinstance(bus, TcpBus)] == [9703, 9704]
    assert (site.dashboard.port, site.collector.port, site.worker.port) == (9700, 9706, 9707)
    assert site.brokers[0].port == 9702
    assert site.uplinks[0].destination == "http://127.0.0.1:9701/v1"
    assert site.site.students == 1200


def test_the_serial_port_does_not_depend_on_the_working_folder(fresh_folder: Path) -> None:
    site = load_site(write_demo_site(fresh_folder)).file
    (line,) = [bus for bus in site.buses if isinstance(bus, SerialBus)]
    assert Path(line.port) == fresh_folder / "var" / "ttyCampus"


def test_secrets_are_new_private_and_kept(fresh_folder: Path, tmp_path: Path) -> None:
    write_demo_site(fresh_folder)
    write_demo_site(tmp_path / "other")
    paths, other = DemoPaths(fresh_folder), DemoPaths(tmp_path / "other")
    secrets = (paths.gateway_password, paths.sensor_password, paths.users, paths.district_token)
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    before = [path.read_text() for path in secrets]
    write_demo_site(fresh_folder, 9800)
    assert [path.read_text() for path in secrets] == before
    assert other.gateway_password.read_text() != before[0]


def test_the_packaged_example_holds_no_secret() -> None:
    with resources.as_file(resources.files("edge_config") / "examples" / "demo-school") as example:
        assert not (example / "var").exists()
        texts = [path.read_text(encoding="utf-8") for path in example.rglob("*") if path.is_file()]
    assert not any(re.search(r"(password|token): ", text) for text in texts)
