from __future__ import annotations

import csv
import hashlib
import io
import json
import random
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest

from edge_config.uplinks import UplinkFilter
from gateway.query.views import DayEvent, DayInterval, DayPoint, DayRecords, Statement
from gateway.uplinks.export_package import About, Part, explain, manifest, parts
from tests.district.campus import METER, MIDNIGHT, QUARTER, event, point, slot
from tests.house.source import ROOT
from tests.uplinks.memory import row

ABOUT = About("demo", "示例中学", "gw-1", ZoneInfo("Asia/Shanghai"))
SCHEMA = json.loads((ROOT / "docs" / "export-package.schema.json").read_text(encoding="utf-8"))
ENERGY = DayPoint(
    METER, "main-e", None, "active_energy_import", "kWh", "counter", "0.01", "01000", "总表", "=HYPERLINK(1)"
)
CO2 = DayPoint("air-101.co2", "air-101", "a-101", "co2", "ppm", "gauge", "1", None, "二氧化碳", "CO₂")
COUNTED = DayInterval(
    METER,
    "15min",
    MIDNIGHT,
    MIDNIGHT + QUARTER,
    "measured",
    1.0,
    2,
    value=0.1,
    register_start=100.0,
    register_end=100.1,
)
AIR = DayInterval(
    "air-101.co2",
    "hour",
    MIDNIGHT,
    MIDNIGHT + 4 * QUARTER,
    "estimated",
    0.5,
    1,
    mean=812.3333,
    low=-1.0,
    high=1250.5,
)
MISSING = DayInterval(METER, "15min", MIDNIGHT + QUARTER, MIDNIGHT + 2 * QUARTER, "missing", 0.0, 1)
EPISODE = DayEvent(
    "e1", "cold_excursion", "fridge-1", MIDNIGHT + 1, None, 1, "open", {"b": 1, "a": '引号"'}, 3
)
FIGURES = {
    "day": "2026-11-22", "points": 2, "slots_due": 3, "slots_measured": 1, "slots_estimated": 1, "slots_missing": 1,
    "events_opened": 1, "kind": "statement",
}  # fmt: skip
RECORDS = DayRecords(
    "2026-11-22", [ENERGY, CO2], [MISSING, COUNTED, AIR], [EPISODE], Statement("2026-11-22", 5, 1, FIGURES)
)


def files(records: DayRecords = RECORDS, only: UplinkFilter | None = None) -> dict[str, bytes]:
    return {part.name: part.body for part in parts(ABOUT, records, only or UplinkFilter())}


def table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def test_quarter_hours_are_this_csv() -> None:
    head = (
        "point,quantity,unit,period,start,end,start_ms,end_ms,content,share,value,register_start,register_end,mean,low,high,"
        "changes,revision\r\n"
    )
    first = (
        "main-e.energy_import,active_energy_import,kWh,15min,2026-11-22T00:00:00+08:00,2026-11-22T00:15:00+08:00,"
        "1795276800000,1795277700000,measured,1.0,0.1,100.0,100.1,,,,,2\r\n"
    )
    second = (
        "main-e.energy_import,active_energy_import,kWh,15min,2026-11-22T00:15:00+08:00,2026-11-22T00:30:00+08:00,"
        "1795277700000,1795278600000,missing,0.0,,,,,,,,1\r\n"
    )
    assert files()["intervals-15min.csv"] == b"\xef\xbb\xbf" + (head + first + second).encode()


def test_hours_are_this_json() -> None:
    assert files()["intervals-hour.json"] == (
        b'{"day":"2026-11-22","kind":"intervals","rows":[{"changes":null,"content":"estimated","end":"2026-11-22T01:00:00+08:00",'
        b'"end_ms":1795280400000,"high":1250.5,"low":-1.0,"mean":812.3333,"period":"hour","point":"air-101.co2","quantity":"co2",'
        b'"register_end":null,"register_start":null,"revision":1,"share":0.5,"start":"2026-11-22T00:00:00+08:00",'
        b'"start_ms":1795276800000,"unit":"ppm","value":null}],"schema":"campus-gateway/day-package/1","site":"demo"}\n'
    )


def test_an_event_has_its_evidence_and_no_end_while_it_lasts() -> None:
    (found,) = table(files()["events.csv"])
    assert (found["start"], found["end"], found["end_ms"]) == ("2026-11-22T00:00:00.001+08:00", "", "")
    assert json.loads(found["evidence"]) == EPISODE.evidence


