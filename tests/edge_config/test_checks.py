"""What must hold between the entries of a site file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, Any

import pytest

from tests.edge_config.conftest import Folder

AIR = "  - {id: air, profile: zigbee2mqtt-air, broker: local, topic: zigbee2mqtt/air, space: a-1}\n"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "id: hvac,",
            "id: main-e,",
            "devices[main-e].id: the id 'main-e' is used twice (line 13), give one of the two another id",
        ),
        ("id: a-1,", "id: a,", "spaces[a].id: the id 'a' is used twice (line 4)"),
        ("bus: east", "bus: west", "devices[main-e].bus: no bus has the id 'west', did you mean 'east'?"),
        (
            "broker: local",
            "broker: cloud",
            "devices[air].broker: no broker has the id 'cloud', add it under `brokers:`, or name one of local",
        ),
        ("space: a-1", "space: z-9", "devices[air].space: no space has the id 'z-9'"),
        ("in: a}", "in: b}", "spaces[a-1].in: no space has the id 'b'"),
        (
            "id: a, name: A, kind: building",
            "id: a, name: A, kind: building, in: a-1",
            "spaces[a].in: the space lies in itself: a → a-1 → a",
        ),
        (
            "unit_id: 1,",
            "unit_id: 1, parent: hvac,",
            "devices[main-e].parent: the meter lies in itself: main-e → hvac → main-e",
        ),
        (
            "unit_id: 1,",
            "unit_id: 1, parent: main-e,",
            "devices[main-e].parent: the meter lies in itself: main-e → main-e",
        ),
        (
            "name: 学校",
            "name: 学校, timezone: Asia/Shangai",
            "site.timezone: no time zone is called 'Asia/Shangai', did you mean 'Asia/Shanghai'?",
        ),
        ("name: 学校", "name: 学校, timezone: ../etc", "site.timezone: no time zone is called"),
        ("bus: east, unit_id: 1,", "", "devices[main-e]: names neither a bus nor a broker"),
        ("bus: east,", "bus: east, broker: local,", "devices[main-e].broker: names a bus and a broker"),
        (
            "bus: east,",
            "broker: local,",
            "devices[main-e].broker: acrel-adl400 is a Modbus profile on a broker",
        ),
        ("unit_id: 1,", "", "devices[main-e].unit_id: is missing"),
        ("unit_id: 1,", "unit_id: 1, topic: x,", "devices[main-e].topic: means nothing for a Modbus device"),
        (
            "profile: pulse-water, bus: line1, unit_id: 4",
            "profile: cjt188-water, bus: east, address: '00000012345678'",
            "devices[water].bus: cjt188-water is a serial meter, the bus 'east' is of kind modbus-tcp",
        ),
        (
            "profile: pulse-water, bus: line1, unit_id: 4",
            "profile: cjt188-water, bus: line2",
            "devices[water].address: is missing, add `address:` with the 14 digits on the meter's plate",
        ),
        (
            "profile: pulse-water, bus: line1, unit_id: 4",
            "profile: cjt188-water, bus: line2, address: '000012345678'",
            "devices[water].address: '000012345678' is not 14 digits, write the number on the plate, in quotes, with zeros",
        ),
        (
            "profile: pulse-water, bus: line1, unit_id: 4",
            "profile: dlt645-single-phase, bus: line2, address: '00001234567A'",
            "devices[water].address: '00001234567A' is not 12 digits, write the 12 digits on the plate, in quotes",
        ),
        (
            "profile: pulse-water, bus: line1, unit_id: 4",
            "profile: dlt645-single-phase, bus: line1, address: '000012345678', unit_id: 4",
            "devices[water].unit_id: means nothing for a serial meter",
        ),
        (
            "profile: pulse-water, bus: line1, unit_id: 4",
            "profile: dlt645-single-phase, broker: local, address: '000012345678'",
            "devices[water].broker: dlt645-single-phase is a serial meter's profile on a broker",
        ),
        (
            "  - {id: water, profile: pulse-water, bus: line1, unit_id: 4}",
            (
                "  - {id: water, profile: cjt188-water, bus: line2, address: '00000012345678'}\n"
                "  - {id: water-2, profile: cjt188-water, bus: line2, address: '00000012345678'}"
            ),
            "devices[water-2].address: meter 00000012345678 of bus 'line2' is already taken (line 15)",
        ),
        (
            "broker: local, topic: zigbee2mqtt/air",
            "bus: east, unit_id: 9",
            "devices[air].bus: zigbee2mqtt-air is an MQTT profile on a bus",
        ),
        (", topic: zigbee2mqtt/air", "", "devices[air].topic: is missing"),
        (
            "topic: zigbee2mqtt/air",
            "topic: zigbee2mqtt/+",
            "devices[air].topic: 'zigbee2mqtt/+' is not the topic of one device",
        ),
        (
            "unit_id: 4}",
            "unit_id: 3}",
            "devices[water].unit_id: unit 3 of bus 'line1' is already taken (line 14)",
        ),
        (
            AIR,
            AIR + AIR.replace("id: air", "id: air-2"),
            "devices[air-2].topic: the topic 'zigbee2mqtt/air' of broker 'local' is already taken (line 16)",
        ),
        (
            "port: /dev/ttyUSB1",
            "port: /dev/ttyUSB0",
            "buses[line2].port: another bus already uses /dev/ttyUSB0 (line 8)",
        ),
        (
            "energy_code: 01B00",
            "energy_code: 02000",
            "devices[hvac].energy_code: '02000' is water (02), chint-dtsu666 measures electricity (01)",
        ),
        (
            "topic: zigbee2mqtt/air",
            "topic: zigbee2mqtt/air, energy_code: 01000",
            "devices[air].energy_code: '01000' on a device that measures no energy or water",
        ),
        (
            "quantities: [energy]",
            "quantities: [energi]",
            "uplinks[district].only.quantities[1]: no group of quantities is called 'energi', did you mean 'energy'?",
        ),
        (
            "quantities: [energy]",
            "spaces: [a, z-9]",
            "uplinks[district].only.spaces[2]: no space has the id 'z-9'",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(folder: Folder, old: str, new: str, sentence: str) -> None:
    folder.write((old, new))
    assert [found for found in folder.sentences() if sentence in found], folder.sentences()


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        (
            "{id: x.y, sum: [main-e.energy_imprt]}",
            "points[x.y].sum[1]: no device has the point 'main-e.energy_imprt', did you mean 'main-e.energy_import'?",
        ),
        ("{id: x.y, sum: [nobody.power]}", "no device has the point 'nobody.power'"),
        (
            "{id: x.y, sum: [main-e.power], minus: [air.co2]}",
            "points[x.y].sum: adds up different units: kW or ppm",
        ),
        (
            "{id: main-e.power, sum: [hvac.power]}",
            "points[main-e.power].id: the device already has a point 'main-e.power'",
        ),
        ("{id: x.y, sum: [x.y]}", "'x.y' is itself a virtual point"),
        ("{id: xy, sum: [main-e.power]}", 'points[xy].id: "xy" has the wrong form, write device.point'),
        ("{id: x.y, sum: []}", "points[x.y].sum: [] is too short, write at least 1"),
    ],
)
def test_a_virtual_point_must_add_up(folder: Folder, point: str, sentence: str) -> None:
    folder.write(more=f"points:\n  - {point}\n")
    assert [found for found in folder.sentences() if sentence in found], folder.sentences()


def test_one_wrong_device_gives_one_message(folder: Folder) -> None:
    """What names the wrong device is not itself reported."""
    folder.write(("unit_id: 1,", "unit_id: 999,"), more="points:\n  - {id: x.y, sum: [main-e.power]}\n")
    assert [problem.key for problem in folder.problems()] == ["devices[main-e].unit_id"]


def test_the_other_keys_of_a_wrong_device_are_still_checked(folder: Folder) -> None:
    """Without `unit` there is no unit_id, which proves nothing; the profile and the bus do."""
    folder.write(
        ("profile: acrel-adl400, bus: east, unit_id: 1,", "profile: acrel-adl40, bus: eest, unit: 1,")
    )
    assert [problem.key for problem in folder.problems()] == [
        "devices[main-e].profile",
        "devices[main-e].bus",
        "devices[main-e].unit",
    ]


@pytest.mark.parametrize(
    ("more", "clash"),
    [
        ("dashboard: {port: 8606}\n", "dashboard.port"),
        ("collector: {port: 8600}\n", "collector.port"),
        ('worker: {host: "::", port: 8600}\n', "worker.port"),
    ],
)
def test_two_processes_on_one_port_are_named_at_the_line_that_is_written(
    folder: Folder, more: str, clash: str
) -> None:
    folder.write(more=more)
    assert [problem.key for problem in folder.problems()] == [clash]


def test_the_same_port_on_different_addresses_is_no_clash(folder: Folder) -> None:
    folder.write(more="dashboard: {host: 192.0.2.1, port: 8606}\n")
    assert folder.problems() == []


def test_a_ratio_the_meter_has_applied_itself_is_a_warning(folder: Folder) -> None:
    folder.write(("unit_id: 1,", "unit_id: 1, ct_ratio: 40,"))
    (warning,) = folder.load().warnings
    assert warning.key == "devices[main-e].ct_ratio"
    assert "primary values" in warning.wrong


def test_a_meter_below_a_meter_of_another_kind_is_a_warning(folder: Folder) -> None:
    folder.write(("unit_id: 4}", "unit_id: 4, parent: main-e}"))
    (warning,) = folder.load().warnings
    assert "'main-e' measures electricity (01), this device water (02)" in warning.wrong


def test_a_site_without_devices_is_a_warning(folder: Folder) -> None:
    folder.site.write_text("site: {id: s, name: s}\ngateway: {id: g}\n", encoding="utf-8")
    assert [warning.key for warning in folder.load().warnings] == ["devices"]


def _secret(folder: Folder) -> Path:
    folder.write(('host: "::1"', 'host: "::1", password_file: mqtt.password'))
    return folder.path / "mqtt.password"


def test_a_missing_password_file_is_named_with_the_cure(folder: Folder) -> None:
    file = _secret(folder)
    (sentence,) = folder.sentences()
    assert f"brokers[local].password_file: {file} cannot be read (No such file or directory)" in sentence
    assert f"install -m 600 /dev/null {file}" in sentence


def test_an_empty_password_file_and_a_folder_are_named(folder: Folder) -> None:
    file = _secret(folder)
    file.touch(mode=0o600)
    assert "is empty, write the secret into it" in folder.sentences()[0]
    file.unlink()
    file.mkdir()
    assert "cannot be read (Is a directory)" in folder.sentences()[0]


def test_a_secret_that_everybody_can_read_is_a_warning(folder: Folder) -> None:
    file = _secret(folder)
    file.write_text("secret\n", encoding="ascii")
    file.chmod(0o644)
    (warning,) = folder.load().warnings
    assert f"chmod 600 {file}" in warning.right
    file.chmod(0o600)
    assert folder.load().warnings == ()


def test_an_unreadable_password_file_names_the_cure(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read every file, so the refusal is played."""
    file, real = _secret(folder), Path.open

    def refuse(path: Path, mode: str = "r") -> IO[Any]:
        if path == file:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    (sentence,) = folder.sentences()
    assert f"{file} cannot be read (Permission denied)" in sentence
    assert f"`chmod 600 {file}`" in sentence


def test_the_token_of_a_paused_uplink_is_not_asked_for(folder: Folder) -> None:
    folder.write(("only: {quantities: [energy]}", "enabled: false, token_file: nowhere"))
    assert folder.problems() == []


@pytest.mark.parametrize(("host", "is_warned"), [("192.0.2.9", True), ('"::1"', False)])
def test_s12_a_brokers_password_is_warned_of_where_it_crosses_the_network_in_the_clear(
    folder: Folder, host: str, is_warned: bool
) -> None:
    (folder.path / "pw").write_text("secret")
    (folder.path / "pw").chmod(0o600)
    folder.write(('host: "::1"}', f"host: {host}, username: gateway, password_file: pw}}"))
    said = [one for one in folder.load().warnings if "in the clear" in str(one)]
    assert bool(said) is is_warned
