"""Sub-items, buildings and what is not assigned: together the total, and nobody's figure where it is not known."""

from __future__ import annotations

import pytest

from tests.query.buffers import DAY_MS
from tests.query.conftest import Campus


def test_items_and_their_rest_are_the_total(campus: Campus) -> None:
    span = campus.midnight, campus.clock.ms
    shares = campus.reader.items(*span)
    assert [share.code for share in shares] == ["A", "B", "D", ""]
    total = campus.reader.total("active_energy_import", *span).value
    assert sum(share.value or 0 for share in shares) == pytest.approx(total)
    hvac = campus.reader.total("active_energy_import", *span, points=["hvac-a.energy_import"]).value
    assert shares[1].value == pytest.approx(hvac)


def test_the_rest_is_not_known_where_a_part_is_not(campus: Campus) -> None:
    shares = campus.reader.items(campus.began - DAY_MS, campus.began)
    assert {share.value for share in shares} == {None}


def test_what_the_main_counted_after_a_part_fell_silent_is_no_rest(campus: Campus) -> None:
    now, silent_at = campus.clock.ms, campus.midnight + 3 * 3_600_000
    before = campus.reader.items(campus.midnight, silent_at)
    db = campus.buffer.connection
    (hvac,) = db.execute("SELECT point_id FROM point WHERE name = 'hvac-a.energy_import'").fetchone()
    db.execute('DELETE FROM interval WHERE point_id = ? AND "end" > ?', (hvac, silent_at))
    db.execute("DELETE FROM reading WHERE point_id = ? AND measured_at > ?", (hvac, silent_at))
    db.execute("DELETE FROM watermark WHERE point_id = ?", (hvac,))
    rest = campus.reader.items(campus.midnight, now)[-1]
    assert (rest.code, rest.value, rest.until) == ("", before[-1].value, silent_at)
    assert campus.reader.items(campus.midnight, silent_at)[-1] == before[-1]
    assert before[-1].until is None


def test_buildings_and_their_rest_are_the_total(campus: Campus) -> None:
    span = campus.midnight - DAY_MS, campus.midnight
    for quantity, codes in (
        ("active_energy_import", ["a", "canteen", ""]),
        ("water_volume", ["canteen", ""]),
    ):
        shares = campus.reader.buildings(quantity, *span)
        assert [share.code for share in shares] == codes
        assert sum(share.value or 0 for share in shares) == pytest.approx(
            campus.reader.total(quantity, *span).value
        )