def test_s9_a_text_is_no_formula_and_a_negative_figure_stays_a_figure() -> None:
    labels = {found["point"]: found["label_en"] for found in table(files()["points.csv"])}
    assert labels == {METER: "'=HYPERLINK(1)", "air-101.co2": "CO₂"}
    assert table(files()["intervals-hour.csv"])[0]["low"] == "-1.0"


def test_what_is_missing_is_an_empty_cell_and_null() -> None:
    (found,) = [one for one in table(files()["intervals-15min.csv"]) if one["content"] == "missing"]
    assert {found[key] for key in ("value", "register_start", "mean", "low", "high")} == {""}
    (held,) = [
        one for one in json.loads(files()["intervals-15min.json"])["rows"] if one["content"] == "missing"
    ]
    assert held["value"] is None


def test_a_day_with_nothing_has_every_file_and_no_row() -> None:
    empty = DayRecords("2026-11-22", [], [], [], Statement("2026-11-22", 0, 1, {**FIGURES, "points": 0}))
    found = files(empty)
    assert found.keys() == files().keys()
    assert table(found["intervals-15min.csv"]) == []
    assert table(found["statement.csv"])[0]["points"] == "0"


def test_the_same_records_in_any_order_are_the_same_bytes() -> None:
    rng = random.Random(7)
    for _ in range(5):
        mixed = replace(
            RECORDS,
            points=rng.sample(RECORDS.points, 2),
            intervals=rng.sample(RECORDS.intervals, 3),
        )
        assert files(mixed) == files()


def test_the_filter_holds_intervals_back_and_nothing_else() -> None:
    found = files(only=UplinkFilter(quantities=("energy",), periods=("15min", "day")))
    assert len(table(found["intervals-15min.csv"])) == 2
    assert table(found["intervals-hour.csv"]) == []
    assert found["points.csv"] == files()["points.csv"]
    assert found["events.json"] == files()["events.json"]


def test_the_manifest_names_every_file_with_its_digest() -> None:
    found = parts(ABOUT, RECORDS, UplinkFilter())
    body = json.loads(manifest(ABOUT, "2026-11-22", 2, "0" * 64, found))
    assert {one["name"]: one["sha256"] for one in body["files"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in files().items()
    }
    assert [(one["bytes"], one["rows"]) for one in body["files"]] == [
        (len(part.body), part.rows) for part in found
    ]
    assert (body["version"], body["replaces"], body["site"]["name"]) == (2, "0" * 64, "示例中学")
    assert "no platform's official interface" in body["note"]


@pytest.mark.parametrize("name", [name for name in files() if name.endswith(".json")])
def test_every_json_file_is_as_the_published_schema_says(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(files()[name]))


def test_the_manifest_is_as_the_published_schema_says() -> None:
    for replaces in (None, "a" * 64):
        body = json.loads(manifest(ABOUT, "2026-11-22", 1, replaces, [Part("points.csv", 0, b"")]))
        jsonschema.Draft202012Validator(SCHEMA).validate(body)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"content": "zero"},
        {"value": "1"},
        {"share": 1.5},
        {"start": "today"},
        {"extra": 1},
        {"content": "missing", "value": 0.0},
    ],
)
def test_the_schema_notices_what_is_wrong(spoilt: dict[str, Any]) -> None:
    body = json.loads(files()["intervals-15min.json"])
    body["rows"][0] |= spoilt
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(body)


def test_the_schema_itself_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_one_record_is_explained_as_its_row() -> None:
    points = {METER: ENERGY}
    found = json.loads(explain(ABOUT.zone, points, row(1, slot(METER, 0, 1.25), revision=3)))
    assert (found["value"], found["revision"], found["unit"]) == (1.25, 3, "kWh")
    counted = row(1, {**slot(METER, 0, 0.1), "register_end": 100.1}, revision=2)
    assert explain(ABOUT.zone, points, counted) == _as_bytes(files()["intervals-15min.json"])
    assert json.loads(explain(ABOUT.zone, points, row(2, event())))["event_id"] == "e1"
    assert explain(ABOUT.zone, points, row(3, point(METER))) == b""


def _as_bytes(file: bytes) -> bytes:
    """The first row of a JSON file, cut out of its text."""
    text = file[file.index(b'"rows":[') + 8 :]
    return text[: text.index(b"}") + 1] + b"\n"
