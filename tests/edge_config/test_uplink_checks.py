"""Uplinks whose keys contradict each other, or would give a secret away (S11, S19), are named, with what would be right."""

from __future__ import annotations

import pytest

from tests.edge_config.conftest import Folder

LINES = 'id: db, kind: line-protocol, url: "https://db.example:8086", db: campus'


CENTRE = (
    "id: epb, kind: hj212, host: centre.example, port: 9002, "
    "stations: [{mn: 310104SCHOOL000000000001, points: [air.temperature, air.humidity]}]"
)

HOME = "id: ha, kind: mqtt, host: ha.example, homeassistant: true"


def sentences(folder: Folder, entry: str) -> list[str]:
    folder.write(more=f"  - {{{entry}}}\n")
    return folder.sentences()


@pytest.mark.parametrize(
    "entry", [LINES, LINES.replace("db: campus", "org: o, bucket: b, space: tag"), CENTRE]
)
def test_an_uplink_that_is_right_is_loaded(folder: Folder, entry: str) -> None:
    assert sentences(folder, entry) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (", db: campus", "", "uplinks[db]: says not where to write, name `db` (InfluxDB 1.x)"),
        ("db: campus", "db: campus, bucket: b", "uplinks[db]: names both a `db` and an `org` or `bucket`"),
        ("db: campus", "org: o", "uplinks[db]: InfluxDB 2.x needs `org` and `bucket`, write both"),
        (
            "db: campus",
            "db: campus, username: u",
            "uplinks[db]: needs `username` and `password_file` together",
        ),
        (":8086", ":8086/write", "uplinks[db].url: is more than the server's address"),
        ("https:", "influx:", "uplinks[db].url"),
        ("db: campus", "db: campus, prefix: 1x", "write a word of letters, digits and underscores"),
        ("db: campus", "db: campus, token_file: nowhere", "uplinks[db].token_file"),
    ],
)
def test_a_line_protocol_uplink_that_is_wrong_is_named(
    folder: Folder, old: str, new: str, sentence: str
) -> None:
    assert old in LINES
    found = sentences(folder, LINES.replace(old, new))
    assert [one for one in found if sentence in one], found


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("310104SCHOOL000000000001", "310104", "uplinks[epb].stations[1].mn"),
        ("port: 9002", "port: 9002, st: 22a", 'write two digits in quotes, such as "22"'),
        (
            "air.humidity",
            "air.humid",
            "stations[1].points[2]: no device has the point 'air.humid', did you mean 'air.humidity'?",
        ),
        ("air.humidity", "main-e.energy_import", "is active_energy_import, which is no environment quantity"),
        ("air.humidity", "air.co2", "co2 has no factor code, agree a code with the centre"),
        ("port: 9002", "port: 9002, factors: {co2: {code: 5, unit: ppm}}", "uplinks[epb].factors.co2.code"),
        (
            "port: 9002",
            "port: 9002, factors: {voltage: {code: a1, unit: V}}",
            "no environment quantity is called 'voltage'",
        ),
        ("port: 9002", "port: 9002, password_file: nowhere", "uplinks[epb].password_file"),
        ("port: 9002", "port: 9002, realtime_interval_s: 5", "uplinks[epb].realtime_interval_s"),
    ],
)
def test_an_hj212_uplink_that_is_wrong_is_named(folder: Folder, old: str, new: str, sentence: str) -> None:
    assert old in CENTRE
    found = sentences(folder, CENTRE.replace(old, new))
    assert [one for one in found if sentence in one], found


def test_a_factor_of_the_site_file_is_as_good_as_a_packaged_one(folder: Folder) -> None:
    own = "factors: {co2: {code: a05001, unit: ppm, decimals: 0}}, stations"
    assert sentences(folder, CENTRE.replace("stations", own).replace("humidity", "co2")) == []


def test_two_points_of_one_factor_need_two_stations(folder: Folder) -> None:
    entry = CENTRE.replace("port: 9002", "port: 9002, factors: {co2: {code: a01001, unit: ppm}}").replace(
        "humidity", "co2"
    )
    assert [one for one in sentences(folder, entry) if "'air.temperature' is already factor a01001" in one]


