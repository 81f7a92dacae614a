"""The benchmark of the district at a small size: that it runs and that both sides store the same, not what it says."""

from __future__ import annotations

from contextlib import closing

import pytest

from bench import district_ingest
from bench.district_feed import POINTS
from district.store.database import Row, open_database
from tests.district.postgresql import server

pytestmark = pytest.mark.real("postgresql")


def rows(url: str) -> list[Row]:
    with closing(open_database(url)) as database, database.snapshot() as connection:
        return connection.rows("SELECT * FROM interval ORDER BY start, point")


def test_both_sides_store_the_same_rows() -> None:
    with server() as postgresql:
        ours, bare = postgresql.new_database(), postgresql.new_database()
        found = district_ingest.ingest(ours, clients=1, schools=1, records=district_ingest.BATCH, batches=2)
        assert found.rate > 0
        assert district_ingest.bare(bare, 2) > 0
        assert rows(ours) == rows(bare)
        assert len(rows(ours)) == 2 * district_ingest.BATCH
        assert POINTS <= district_ingest.BATCH
