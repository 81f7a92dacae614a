"""The file of a campus over its hub: devices of all its gateways, their places and parents, and no wires."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import ConfigError
from tests.edge_config.conftest import Folder

CAMPUS = """\
site: {id: school, name: 学校}
gateway: {id: hub}
hub: {database: data/hub.db}
spaces:
  - {id: a, name: A, kind: building}
devices:
  - {id: main-e, profile: acrel-adl400, energy_code: 01000, bus: east, unit_id: 1}
  - {id: hvac, profile: chint-dtsu666, space: a, energy_code: 01B00, parent: main-e, bus: line1, unit_id: 1}
  - {id: light, profile: chint-dtsu666, space: a, energy_code: 01A00, parent: main-e, bus: line1, unit_id: 1}
  - {id: air, profile: zigbee2mqtt-air, space: a}
"""


@pytest.fixture
def campus(folder: Folder) -> Folder:
    folder.site.write_text(CAMPUS, encoding="utf-8")
    return folder


def test_a_campuss_file_needs_no_wires_and_may_keep_those_of_its_gateways(campus: Folder) -> None:
    """Two gateways may each have a bus of one name with a unit 1 on it."""
    site = campus.load()
    assert site.hub_path == campus.path / "data" / "hub.db"
    assert site.warnings == ()
    assert site.devices["hvac"].parent == "main-e"


def test_a_gateways_file_is_no_campuss_and_needs_its_wires(folder: Folder) -> None:
    assert folder.load().hub_path is None
    folder.write(("bus: line1, unit_id: 4", "space: a"))
    assert any("names neither a bus nor a broker" in said for said in folder.sentences())


def test_what_is_wrong_in_a_campuss_file_beside_the_wires_is_still_told(campus: Folder) -> None:
    wrong = CAMPUS.replace("space: a, energy_code: 01B00", "space: b, energy_code: 01B00")
    campus.site.write_text(
        wrong.replace("parent: main-e, bus: line1", "parent: main-f, bus: line1"), encoding="utf-8"
    )
    assert [said.partition(": ")[2].partition(":")[0] for said in campus.sentences()] == [
        "devices[hvac].space", "devices[hvac].parent", "devices[light].parent",
    ]  # fmt: skip


def test_uplinks_have_no_place_in_a_campuss_file(campus: Folder) -> None:
    uplinks = (
        "uplinks:\n  - {id: d, kind: district-http, url: 'https://district.example/v1', token_file: none}\n"
    )
    campus.site.write_text(CAMPUS + uplinks, encoding="utf-8")
    (said,) = campus.sentences()
    assert (
        "uplinks[d]: has no place in the file of a campus over its hub, each gateway's own file has them"
        in said
    )
    assert "district --relay-to" in said


def test_check_says_that_it_is_a_campuss_file_and_what_may_be_done_with_it(campus: Folder) -> None:
    done = CliRunner().invoke(app, ["check", str(campus.site)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "配置正确 OK: 校区汇总 学校, a campus over its hub: 4 devices" in done.stdout
    assert f"{campus.path / 'data' / 'hub.db'} - NOT THERE YET 尚未建立" in done.stdout
    for words in ("district --role hub --database", f"dashboard {campus.site}", f"query {campus.site}"):
        assert f"campus-gateway {words}" in done.stdout
    assert "不可以 Not with it: collect, run, work" in done.stdout
    assert "总线 Buses" not in done.stdout


def test_check_explains_no_wire_from_a_campuss_file(campus: Folder) -> None:
    found = CliRunner().invoke(app, ["check", str(campus.site), "--explain", "hvac"])
    assert isinstance(found.exception, ConfigError)
    assert "with the file of the gateway that reads hvac" in str(found.exception)


def test_check_of_a_gateways_file_whose_uplink_goes_to_a_hub_is_as_of_any(folder: Folder) -> None:
    folder.write(("https://district.example/v1", "http://192.0.2.20:8601/v1"))
    done = CliRunner().invoke(app, ["check", str(folder.site)])
    assert done.exit_code == 0
    assert "配置正确 OK: 学校, 4 devices" in done.stdout
    assert "http://192.0.2.20:8601/v1" in done.stdout


@pytest.mark.parametrize("words", ["run", "collect", "work", "status", "simulate"])
def test_a_command_of_a_gateway_refuses_a_campuss_file_and_says_what_to_run(
    campus: Folder, words: str
) -> None:
    found = CliRunner().invoke(app, [words, str(campus.site)])
    assert isinstance(found.exception, ConfigError)
    said = str(found.exception)
    assert "describes a campus over its hub (校区汇总), not a gateway" in said
    assert "请用各网关自己的配置文件" in said
    assert f"`campus-gateway dashboard {campus.site}`" in said
    assert f"`campus-gateway query {campus.site} …`" in said
    assert sorted(path.name for path in campus.path.iterdir()) == ["site.yaml"]
