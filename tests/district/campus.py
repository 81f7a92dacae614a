"""A small school as it goes over the wire, written by hand and not by the gateway's encoder."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from district import enrolment
from district.store.database import open_database

QUARTER = 15 * 60 * 1000
NOW = 1_795_327_200_000  # 2026-11-22 14:00 in Shanghai, a whole quarter-hour
MIDNIGHT = NOW - 14 * 3_600_000
METER = "main-e.energy_import"
SUB = "hvac-a.energy_import"
WATER = "main-w.water_volume"

Body = dict[str, Any]


def site(name: str = "示例中学", **more: Any) -> Body:
    return {"kind": "site", "name": name, "timezone": "Asia/Shanghai", **more}


def point(name: str, quantity: str = "active_energy_import", unit: str = "kWh", **more: Any) -> Body:
    return {
        "kind": "point", "point": name, "device": name.partition(".")[0], "quantity": quantity, "unit": unit,
        "value_kind": "counter", "step": "0.01", "role": "total", "label_zh": "总表", "label_en": "Main meter", **more,
    }  # fmt: skip


def slot(name: str, index: int, value: float | None = 1.0, **more: Any) -> Body:
    """The ``index``-th quarter-hour after local midnight."""
    start = MIDNIGHT + index * QUARTER
    known = value is not None
    return {
        "kind": "interval", "point": name, "period": "15min", "start": start, "end": start + QUARTER,
        "content": "measured" if known else "missing", "share": 1.0 if known else 0.0, "value": value,
        "register_start": 100.0 + index if known else None, "register_end": 101.0 + index if known else None, **more,
    }  # fmt: skip


def event(event_id: str = "e1", level: int = 1, state: str = "open", **more: Any) -> Body:
    return {
        "kind": "event", "event_id": event_id, "event_kind": "cold_excursion", "subject": "fridge-1",
        "start": NOW - 3_600_000, "level": level, "state": state, **more,
    }  # fmt: skip


def day_slots(name: str = METER, count: int = 8) -> list[Body]:
    return [site(), point(name), *(slot(name, index) for index in range(count))]


def change(seq: int, body: Body, revision: int = 1) -> Body:
    return {"seq": seq, "key": f"{body['kind']}:{seq}", "revision": revision, "body": body}


def envelope(changes: Sequence[Body], low: int, high: int, /, **more: Any) -> bytes:
    """The plain JSON of a batch; ``more`` overrides what is right."""
    array = json.dumps(changes, ensure_ascii=False, indent=1).encode()  # any layout of the array is as good
    head = {
        "site": "demo", "gateway": "gw-1", "epoch": "e-1", "from_seq": low, "to_seq": high,
        "sha256": hashlib.sha256(array).hexdigest(), **more,
    }  # fmt: skip
    return json.dumps(head).encode()[:-1] + b',"changes":' + array + b"}"


def batch(bodies: Sequence[Body], after: int = 0, **more: Any) -> bytes:
    """A gzip batch of ``bodies`` numbered on from ``after``."""
    changes = [change(after + index, body) for index, body in enumerate(bodies, 1)]
    return gzip.compress(envelope(changes, after, after + len(bodies), **more))


def enrolled(
    where: Path | str, site: str = "demo", gateway: str = "gw-1", name: str = "示例中学", at: int = NOW
) -> str:
    """A gateway let in, as its operator and its installer do it; its key."""
    with closing(open_database(where)) as database:
        made = enrolment.redeem(database, enrolment.issue_token(database, site, gateway, name, at), at)
        assert made is not None
        return made.key


def signed(key: str, raw: bytes, **more: str) -> dict[str, str]:
    """The headers of a signed gzip request, by hand and not by the gateway's code."""
    stored = hashlib.sha256(key.encode()).hexdigest().encode()
    message = b"POST /v1/batches\n" + hashlib.sha256(raw).hexdigest().encode()
    signature = hmac.new(stored, message, hashlib.sha256).hexdigest()
    authorization = f'Campus-Sign-1 key="{key.rpartition(".")[0]}", sha256="{signature}"'
    return {"authorization": authorization, "content-encoding": "gzip", **more}
