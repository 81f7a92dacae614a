"""Every unique key and every statement carries ``site_id``: the tables could be spread over machines by it, unchanged.

The statements are those a real district issues to a real PostgreSQL in a life that calls every function with SQL in it;
that none was left out is checked against the source.
"""

from __future__ import annotations

import ast
import re
import sys
from contextlib import closing
from pathlib import Path

import pytest

import district as room
from district import enrolment
from district.body import parse
from district.contract import Fault, Problem, Receipt, Rejected
from district.contract.answers import Trouble
from district.parcel import Parcel
from district.queue import refused
from district.relay import outbox, upkeep
from district.relay.outbox import Onward
from district.store import held_keys, points, postgres_schema, relays
from district.store.database import Database, open_database
from district.store.held_keys import OF_RELAYS
from district.store.postgres import SLOTS, PostgresConnection, _from_staging, _upsert
from tests.district import campus
from tests.district.campus import METER, NOW, WATER
from tests.district.conftest import District
from tests.district.test_postgres import POSTGRESQL_ONLY

_MADE = re.findall(r"CREATE TABLE (\w+)", " ".join(postgres_schema.TABLES))
TABLES = frozenset([*_MADE, "staging"]) - {"schema_version"}
ACROSS = {
    ("reads", "count_sites"), ("reads", "open_events"), ("school_reads", "everyone"),
}  # fmt: skip
"""The questions about all schools at once: asked of every machine, each still joined by site."""
ACROSS |= {
    *(("relays", name) for name in ("digests", "sites_of")),
    *(("outbox", name) for name in ("upstreams", "lanes_with_work")),
    *(("upkeep", name) for name in ("standings", "lanes")),
    *(("refused", name) for name in ("count", "newest")),
    ("tier_reads", "names"),
}
"""What concerns a relay as a whole: how it stands, and the key it has for several sites."""
FILE_ONLY = {("hub", "take_role"), ("hub", "site_of")}
"""A hub is a file of one campus and is never spread over machines."""
ASKS = ("rows", "run", "run_many", "upsert")

Seen = dict[tuple[str, str], set[str]]


def faults(sql: str, is_across: bool = False) -> list[str]:
    """Tables of a statement whose rows are not bound to a site."""
    flat = re.sub(r"\s+", " ", sql)
    found = []
    for verb, table, alias in re.findall(
        r"\b(INTO|FROM|JOIN|UPDATE) (\w+)(?: (?!WHERE|ON|SET|ORDER|GROUP|CROSS|LEFT|JOIN|VALUES|SELECT)(\w+))?",
        flat,
    ):
        if table not in TABLES:
            continue
        if verb == "INTO":
            if not re.search(rf'INTO {table} (?:\("?site_id"?|VALUES)', flat):
                found.append(f"INTO {table}")
        elif not re.search(rf"\b{alias}\.site_id = " if alias else r"(?<![.\w])site_id = ", flat):
            found.append(f"{verb} {table}")
    found += [
        f"ON CONFLICT {keys}"
        for keys in re.findall(r"ON CONFLICT \(([^)]*)\)", flat)
        if "site_id" not in keys
    ]
    return found[1:] if is_across and found else found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT x FROM point WHERE point = ?",
        "SELECT x FROM point p JOIN site s ON s.site_id = p.site_id WHERE p.point = ?",
        "INSERT INTO gap (key) VALUES (?)",
        "INSERT INTO gap (site_id, key) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
        "UPDATE point SET x = ? WHERE point = ?",
        "DELETE FROM batch WHERE at < ?",
    ],
)
def test_a_statement_that_is_not_bound_to_a_site_is_noticed(sql: str) -> None:
    assert faults(sql) != []


