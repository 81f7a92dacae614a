"""S1, S11, S19: tokens become keys once; keys rotate and end; only digests are stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from district import enrolment
from district.refusal import DistrictError
from district.store.database import Database, open_database
from tests.district import campus
from tests.district.campus import NOW
from tests.district.conftest import District
from tests.district.test_district_api import problem

DAY_MS = 24 * enrolment.HOUR_MS
GOOD = campus.batch(campus.day_slots())


@pytest.fixture
def store(where: Any) -> Iterator[Database]:
    with closing(open_database(where)) as database:
        yield database


def token(store: Database) -> str:
    return enrolment.issue_token(store, "demo", "gw-1", "示例中学", NOW)


def test_a_token_gives_one_key_once(store: Database) -> None:
    once = token(store)
    made = enrolment.redeem(store, once, NOW)
    assert made is not None
    assert (made.site, made.gateway, made.key.rsplit(".", 2)[0]) == ("demo", "gw-1", "demo.gw-1")
    assert enrolment.redeem(store, once, NOW) is None


@pytest.mark.parametrize(("age_ms", "is_good"), [(DAY_MS - 1, True), (DAY_MS, False)])
def test_a_token_is_good_for_24_hours(store: Database, age_ms: int, is_good: bool) -> None:
    assert (enrolment.redeem(store, token(store), NOW + age_ms) is not None) is is_good


@pytest.mark.parametrize(
    "wrong", ["", "x" * 40, "demo.gw-1." + "x" * 43, "no-site.gw-1." + "x" * 43, "../..", "键" * 20]
)
def test_what_is_no_token_gives_nothing(store: Database, wrong: str) -> None:
    token(store)
    assert enrolment.redeem(store, wrong, NOW) is None


def test_only_digests_are_stored(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "d.db")) as store:
        once = token(store)
        made = enrolment.redeem(store, once, NOW)
        assert made is not None
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made.key.rpartition(".")[2].encode() not in everything
    assert once.rpartition(".")[2].encode() not in everything


def test_keys_in_force_are_bounded_and_a_token_survives_the_refusal(store: Database) -> None:
    for _ in range(enrolment.KEYS_MAX):
        assert enrolment.redeem(store, token(store), NOW)
    once = token(store)
    with pytest.raises(DistrictError, match="revoke"):
        enrolment.redeem(store, once, NOW)
    oldest = enrolment.keys_in_force(store, "demo", "gw-1", NOW)[0]
    enrolment.revoke(store, "demo", "gw-1", oldest.key_id, NOW)
    assert enrolment.redeem(store, once, NOW)


def test_after_a_rotation_both_keys_are_in_force_until_the_old_one_ends(store: Database) -> None:
    enrolment.redeem(store, token(store), NOW)
    new = enrolment.rotate(store, "demo", "gw-1", NOW + 1, old_for_ms=DAY_MS)
    old_row, new_row = enrolment.keys_in_force(store, "demo", "gw-1", NOW + 2)
    assert (old_row.ends_at, new_row.ends_at) == (NOW + 1 + DAY_MS, None)
    assert [key.key_id for key in enrolment.keys_in_force(store, "demo", "gw-1", NOW + 1 + DAY_MS)] == [
        new.split(".")[2]
    ]


def test_a_rotation_never_makes_a_key_live_longer(store: Database) -> None:
    enrolment.redeem(store, token(store), NOW)
    enrolment.rotate(store, "demo", "gw-1", NOW + 1, old_for_ms=1000)
    enrolment.rotate(store, "demo", "gw-1", NOW + 2, old_for_ms=DAY_MS)
    assert enrolment.keys_in_force(store, "demo", "gw-1", NOW + 2)[0].ends_at == NOW + 1001


def test_gateways_and_keys_that_are_not_there_are_named(store: Database) -> None:
    with pytest.raises(DistrictError, match="no gateway gw-9 of demo"):
        enrolment.rotate(store, "demo", "gw-9", NOW, 0)
    with pytest.raises(DistrictError, match="no key 0123"):
        enrolment.revoke(store, "demo", "gw-1", "0123", NOW)


async def test_a_token_is_redeemed_over_the_wire_and_the_key_signs(district: District) -> None:
    with district.store() as store:
        once = token(store)
    reply = await district.client.post("/v1/enrolments", json={"token": once})
    assert reply.status_code == 200
    assert (await district.post(GOOD, key=reply.json()["key"])).status_code == 200
    assert (await district.post(GOOD)).json()["duplicate"] is True  # the key of before is in force, too
    problem(await district.client.post("/v1/enrolments", json={"token": once}), 401, "unauthorized")
    problem(await district.client.post("/v1/enrolments", json={"token": "short"}), 422, "invalid")
    problem(await district.client.post("/v1/enrolments", content=b"{"), 422, "invalid")


async def test_an_address_may_ask_for_keys_a_few_times_only(district: District) -> None:
    wrong = {"token": "demo.gw-1." + "x" * 43}
    for _ in range(10):
        problem(await district.client.post("/v1/enrolments", json=wrong), 401, "unauthorized")
    reply = await district.client.post("/v1/enrolments", json=wrong)
    problem(reply, 429, "too_many")
    assert reply.headers["retry-after"] == "10"
    district.clock.now += 10_000
    problem(await district.client.post("/v1/enrolments", json=wrong), 401, "unauthorized")


async def test_a_revoked_key_signs_no_more(district: District) -> None:
    key_id = district.key.split(".")[2]
    with district.store() as store:
        enrolment.revoke(store, "demo", "gw-1", key_id, NOW)
    problem(await district.post(GOOD), 401, "unauthorized")
