"""One campus with two gateways and its hub: what each sends, by hand, through the real ``accept`` into a real database.

The electricity main is on gw-1, its sub-meters are on gw-2. ``quarters`` is what was sent, in whole hundredths of a kWh (or
litres), so that a test can recount by itself. Nothing of ``gateway.query`` is used here.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from district import body, enrolment, hub
from district.accept import accept
from district.store.database import open_database
from edge_config.site import LoadedSite
from gateway.points import build_points
from gateway.query.hub.reader import HubReader
from tests.query.buffers import DAY_MS, QUARTER_MS, ManualClock, local_ms, school

MAIN, SUBS = (
    "main-e.energy_import",
    ("hvac-a.energy_import", "light-a.energy_import", "kitchen-e.energy_import"),
)
FLOW = {MAIN: 1000, SUBS[0]: 300, SUBS[1]: 200, SUBS[2]: 150}
FRIDGE = "fridge.temperature"
Body = dict[str, Any]


@dataclass
class Hub:
    site: LoadedSite
    path: Path
    clock: ManualClock
    midnight: int
    quarters: dict[str, dict[int, int]] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)

    @property
    def reader(self) -> HubReader:
        return HubReader(self.site, self.clock, self.path)

    def described(self, name: str) -> Body:
        point = next(one for one in build_points(self.site) if one.name == name)
        return {
            "kind": "point", "point": name, "device": point.device, "quantity": point.quantity, "unit": point.unit,
            "value_kind": point.kind.value, "step": str(point.step), "role": "total", "label_zh": "表", "label_en": "Meter",
        }  # fmt: skip

    def slot(self, name: str, start: int, steps: int | None, register: int = 0) -> Body:
        """A quarter-hour of a counter; None is missing."""
        point = next(one for one in build_points(self.site) if one.name == name)
        num, den = point.step.as_integer_ratio()
        made: Body = {
            "kind": "interval", "point": name, "period": "15min", "start": start, "end": start + QUARTER_MS,
            "content": "measured", "share": 1.0, "value": None, "register_start": None, "register_end": None,
        }  # fmt: skip
        if steps is None:
            return made | {"content": "missing", "share": 0.0}
        self.quarters.setdefault(name, {})[start] = steps
        return made | {
            "value": steps * num / den,
            "register_start": register * num / den,
            "register_end": (register + steps) * num / den,
        }

    def meter(self, name: str, start: int, end: int, register: int = 123_456) -> list[Body]:
        """Every quarter-hour of a meter, each with its own flow."""
        bodies = [self.described(name)]
        for number, at in enumerate(range(start, end, QUARTER_MS)):
            steps = FLOW[name] + number % 7
            bodies.append(self.slot(name, at, steps, register))
            register += steps
        return bodies

    def send(self, gateway: str, bodies: list[Body]) -> None:
        """As the gateway's next batch; every record must be taken."""
        low = self.sent.get(gateway, 0)
        changes = [
            {"seq": low + n, "key": f"{one['kind']}:{low + n}", "revision": 1, "body": one}
            for n, one in enumerate(bodies, 1)
        ]
        array = json.dumps(changes, ensure_ascii=False).encode()
        head = {
            "site": self.site.file.site.id, "gateway": gateway, "epoch": f"e-{gateway}", "from_seq": low,
            "to_seq": low + len(bodies), "sha256": hashlib.sha256(array).hexdigest(),
        }  # fmt: skip
        raw = json.dumps(head).encode()[:-1] + b',"changes":' + array + b"}"
        with closing(open_database(self.path)) as database:
            receipt = accept(database, body.parse(raw), self.clock.ms)
        assert receipt.rejected == []
        self.sent[gateway] = low + len(bodies)

    def counted(self, name: str, start: int, end: int) -> int:
        """What was sent of a span of whole quarter-hours, in steps."""
        return sum(steps for at, steps in self.quarters[name].items() if start <= at < end)


def opened(folder: Path) -> Hub:
    """A Wednesday, five past ten: both gateways enrolled, nothing sent."""
    site = school(folder)
    found = Hub(
        site,
        folder / "hub.db",
        ManualClock(local_ms(site, "2026-11-18", "10:05")),
        local_ms(site, "2026-11-18"),
    )
    with closing(open_database(found.path)) as database:
        for gateway in ("gw-1", "gw-2"):
            enrolment.issue_token(database, "school", gateway, "测试小学", found.clock.ms)
        assert hub.take_role(database, found.clock.ms) == "school"
    return found


def filled(folder: Path) -> Hub:
    """Eight days of the main on gw-1 and two of its sub-meters on gw-2, up to ten o'clock; an excursion and the statements."""
    found = opened(folder)
    start, end = found.midnight - 8 * DAY_MS, local_ms(found.site, "2026-11-18", "10:00")
    found.send("gw-1", found.meter(MAIN, start, end))
    for name in SUBS:
        found.send("gw-2", found.meter(name, found.midnight - 2 * DAY_MS, end))
    found.send("gw-2", [found.described(FRIDGE), *_fridge(found, end - DAY_MS, end), _excursion(end)])
    for gateway, points in (("gw-1", 1), ("gw-2", 4)):
        found.send(
            gateway,
            [statement("2026-11-16", points), *([statement("2026-11-17", 1)] if gateway == "gw-1" else [])],
        )
    return found


def _fridge(found: Hub, start: int, end: int) -> list[Body]:
    return [
        {"kind": "interval", "point": FRIDGE, "period": "15min", "start": at, "end": at + QUARTER_MS, "content": "measured",
         "share": 1.0, "mean": 4.25, "low": 3.5, "high": 5.0}
        for at in range(start, end, QUARTER_MS)
    ]  # fmt: skip


def _excursion(end: int) -> Body:
    return {
        "kind": "event", "event_id": "cold:1", "event_kind": "cold_excursion", "subject": FRIDGE, "start": end - 600_000,
        "level": 2, "state": "open", "evidence": {},
    }  # fmt: skip


def statement(day: str, points: int) -> Body:
    return {
        "kind": "statement", "day": day, "points": points, "slots_due": 96 * points, "slots_measured": 95 * points,
        "slots_estimated": 0, "slots_missing": points, "events_opened": points,
    }  # fmt: skip
