"""A school with three meters whose registers are known, a sender of ours, and the reference centre it speaks to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge_config.loader import load_site
from edge_config.site import LoadedSite
from edge_config.uplinks import NationalUplink
from gateway.model import Change
from gateway.uplinks.feed import Identity
from gateway.uplinks.kinds import Speaker
from gateway.uplinks.national.sender import NationalSender
from gateway.uplinks.present import speaking
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep
from simulators.centre import Centre, Temper, temper_of
from tests.uplinks.memory import MemoryFeed

SECRET = "1234567890abcdef"
ZONE = ZoneInfo("Asia/Shanghai")
QUARTER_MS = 900_000
NOW = 1_795_327_200_000  # 2026-11-22 14:00 in Shanghai
SITE = """\
site: {id: school, name: 学校}
gateway: {id: gw-1}
buses:
  - {id: east, kind: modbus-tcp, host: 192.0.2.10}
devices:
  - {id: main-e, name: 总表, profile: acrel-adl400, bus: east, unit_id: 1, energy_code: 01000}
  - {id: hvac, profile: acrel-adl400, bus: east, unit_id: 2, energy_code: 01B00, parent: main-e}
  - {id: hvac-2, profile: acrel-adl400, bus: east, unit_id: 3, energy_code: 01B00, parent: main-e}
  - {id: hvac-2a, profile: acrel-adl400, bus: east, unit_id: 4, energy_code: 01B00, parent: hvac-2}
buffer: {commit_interval_s: 0.2}
uplinks:
  - id: centre
    kind: national-tcp
    dialect: DIALECT
    differs: DIFFERS
    host: HOST
    port: PORT
    secret_file: secret
    building_id: 310101A064
    gateway_id: "01"
    meters:
      main-e: {id: "1001", functions: {energy_import: "1", energy_export: "2"}}
      hvac: {id: "1002", functions: {energy_import: "1"}}
      hvac-2: {id: "1003", functions: {energy_import: "1"}}
      hvac-2a: {id: "1004", functions: {energy_import: "1"}}
"""
METERS = {
    "main-e.energy_import": ("1001", "1", "01000"), "hvac.energy_import": ("1002", "1", "01B00"),
    "hvac-2.energy_import": ("1003", "1", "01B00"), "hvac-2a.energy_import": ("1004", "1", "01B00"),
}  # fmt: skip


def site_of(
    folder: Path, dialect: str = "mohurd", port: int = 7202, host: str = "127.0.0.1", differs: Any = None
) -> LoadedSite:
    secret = folder / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    (folder / "var").mkdir(exist_ok=True)
    text = SITE.replace("DIALECT", dialect).replace("DIFFERS", json.dumps(differs or {}))
    (folder / "site.yaml").write_text(text.replace("HOST", json.dumps(host)).replace("PORT", str(port)))
    return load_site(folder / "site.yaml")


def uplink_of(site: LoadedSite) -> NationalUplink:
    """The site's uplink, its secret by its full path; a lost answer is waited for no longer than a test can wait."""
    (uplink,) = site.file.uplinks
    assert isinstance(uplink, NationalUplink)
    secret = str(site.folder / uplink.secret_file)
    return uplink.model_copy(update={"secret_file": secret, "answer_s": 0.25, "heartbeat_s": 600.0})


def register(point: str, index: int) -> Decimal:
    """The true register of a meter ``index`` quarter-hours after NOW; steps of 0.1 kWh that are not even."""
    pace = sorted(METERS).index(point) + 1
    return Decimal("4021.7") + pace * 1000 + (Decimal(index) * 7 * pace + index % 3) / 10


def interval(point: str, index: int, **more: Any) -> dict[str, Any]:
    """The quarter-hour that ends ``index`` quarter-hours after NOW."""
    end = NOW + index * QUARTER_MS
    low, high = register(point, index - 1), register(point, index)
    return {
        "kind": "interval", "point": point, "period": "15min", "start": end - QUARTER_MS, "end": end,
        "content": "measured", "share": 1.0, "value": float(high - low), "register_start": float(low),
        "register_end": float(high), **more,
    }  # fmt: skip


