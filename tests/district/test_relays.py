"""A relay's key opens the sites it was enrolled for, as their gateways; a gateway's key opens its own alone (S13)."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import closing

import pytest

from district import keys
from district.refusal import DistrictError
from district.store import relays
from district.store.database import open_database
from tests.district import campus
from tests.district.campus import NOW
from tests.district.conftest import District


def signed(key: str, raw: bytes, site: str = "demo", gateway: str = "gw-7") -> dict[str, str]:
    """By hand and not by the relay's code."""
    stored = hashlib.sha256(key.encode()).hexdigest().encode()
    message = b"POST /v1/batches\n" + hashlib.sha256(raw).hexdigest().encode()
    signature = hmac.new(stored, message, hashlib.sha256).hexdigest()
    header = f'Campus-Sign-1 relay="{key.rpartition(".")[0]}", for="{site}.{gateway}", sha256="{signature}"'
    return {"authorization": header, "content-encoding": "gzip"}


async def status(district: District, raw: bytes, headers: dict[str, str]) -> int:
    reply = await district.client.post("/v1/batches", content=raw, headers=headers)
    return reply.status_code


def enrolled(district: District, *sites: str) -> str:
    with closing(open_database(district.where)) as store:
        return relays.enrol(store, "district-1", sites, NOW)


async def test_a_relay_makes_a_gateway_of_its_sites_known_and_its_identity_stays(district: District) -> None:
    key = enrolled(district, "demo", "other")
    raw = campus.batch(campus.day_slots(), gateway="gw-7")
    assert await status(district, raw, signed(key, raw)) == 200
    assert district.rows("SELECT gateway_id, epoch FROM received WHERE site_id = 'demo'") == [("gw-7", "e-1")]
    raw = campus.batch([campus.site()], site="other", gateway="gw-1")
    assert await status(district, raw, signed(key, raw, "other", "gw-1")) == 200


async def test_a_relay_opens_no_other_site(district: District) -> None:
    key = enrolled(district, "demo")
    raw = campus.batch([campus.site()], site="other", gateway="gw-1")
    assert await status(district, raw, signed(key, raw, "other", "gw-1")) == 401
    assert await status(district, raw, signed(key, raw, "demo", "gw-1")) == 403  # says one, brings another


async def test_a_gateway_speaks_for_no_other_although_a_relay_may(district: District) -> None:
    enrolled(district, "demo")
    raw = campus.batch(campus.day_slots(), gateway="gw-7")
    assert await status(district, raw, campus.signed(district.key, raw)) == 403
    assert await status(district, raw, signed(district.key, raw)) == 401  # no relay's key


async def test_a_changed_body_or_another_key_is_refused(district: District) -> None:
    key = enrolled(district, "demo")
    raw = campus.batch(campus.day_slots(), gateway="gw-7")
    other = campus.batch(campus.day_slots(count=3), gateway="gw-7")
    assert await status(district, raw, signed(key, other)) == 401
    forged = key[:-3] + ("abc" if not key.endswith("abc") else "xyz")
    assert await status(district, raw, signed(forged, raw)) == 401


async def test_more_sites_for_a_key_and_its_end(district: District) -> None:
    key = enrolled(district, "demo")
    raw = campus.batch([campus.site()], site="other", gateway="gw-1")
    with closing(open_database(district.where)) as store:
        relays.extend(store, "district-1", key.split(".")[1], ["other"], NOW)
        with pytest.raises(DistrictError, match="no key"):
            relays.extend(store, "district-1", "nokey", ["other"], NOW)
    assert await status(district, raw, signed(key, raw, "other", "gw-1")) == 200
    with closing(open_database(district.where)) as store:
        assert relays.revoke(store, "district-1", ["other"], NOW) == 1
        assert relays.revoke(store, "district-1", [], NOW) == 1
        assert relays.revoke(store, "district-1", [], NOW) == 0
    assert await status(district, raw, signed(key, raw, "other", "gw-1")) == 401


def test_the_header_a_relay_sends_is_the_one_that_is_read() -> None:
    _, key = keys.new_relay_key("district-1")
    header = keys.relay_authorization(key, "demo", "gw-7", b"body")
    assert header is not None
    read = keys.read_authorization(header)
    assert read is not None
    assert (read.relay, read.site, read.gateway, read.key_id) == (
        "district-1",
        "demo",
        "gw-7",
        key.split(".")[1],
    )
    assert keys.fits(read, keys.digest(key), b"body")
    assert not keys.fits(read, keys.digest(key), b"other")
    _, gateway_key = keys.new_key("demo", "gw-7")
    assert keys.relay_authorization(gateway_key, "demo", "gw-7", b"body") is None
