"""P18: rows are proven before they are used; a damaged one is mended from memory or taken out and told, never used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.book.recompute import samples_around
from gateway.errors import DamagedBufferError, DamagedRowError
from gateway.model import Period, Reading
from gateway.recovery import damage
from gateway.store import changes, events, intervals, proof, readings
from gateway.store.database import open_writer
from gateway.store.gaps import all_gaps
from gateway.store.scrub import WALKS, Scrub, mend
from tests.gateway.conftest import T0
from tests.store.shelf import CO2, ENERGY, MINUTE, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path) as shelf:
        for minute in range(40):
            at = T0 + minute * MINUTE
            shelf.now = at
            shelf.take(Reading(ENERGY, at, at, 100 + minute / 10), Reading(CO2, at, at, 500.0))
        yield shelf


def spoilt(shelf: Shelf, sql: str) -> None:
    """Change a stored row behind its CRC, as a flipped bit does."""
    assert shelf.connection.execute(sql).rowcount >= 1


def scrubbed(shelf: Shelf) -> list[bool]:
    walk, found = Scrub(), []
    while not walk.passes:
        for table, key in walk.step(shelf.site.buffer_path):
            with shelf.transaction():
                found.append(mend(shelf.connection, table, key))
    return found


def told(shelf: Shelf) -> list[tuple[str, int, int, int, str]]:
    with shelf.transaction():
        damage.tell_rows(shelf.connection, shelf.accounts.log, shelf.site.file, shelf.now)
        shelf.accounts.log.flush(shelf.connection)
    return [(gap.point, gap.start, gap.end, gap.count, gap.reason) for gap in all_gaps(shelf.connection)]


def test_a_whole_buffer_is_read_through_and_nothing_is_found(shelf: Shelf) -> None:
    assert scrubbed(shelf) == []
    assert told(shelf) == []


@pytest.mark.parametrize(
    "column", ["value = value + 8", "lag = lag + 1", "quality = 1", "point_id = point_id + 1"]
)
def test_p18_a_damaged_reading_is_taken_out_and_told(shelf: Shelf, column: str) -> None:
    at = T0 + 3 * MINUTE
    spoilt(shelf, f"UPDATE reading SET {column} WHERE measured_at = {at} AND point_id = 4")
    assert scrubbed(shelf) == [False]
    assert told(shelf) == [("*", at - MINUTE, at + MINUTE + 1, 1, "corrupt")]
    assert told(shelf) == told(shelf), "a second time nothing new is told"
    kinds = shelf.connection.execute("SELECT kind, level FROM event").fetchall()
    assert kinds == [("buffer_rows_damaged", 2)]
    kept = shelf.connection.execute("SELECT source, bytes FROM quarantine").fetchone()
    assert kept[0] == "reading"
    assert str(at).encode() in kept[1]


def test_p18_no_interval_is_computed_from_a_damaged_reading(shelf: Shelf) -> None:
    point_id = shelf.connection.execute("SELECT point_id FROM point WHERE name = ?", (ENERGY,)).fetchone()[0]
    spoilt(
        shelf,
        f"UPDATE reading SET value = value + 4096 WHERE measured_at = {T0 + 5 * MINUTE} AND point_id = {point_id}",
    )
    with shelf.transaction():
        samples = samples_around(shelf.connection, point_id, T0, lambda _: 60_000, (T0, T0 + 60 * MINUTE))
    assert [sample.at for sample in samples if sample.at == T0 + 5 * MINUTE] == []
    assert max(sample.steps for sample in samples) < 1100


def test_p18_a_damaged_reading_does_not_enter_the_open_slots_of_a_restart(shelf: Shelf) -> None:
    spoilt(shelf, f"UPDATE reading SET value = value + 4096 WHERE measured_at = {T0 + 33 * MINUTE}")
    shelf.restart()
    newest = shelf.connection.execute("SELECT max(value) FROM reading").fetchone()[0]
    assert newest < 1100
    assert len(told(shelf)) == 1


def test_a_row_that_is_whole_in_memory_is_written_again(shelf: Shelf) -> None:
    with shelf.transaction():
        assert mend(shelf.connection, "reading", (T0, 4))
    assert scrubbed(shelf) == []


def test_a_damaged_interval_is_computed_again_under_a_higher_revision(shelf: Shelf) -> None:
    spoilt(shelf, f"UPDATE interval SET steps = steps + 7 WHERE period = '15min' AND start = {T0}")
    assert False in scrubbed(shelf)
    shelf.tick(120_000)
    rows = shelf.connection.execute(
        f"SELECT {intervals.PROVEN} FROM interval WHERE period = '15min' AND start = {T0} AND steps IS NOT NULL"
    ).fetchall()
    assert [row[6] for row in rows] == [15]
    assert all(map(proof.is_proven, rows))


def test_what_replaces_a_damaged_interval_outranks_it(shelf: Shelf) -> None:
    point_id = shelf.connection.execute("SELECT point_id FROM point WHERE name = ?", (ENERGY,)).fetchone()[0]
    spoilt(shelf, f"UPDATE interval SET revision = 3 WHERE point_id = {point_id} AND start = {T0}")
    with shelf.transaction():
        found = intervals.find(shelf.connection, point_id, ENERGY, Period.QUARTER, T0)
    assert found is not None
    assert (found[0].revision, found[0].steps, found[1]) == (3, None, 0)


def test_a_damaged_change_is_never_given_to_an_uplink(shelf: Shelf) -> None:
    seq = changes.head(shelf.connection) - 1
    spoilt(shelf, f"UPDATE change SET body = replace(body, '1', '2') WHERE seq = {seq}")
    with pytest.raises(DamagedRowError, match="change"):
        changes.read(shelf.connection, 0, 1000)
    with shelf.transaction():
        assert not mend(shelf.connection, "change", (seq,))
    assert seq not in [change.seq for change in changes.read(shelf.connection, 0, 1000)]
    assert [gap[4] for gap in told(shelf)] == ["corrupt"]


def test_a_damaged_event_is_not_taken_up(shelf: Shelf) -> None:
    with shelf.transaction():
        shelf.accounts.device_state(shelf.connection, "main-e", "offline", "silent", shelf.now)
    spoilt(shelf, "UPDATE event SET level = 4")
    with shelf.transaction():
        assert events.open_events(shelf.connection) == []


@pytest.mark.parametrize("table", ["meta", "uplink", "point"])
def test_a_small_table_that_was_changed_behind_its_seal_is_noticed(shelf: Shelf, table: str) -> None:
    with shelf.transaction():
        shelf.connection.execute("INSERT INTO uplink (uplink, cursor) VALUES ('district', 7)")
        proof.seal(shelf.connection)
    proof.check_seals(shelf.connection)
    column = {"meta": "value", "uplink": "cursor", "point": "step"}[table]
    spoilt(shelf, f"UPDATE {table} SET {column} = {column} || '1'")
    with pytest.raises(DamagedBufferError, match=table):
        proof.check_seals(shelf.connection)


def test_a_damaged_watermark_is_not_taken_up(shelf: Shelf) -> None:
    spoilt(shelf, "UPDATE watermark SET left_steps = left_steps + 1")
    with pytest.raises(DamagedBufferError, match="watermark"):
        intervals.load_marks(shelf.connection)


def test_keys_out_of_order_make_the_file_unusable() -> None:
    """A tree whose order is broken misleads every search near the place."""
    rows = [readings.row(T0 + k, 1, 0, 1, 0, None) for k in (1, 9, 3)]
    walk = Scrub()
    assert walk._judge("reading", WALKS["reading"], rows[:2]) == []
    with pytest.raises(DamagedBufferError, match="out of order"):
        walk._judge("reading", WALKS["reading"], rows[2:])


def test_a_damaged_key_beyond_its_neighbours_makes_the_file_unusable() -> None:
    rows = [readings.row(T0 + k, 1, 0, 1, 0, None) for k in (1, 2, 3)]
    misplaced = (T0 + 2**20, *rows[1][1:])
    with pytest.raises(DamagedBufferError, match="out of order"):
        Scrub()._judge("reading", WALKS["reading"], [rows[0], misplaced, rows[2]])


def test_a_schema_whose_text_cannot_be_read_is_damage(shelf: Shelf) -> None:
    """The engine's message quotes the text, and the driver fails on the message itself."""
    shelf.connection.execute("PRAGMA writable_schema=ON")
    spoilt(
        shelf,
        "UPDATE sqlite_master SET sql = CAST(CAST(sql AS BLOB) || X'AC' AS TEXT) WHERE name = 'left_out'",
    )
    shelf.connection.execute("PRAGMA writable_schema=OFF")
    with pytest.raises(DamagedBufferError, match="damaged text"):
        Scrub().step(shelf.site.buffer_path)
    with pytest.raises(DamagedBufferError, match="damaged text"):
        open_writer(shelf.site.buffer_path)