def test_one_mn_is_one_station(folder: Folder) -> None:
    twice = CENTRE.replace("]}]", "]}, {mn: 310104SCHOOL000000000001, points: [air.humidity]}]")
    assert [one for one in sentences(folder, twice) if "the MN 310104SCHOOL000000000001 is used twice" in one]


def test_the_packaged_factors_are_of_environment_quantities_and_dated() -> None:
    from devices.quantities import QUANTITIES
    from edge_config.hj212_factors import packaged
    from edge_config.uplink_checks import ENVIRONMENT

    table = packaged()
    assert {QUANTITIES[name].group for name in table.factors} <= ENVIRONMENT
    assert table.factors["pm25"].code == "a34004"
    assert table.valid_from


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            ", homeassistant: true",
            "",
            "uplinks[ha]: is for nobody, write `homeassistant: true` or `thingsboard: true`",
        ),
        ("host: ha", "token_file: t, username: u, host: ha", "has both a `username` and a `token_file`"),
        ("host: ha", "password_file: t, host: ha", "uplinks[ha].password_file: is a password of nobody"),
        ("host: ha", "cert_file: t, ca_file: t, host: ha", "needs `cert_file` and `key_file` together"),
        ("host: ha", "cert_file: t, key_file: t, host: ha", "uplinks[ha].cert_file: is used with TLS only"),
        ("host: ha", "ca_file: nowhere, host: ha", "uplinks[ha].ca_file"),
        ("host: ha", "topic: a/#, host: ha", "uplinks[ha].topic"),
    ],
)
def test_an_mqtt_uplink_that_is_wrong_is_named(folder: Folder, old: str, new: str, sentence: str) -> None:
    assert old in HOME
    (folder.path / "t").write_text("x")
    found = sentences(folder, HOME.replace(old, new))
    assert [one for one in found if sentence in one], found


def test_a_folder_that_is_not_there_yet_is_a_warning(folder: Folder) -> None:
    folder.write(more="  - {id: base, kind: export, folder: out}\n")
    (warning,) = [one for one in folder.load().warnings if "is no folder now" in str(one)]
    assert "mkdir -p" in str(warning)
    (folder.path / "out").mkdir()
    assert not [one for one in folder.load().warnings if "is no folder now" in str(one)]


def test_every_kind_says_what_its_receipt_is() -> None:
    from typing import get_args

    from edge_config.uplinks import NationalUplink, Uplink

    kinds = get_args(get_args(Uplink)[0])
    said = {kind: vars(kind)["receipt"] for kind in kinds}
    by_dialect = {kind for kind, receipt in said.items() if isinstance(receipt, property)}
    assert by_dialect == {NationalUplink}
    assert {receipt for kind, receipt in said.items() if kind not in by_dialect} <= {
        "batch",
        "record",
        "none",
    }


@pytest.mark.parametrize(
    "entry",
    [
        LINES.replace("https://", "http://reader:geheim@"),
        LINES.replace("https://", "https://reader@"),
        'id: up, kind: district-http, url: "https://:geheim@d.example/v1"',
    ],
)
def test_s11_a_url_holds_no_password(folder: Folder, entry: str) -> None:
    """It would be shown wherever the url is: on pages, in answers, in the log."""
    found = sentences(folder, entry)
    assert [one for one in found if "holds a name or a password" in one], found


@pytest.mark.parametrize(
    ("host", "more", "is_warned"),
    [
        ("ha.example", "", True),
        ("192.0.2.9", "", True),
        ("127.0.0.1", "", False),
        ("localhost", "", False),
        ("ha.example", ", ca_file: ca.pem", False),
    ],
)
@pytest.mark.parametrize("login", ["username: u, password_file: pw", "token_file: pw"])
def test_s11_a_password_for_a_broker_elsewhere_is_warned_of_without_tls(
    folder: Folder, host: str, more: str, is_warned: bool, login: str
) -> None:
    for name in ("pw", "ca.pem"):
        (folder.path / name).write_text("secret")
        (folder.path / name).chmod(0o600)
    folder.write(more=f"  - {{{HOME.replace('ha.example', host)}, {login}{more}}}\n")
    said = [one for one in folder.load().warnings if "in the clear" in str(one)]
    assert bool(said) is is_warned, said
