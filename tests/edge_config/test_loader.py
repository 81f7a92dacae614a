"""What a whole site says when it is right, and everything it says at once when it is wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from tests.edge_config.conftest import Folder


def test_a_site_that_is_right_loads_with_its_profiles(folder: Folder) -> None:
    site = folder.load()
    assert set(site.profiles) == {"acrel-adl400", "chint-dtsu666", "pulse-water", "zigbee2mqtt-air"}
    assert site.devices["main-e"].energy_code == "01000"
    assert site.zone.key == "Asia/Shanghai"
    assert site.warnings == ()


def test_the_demo_school_loads_without_a_warning(demo: Path) -> None:
    site = load_site(demo)
    assert site.warnings == ()
    assert site.limits is not None
    assert site.calendar.days


def test_the_demo_school_loads_within_the_budget(demo: Path) -> None:
    load_site(demo)
    begun = time.process_time()  # what it costs, whatever else the machine does
    load_site(demo)
    assert time.process_time() - begun < 0.3


def test_the_demo_school_has_what_the_issue_asks_for(demo: Path) -> None:
    site = load_site(demo)
    meters = [device for device in site.file.devices if device.bus]
    sensors = [device for device in site.file.devices if device.broker]
    assert len(meters) >= 14
    assert len({device.profile for device in meters}) >= 4
    assert len(sensors) >= 30
    assert len({device.profile for device in sensors}) >= 4
    assert [bus.kind for bus in site.file.buses].count("modbus-tcp") >= 2
    assert "modbus-rtu" in [bus.kind for bus in site.file.buses]


def test_all_errors_are_listed_at_once(folder: Folder) -> None:
    folder.write(
        ("kind: building", "kind: bulding"),
        ("unit_id: 1,", "unit_id: 300,"),
        ("topic: zigbee2mqtt/air", "topik: zigbee2mqtt/air"),
        ("parent: main-e", "parent: main-f"),
        ("profile: pulse-water", "profile: pulse-watr"),
        more="timezone: Asia/Shanghai\n",
    )
    assert folder.sentences() == [
        "site.yaml:4:28: spaces[a].kind: \"bulding\" is not one of the choices, did you mean 'building'?",
        "site.yaml:13:61: devices[main-e].unit_id: 300 is out of range, it must be at most 247",
        "site.yaml:14:102: devices[hvac].parent: no device has the id 'main-f', did you mean 'main-e'?",
        (
            "site.yaml:15:26: devices[water].profile: no profile is called 'pulse-watr', did you mean 'pulse-water'?"
            " (`campus-gateway profiles list` shows all)"
        ),
        "site.yaml:16:56: devices[air].topik: is not a key of this place, did you mean 'topic'?",
        (
            "site.yaml:19:1: timezone: is not a key of this place, keys here are site, gateway, hub, spaces, buses, brokers,"
            " devices, mappings, points, tariffs, calendar, limits, quota, uplinks, buffer, collector, dashboard or worker"
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("id: school,", "id: My School,", 'site.id: "My School" has the wrong form, use lower-case letters'),
        ("id: school,", "id: 12,", 'site.id: 12 is a number where text belongs, put it in quotes: "12"'),
        ("site: {id: school, name: 学校}\n", "", "site: is missing, add the line `site: …`"),
        (
            "site: {id: school, name: 学校}",
            "site: school",
            'site: "school" where a section with keys belongs',
        ),
        ("name: 学校", "name: ''", 'site.name: "" is too short, write at least 1'),
        (
            "kind: modbus-tcp",
            "kind: modbus-tpc",
            "buses[east].kind: 'modbus-tpc' is no kind of this section, did you mean 'modbus-tcp'?",
        ),
        (
            ", kind: modbus-tcp",
            "",
            (
                "buses[east].kind: is missing, add `kind:` with modbus-tcp, modbus-rtu-over-tcp, "
                "serial-meter-over-tcp, modbus-rtu or serial-meter"
            ),
        ),
        ("host: 192.0.2.10", "hst: 192.0.2.10", "buses[east].host: is missing, add the line `host: …`"),
        (
            "host: 192.0.2.10",
            "host: x, prot: 1",
            "buses[east].prot: is not a key of this place, did you mean 'port'?",
        ),
        ("baudrate: 2400", "baudrate: 2500", "buses[line2].baudrate: 2500 is not one of the choices"),
        ("unit_id: 1,", "unit_id: one,", 'devices[main-e].unit_id: "one" is not a whole number'),
        ("unit_id: 1,", "unit_id: 1.5,", "devices[main-e].unit_id: 1.5 is not a whole number"),
        (
            "unit_id: 1,",
            "unit_id: 010,",
            "devices[main-e].unit_id: is a number that begins with 0, write it without the leading 0",
        ),
        ("ct_ratio: 40", "ct_ratio: 200/5", 'devices[hvac].ct_ratio: "200/5" is not a number'),
        ("ct_ratio: 40", "ct_ratio: 0", "devices[hvac].ct_ratio: 0 is out of range, it must be above 0"),
        (
            "energy_code: 01000",
            "energy_code: 1000",
            "devices[main-e].energy_code: 1000 is a number where text belongs",
        ),
        ("brokers:\n  - ", "brokers: ", "brokers: {"),
        ('url: "https://district.example/v1"', "url: district.example", "uplinks[district].url:"),
        (
            'host: "::1"',
            'host: "::1", protocol: 5',
            'brokers[local].protocol: 5 is a number where text belongs, put it in quotes: "5"',
        ),
        (
            "only: {quantities: [energy]}",
            "enabled: perhaps",
            'uplinks[district].enabled: "perhaps" is neither true nor false',
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    folder: Folder, old: str, new: str, sentence: str
) -> None:
    folder.write((old, new))
    assert [found for found in folder.sentences() if sentence in found]


def test_a_leading_zero_is_right_where_text_belongs(folder: Folder) -> None:
    folder.write(("unit_id: 4}", "unit_id: 4, name: 007}"))
    assert folder.load().devices["water"].name == "007"


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(SiteProblems, match=r"nowhere\.yaml:1:1: there is no such file"):
        load_site(tmp_path / "nowhere.yaml")
    with pytest.raises(SiteProblems, match=r"is a folder, name the file in it"):
        load_site(tmp_path)


def test_bytes_that_are_not_utf8_are_named_with_line_and_column(folder: Folder) -> None:
    folder.site.write_bytes(b"site:\n  name: " + "中学".encode("gbk") + b"\n")
    (sentence,) = folder.sentences()
    assert sentence.startswith("site.yaml:2:9: the byte 0xD6 is not UTF-8, save the file as UTF-8")


def test_a_byte_order_mark_does_no_harm(folder: Folder) -> None:
    folder.site.write_bytes(b"\xef\xbb\xbf" + folder.site.read_bytes())
    assert folder.problems() == []


def test_a_file_larger_than_the_limit_is_refused(folder: Folder) -> None:
    folder.site.write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    assert "larger than 4 MiB" in folder.sentences()[0]


def test_a_list_instead_of_a_site_is_one_problem(folder: Folder) -> None:
    folder.site.write_text("- a\n- b\n", encoding="utf-8")
    (sentence,) = folder.sentences()
    assert "where a section with keys belongs" in sentence


def test_limits_and_calendar_are_reported_with_their_own_file_and_line(folder: Folder) -> None:
    folder.write(more="limits: limits.yaml\ncalendar: days.csv\n")
    limit = "  - {id: a, quantity: co3, above: 1, text: x, source: y, levl: major}\n"
    (folder.path / "limits.yaml").write_text(f"valid_from: 2026-09-01\nlimits:\n{limit}", encoding="utf-8")
    (folder.path / "days.csv").write_text("date,kind,note\n2026-09-01,schol,\n", encoding="utf-8")
    assert folder.sentences() == [
        "days.csv:2:12: kind: 'schol' is no kind of day, did you mean 'school'?",
        "limits.yaml:3:58: limits[a].levl: is not a key of this place, did you mean 'level'?",
    ]


@pytest.mark.parametrize("key", ["limits", "calendar", "tariffs"])
def test_a_file_that_is_named_but_missing_is_reported_at_the_key(folder: Folder, key: str) -> None:
    folder.write(more=f"{key}: nowhere.yaml\n")
    (sentence,) = folder.sentences()
    assert sentence.startswith(
        f"site.yaml:19:{len(key) + 3}: {key}: {folder.path}/nowhere.yaml: there is no such file"
    )


def test_secrets_are_not_asked_of_a_process_that_has_no_use_for_them(folder: Folder) -> None:
    folder.write(('host: "::1"', 'host: "::1", password_file: nowhere'))
    assert folder.problems()
    assert load_site(folder.site, with_secrets=False).file.brokers[0].password_file == "nowhere"
