"""Who signed a request, and what the signature is good for (S11, S13, S14)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from district import keys
from district.app import create_app
from district.rates import Buckets, Rate
from district.service import Service
from gateway.uplinks.signing import authorization
from tests.district import campus
from tests.district.conftest import District, StillClock
from tests.district.test_district_api import problem

KEY = "demo.gw-1.k1.secret"
GOOD = campus.batch(campus.day_slots())


def test_district_gateway_and_the_written_rule_sign_alike() -> None:
    by_hand = campus.signed(KEY, b"body")["authorization"]
    assert authorization(KEY, b"body") == by_hand
    signed = keys.read_authorization(by_hand)
    assert signed is not None
    assert (signed.site, signed.gateway, signed.key_id) == ("demo", "gw-1", "k1")
    assert keys.fits(signed, keys.digest(KEY), b"body")
    assert not keys.fits(signed, keys.digest(KEY), b"Body")
    assert not keys.fits(signed, keys.digest(KEY + "x"), b"body")


@pytest.mark.parametrize(
    "dress",
    [
        'campus-sign-1 key="{key}", sha256="{sha}"',
        'CAMPUS-SIGN-1 Key="{key}",SHA256="{SHA}"',
        'Campus-Sign-1 sha256="{sha}", key="{key}"',
        '  Campus-Sign-1   key = "{key}" ,  sha256 = "{SHA}"  ',
    ],
)
def test_a_signature_is_read_in_every_dress_rfc_9110_allows(dress: str) -> None:
    named = campus.signed(KEY, b"body")["authorization"].split('"')
    signed = keys.read_authorization(dress.format(key=named[1], sha=named[3], SHA=named[3].upper()))
    assert signed == keys.read_authorization(campus.signed(KEY, b"body")["authorization"])
    assert signed is not None
    assert keys.fits(signed, keys.digest(KEY), b"body")


def test_a_new_key_and_a_new_token_are_read_back() -> None:
    key_id, key = keys.new_key("demo", "gw-1")
    assert key.startswith(f"demo.gw-1.{key_id}.")
    assert keys.named_in(keys.new_token("demo", "gw-1")) == ("demo", "gw-1")
    assert keys.named_in(key) is None  # a key is no token


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer x", f"Bearer {KEY}", 'Campus-Sign-1 key="demo.gw-1", sha256="' + "0" * 64 + '"',
        'Campus-Sign-1 key="demo.gw-1.k", sha256="short"', 'Campus-Sign-1 key="demo.gw-1.k", sha256="' + "0" * 64 + '" x',
        'Campus-Sign-2 key="demo.gw-1.k", sha256="' + "0" * 64 + '"', "键", "Campus-Sign-1",
        'Campus-Sign-1 key="demo.gw-1.k", key="demo.gw-1.k", sha256="' + "0" * 64 + '"',
        'Campus-Sign-1 key="demo.gw-1.k", for="demo.gw-1", sha256="' + "0" * 64 + '"',
        'Campus-Sign-1 key="demo.gw-1.k", sha256="' + "0" * 64 + '"' + " " * 1000,
    ],
)  # fmt: skip
def test_other_headers_are_no_signature(header: str) -> None:
    assert keys.read_authorization(header) is None


async def test_s14_a_signature_holds_for_its_own_bytes_only(district: District) -> None:
    other = campus.batch(campus.day_slots(count=2))
    headers = campus.signed(district.key, GOOD)
    problem(await district.client.post("/v1/batches", content=other, headers=headers), 401, "unauthorized")
    assert district.count("interval") == 0


async def test_s14_a_copied_request_has_no_second_effect(district: District) -> None:
    headers = campus.signed(district.key, GOOD)
    for is_copy in (False, True, True):
        reply = await district.client.post("/v1/batches", content=GOOD, headers=headers)
        assert reply.json()["duplicate"] is is_copy
    assert district.count("interval") == 8


async def test_s11_s19_the_secret_never_travels(district: District) -> None:
    secret = district.key.rpartition(".")[2]
    assert secret not in str(campus.signed(district.key, GOOD))
    reply = await district.post(GOOD)
    assert secret not in reply.text + str(reply.headers)


async def test_a_gateway_that_asks_too_often_waits_and_loses_nothing(district: District) -> None:
    district.service._batches = Buckets(Rate(per_s=1.0, burst=5))
    empty = campus.signed(district.key, b"")
    for _ in range(5):
        assert (await district.client.post("/v1/batches", content=b"", headers=empty)).status_code == 400
    reply = await district.post(GOOD)
    problem(reply, 429, "too_many")
    assert reply.headers["retry-after"] == "1"
    district.clock.now += 1000
    assert (await district.post(GOOD)).status_code == 200


async def test_s14_a_request_that_was_signed_for_one_district_is_worth_nothing_at_another(
    district: District, tmp_path: Path
) -> None:
    """The same gateway is enrolled at both. The signature does not name the district, but each has its own key of the gateway."""
    with closing(Service(tmp_path / "other.db", StillClock())) as other:
        own = campus.enrolled(tmp_path / "other.db")
        headers = campus.signed(district.key, GOOD)
        assert (await district.client.post("/v1/batches", content=GOOD, headers=headers)).status_code == 200
        named, signature = own.rpartition(".")[0], headers["authorization"].split('"')[3]
        forged = headers | {"authorization": f'Campus-Sign-1 key="{named}", sha256="{signature}"'}
        transport = httpx2.ASGITransport(app=create_app(other), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://other") as client:
            for copied in (headers, forged):
                problem(await client.post("/v1/batches", content=GOOD, headers=copied), 401, "unauthorized")
            assert (await client.get("/v1/sites/demo/totals")).json()["points"] == []


async def test_s13_a_school_cannot_write_into_the_figures_of_another(district: District) -> None:
    """Neither under its own key nor by naming the other's, whose id it may have seen."""
    victim = campus.enrolled(district.where, "victim").rpartition(".")[0]
    raw = campus.batch(campus.day_slots(), site="victim")
    own = campus.signed(district.key, raw)
    problem(await district.client.post("/v1/batches", content=raw, headers=own), 403, "forbidden")
    signature = own["authorization"].split('"')[3]
    lent = own | {"authorization": f'Campus-Sign-1 key="{victim}", sha256="{signature}"'}
    problem(await district.client.post("/v1/batches", content=raw, headers=lent), 401, "unauthorized")
    assert district.rows("SELECT count(*) FROM interval WHERE site_id = ?", "victim") == [(0,)]