def functions_with_sql() -> set[tuple[str, str]]:
    found = set()
    for path in sorted(Path(room.__file__).parent.rglob("*.py")):
        if path.stem in {"sqlite", "postgres"}:
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            calls = (one for one in ast.walk(node) if isinstance(one, ast.Call))
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(call.func, ast.Attribute) and call.func.attr in ASKS for call in calls
            ):
                found.add((path.stem, node.name))
    return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Every statement by the function that asked."""
    heard: Seen = {}

    def listening(name: str) -> None:
        ask = getattr(PostgresConnection, name)

        def heard_and_asked(self: PostgresConnection, first: object, *values: object) -> object:
            frame = sys._getframe(1)
            while frame.f_back is not None and frame.f_code.co_name.startswith("<"):
                frame = frame.f_back
            texts = heard.setdefault((Path(frame.f_code.co_filename).stem, frame.f_code.co_name), set())
            texts.update([first] if isinstance(first, str) else [_upsert(first), _from_staging(first), SLOTS])
            return ask(self, first, *values)

        monkeypatch.setattr(PostgresConnection, name, heard_and_asked)

    for name in ASKS:
        listening(name)
    return heard


def a_relays_life(store: Database) -> None:
    """As a relay, handing on what waits; and as the district above one."""
    relays.enrol(store, "below", ["demo"], NOW)
    with store.transaction() as connection:
        (lane,) = outbox.lanes_with_work(connection, "city", "me", NOW)
        assert outbox.claim(connection, lane, "me", NOW)
        kept = outbox.oldest(connection, lane)
        assert kept is not None
        outbox.note_trouble(connection, lane, kept, Trouble.BUSY, "x", NOW)
        outbox.stop(connection, lane, kept, Fault.CLONED, "x", NOW)
        assert upkeep.resume(connection, "demo", "gw-1", "city") == 1
        refused = [Rejected(seq=kept.to_seq, reason="x")]
        receipt = Receipt(
            site="demo", gateway="gw-1", epoch=kept.epoch, from_seq=kept.from_seq, to_seq=kept.to_seq,
            count=kept.count, sha256=kept.sha256, rejected=refused, received=[(kept.from_seq, kept.to_seq)],
        )  # fmt: skip
        outbox.delivered(connection, lane, kept, receipt, NOW)
        outbox.release(connection, lane, "me")
        assert len(upkeep.standings(connection)) > 0
        upkeep.drop(connection, "demo", "gw-1", kept.epoch, "city")
        assert upkeep.end(connection, "city") == 1
    with store.transaction() as connection:
        (sha256,) = connection.rows("SELECT sha256 FROM relay_key WHERE site_id = 'demo'")[0]
        (key_id,) = connection.rows("SELECT key_id FROM relay_key WHERE site_id = 'demo'")[0]
        assert held_keys.digest_in_force(connection, OF_RELAYS, "demo", "below", key_id, NOW) == sha256
    relays.extend(store, "below", key_id, ["other"], NOW)
    assert relays.revoke(store, "below", [], NOW) == 2


async def a_life(district: District) -> None:
    """Every kind of record, every refusal, every page, every command."""
    district.service.onward = Onward(("city",), 10**6)
    gap = {"kind": "gap", "point": METER, "start": NOW, "end": NOW, "count": 3, "reason": "full"}
    statement = {
        "kind": "statement", "day": "2026-11-21", "points": 1, "slots_due": 96, "slots_measured": 96,
        "slots_estimated": 0, "slots_missing": 0, "events_opened": 0,
    }  # fmt: skip
    bodies = [
        *campus.day_slots(),
        campus.slot(
            METER,
            0,
            8.0,
            period="day",
            end=campus.MIDNIGHT + 86_400_000,
            content="estimated",
            share=0.1,
            register_start=7.0,
        ),
        campus.point(WATER, "water_volume", "m³"),
        campus.event(),
        gap,
        statement,
        campus.slot("ghost.x", 1),
    ]
    good = campus.batch(bodies)
    for raw in (good, good, campus.batch(bodies[:2]), campus.batch([campus.site("x"), *bodies[1:]])):
        await district.post(raw)
    for raw in (campus.batch(bodies, epoch="e-2"), good):
        await district.post(raw)
    of_demo = "/v1/sites/demo"
    pages = (
        "/intervals",
        f"/intervals?point={METER}&after=0:x",
        "/intervals?first_day=2026-11-22",
        "/totals",
    )
    exports = ("/reports/schools.csv", "/schools/demo/days.csv", "/schools/demo/intervals.csv")
    shown = ("/", "/schools/demo", "/reports", "/upstreams", *exports)
    for path in (*shown, "/v1/sites", "/healthz", *(of_demo + page for page in pages)):
        assert (await district.client.get(path)).status_code == 200
    with closing(open_database(district.where)) as store:
        token = enrolment.issue_token(store, "demo", "gw-2", "x", NOW)
        assert enrolment.redeem(store, token, NOW)
        a_relays_life(store)
        with store.transaction() as connection:
            problem = Problem(error=Fault.CLONED, detail="x")
            refused.keep(connection, parse(campus.envelope([], 0, 1)), Parcel(b"x", ""), problem, NOW)
            (batch,) = refused.newest(connection)
            assert refused.one(connection, batch.name) == (Parcel(b"x", ""), "cloned")
            assert refused.forget(connection, batch.name)
        enrolment.rotate(store, "demo", "gw-2", NOW, 10)
        (old, _) = enrolment.keys_in_force(store, "demo", "gw-2", NOW)
        enrolment.revoke(store, "demo", "gw-2", old.key_id, NOW)
        with store.transaction() as connection:
            points.move(connection, "demo", METER, "gw-2", "li", NOW)


@pytest.mark.real("postgresql")
@POSTGRESQL_ONLY
async def test_every_statement_is_bound_to_a_site(seen: Seen, district: District) -> None:
    await a_life(district)
    assert functions_with_sql() - set(seen) == FILE_ONLY
    wrong = {
        (where, sql): found
        for where, texts in seen.items()
        for sql in texts
        if (found := faults(sql, is_across=where in ACROSS))
    }
    assert wrong == {}


@pytest.mark.real("postgresql")
@POSTGRESQL_ONLY
async def test_every_unique_key_begins_with_the_site(district: District) -> None:
    await a_life(district)
    found = district.rows(
        "SELECT c.relname, t.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]"
        " WHERE t.relnamespace = current_schema()::regnamespace"
    )
    tables = {table for _, table, _ in found}
    assert TABLES - {"staging"} <= tables
    assert [one for one in found if one[2] != "site_id"] == []
    keyless = district.rows(
        "SELECT relname FROM pg_class c WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid)"
    )
    assert keyless == [("schema_version",)]