def missing(point: str, index: int) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(("value", "register_start", "register_end"))
    return interval(point, index, content="missing", share=0.0, **nothing)


def change(seq: int, body: dict[str, Any], revision: int = 1) -> Change:
    return Change(seq, body["kind"], f"{body['kind']}:{seq}", revision, json.dumps(body).encode())


def changes_of(indexes: range, points: Sequence[str] = tuple(METERS), first_seq: int = 1) -> list[Change]:
    """Each quarter-hour of each meter, with what else stands in a feed in between."""
    bodies: list[dict[str, Any]] = []
    for index in indexes:
        bodies += [interval(point, index) for point in points]
        bodies.append(interval(points[0], index, period="hour"))
        bodies.append({"kind": "event", "event_id": f"e{index}"})
    return [change(seq, body) for seq, body in enumerate(bodies, first_seq)]


def local(index: int) -> datetime:
    """The instant as the centre's books have it: local, without a zone."""
    moment = datetime.fromtimestamp(NOW / 1000, UTC) + index * timedelta(minutes=15)
    return moment.astimezone(ZONE).replace(tzinfo=None)


@dataclass
class RigClock:
    """Stands until it is moved; what sleeps does so a thousand times faster."""

    now: int = NOW
    slept: list[float] = field(default_factory=list)

    def now_ms(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / 1000)

    def local_now(self) -> datetime:
        return datetime.fromtimestamp(self.now / 1000, ZONE)


@dataclass
class Rig:
    """``feed`` holds the whole feed, for what a sum looks back to."""

    site: LoadedSite
    centre: Centre
    sender: NationalSender
    clock: RigClock
    feed: MemoryFeed
    speaker: Speaker

    async def deliver(self, changes: Sequence[Change], size: int = 1000, tries_max: int = 200) -> list[Keep]:
        """Send all in stretches of so many changes, each until it is delivered; what was in the way."""
        kept: list[Keep] = []
        after = changes[0].seq - 1 if changes else 0
        for low in range(0, len(changes), size):
            part = changes[low : low + size]
            stretch = Stretch(after, part[-1].seq, part)
            for _ in range(tries_max):
                verdict = await self.sender.send(stretch)
                if isinstance(verdict, Delivered):
                    assert verdict.refused == ()
                    break
                assert isinstance(verdict, Keep), verdict
                kept.append(verdict)
                await asyncio.sleep(0.01)
            else:
                raise AssertionError(kept[-1])
            after = part[-1].seq
        return kept

    def differences_are_true(self, first: int, last: int) -> None:
        """The centre's registers of every quarter-hour are the true ones, hence every difference is."""
        ledger = self.centre.ledger
        for point, (meter, function, _) in METERS.items():
            assert ledger.missing(meter, function, local(first), local(last)) == []
            for index in range(first, last):
                told = ledger.difference(meter, function, local(index), local(index + 1))
                assert told == register(point, index + 1) - register(point, index)
        assert ledger.contradicted == 0

    async def until(self, is_so: Any) -> None:
        """Wait for the centre to have heard something."""
        while not is_so():
            self.centre.changed.clear()
            await self.centre.changed.wait()


@asynccontextmanager
async def rig(
    folder: Path,
    dialect: str = "mohurd",
    *,
    temper: Temper | None = None,
    differs: Any = None,
    changes: Sequence[Change] = (),
    host: str = "127.0.0.1",
) -> AsyncIterator[Rig]:
    clock = RigClock()
    async with Centre(temper or temper_of(dialect, SECRET), clock.local_now, host=host) as centre:
        site = site_of(folder, dialect, centre.port, host, differs)
        feed = MemoryFeed(list(changes))
        speaker = Speaker(Identity("school", "gw-1", "e-1"), site, dict, feed, clock)
        sender = NationalSender(uplink_of(site), speaker)
        async with speaking(sender):
            yield Rig(site, centre, sender, clock, feed, speaker)
