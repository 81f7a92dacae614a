"""How a serving process begins to hand on, and when it will not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from district.contract.answers import Trouble
from district.refusal import DistrictError
from district.relay import outbox
from district.relay.running import Upstream, onward_of, relaying
from district.store.database import open_database
from gateway.cli.district import district as command
from gateway.cli.district_relay import upstreams_of
from tests.district import campus
from tests.district.conftest import SQLITE_ONLY, District
from tests.district.tiers import rows

KEY = Path("relay.key")


def ran(*words: str) -> Result:
    return CliRunner().invoke(command, [*words])


@SQLITE_ONLY
async def test_a_district_that_relays_does_not_start_without_its_upstream(district: District) -> None:
    district.service.onward = onward_of([Upstream("city", "https://city.example/v1", KEY)], 64)
    assert (await district.post(campus.batch(campus.day_slots()))).status_code == 200
    with pytest.raises(
        DistrictError, match="is relayed to 'city', and what is accepted now would be missing"
    ):
        async with relaying(district.service, []):
            """Not reached."""
    assert isinstance(district.where, Path)
    said = ran("relay", "status", "--database", str(district.where)).output
    assert "city  demo/gw-1 e-1  waiting 待转发 1 (0.0 MiB, oldest 最早 2026-11-22T06:00:00.000Z)" in said
    with closing(open_database(district.where)) as store, store.transaction() as connection:
        lane = outbox.Lane("demo", "gw-1", "city")
        kept = outbox.oldest(connection, lane)
        assert kept is not None
        outbox.note_trouble(connection, lane, kept, Trouble.BUSY, "HTTP 429", district.clock.now)
    said = ran("relay", "status", "--database", str(district.where)).output
    assert "held up 受阻 busy since 自 2026-11-22T06:00:00.000Z: HTTP 429" in said
    assert ran("relay", "drop", "--database", str(district.where), "demo", "gw-1", "e-1", "city").output == (
        "demo/gw-1 e-1: 1\n"
    )
    assert rows(district.where, "SELECT count(*) FROM relay_batch") == [(0,)]
    nothing = ran("relay", "resume", "--database", str(district.where), "demo", "gw-1", "city")
    assert "nothing of gw-1 of demo is stopped" in str(nothing.exception)
    assert ran("relay", "end", "--database", str(district.where), "city").output == "city: 1\n"
    async with relaying(district.service, []):
        assert rows(district.where, "SELECT count(*) FROM relay_cursor") == [(0,)]


@SQLITE_ONLY
async def test_data_is_not_handed_on_in_the_clear_to_another_machine(district: District) -> None:
    with pytest.raises(DistrictError, match="write https://"):
        async with relaying(district.service, [Upstream("city", "http://192.0.2.1/v1", KEY)]):
            """Not reached."""


def test_each_upstream_has_a_key_and_a_name_of_its_own() -> None:
    urls = ("https://a.example/v1", "https://b.example/v1")
    assert [one.name for one in upstreams_of(urls, (KEY, KEY), ())] == ["a.example", "b.example"]
    for files, names in (((KEY,), ()), ((KEY, KEY), ("a",)), ((KEY, KEY), ("a", "a"))):
        with pytest.raises(click.UsageError):
            upstreams_of(urls, files, names)


@pytest.mark.parametrize("url", ["https://u:geheim@a.example/v1", "https://u@a.example/v1"])
def test_s19_the_url_of_a_district_above_holds_no_password(url: str) -> None:
    with pytest.raises(click.UsageError, match="take it out") as refused:
        upstreams_of((url,), (KEY,), ())
    assert "geheim" not in str(refused.value)


def test_a_relay_is_enrolled_extended_and_ended_by_its_commands(tmp_path: Path) -> None:
    database = str(tmp_path / "d.db")
    key = ran("enrol-relay", "--database", database, "district-1", "demo").output.strip()
    relay, key_id, _ = key.split(".")
    assert relay == "district-1"
    assert "is no id" in ran("enrol-relay", "--database", database, "district-1", "Demo School").output
    more = ran("enrol-relay", "--database", database, "district-1", "other", "--key-id", key_id)
    assert more.output == f"district-1 {key_id}: other\n"
    assert ran("revoke-relay", "--database", database, "district-1").output == "district-1: 2\n"
    assert "no key in force" in str(ran("revoke-relay", "--database", database, "district-1").exception)
