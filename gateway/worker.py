"""The worker: slow jobs beside the collector, now the daily statement (零报告).

Reads the buffer read-only and hands results to the collector over its control socket; writes nothing itself. A day's
statement always goes under the same key, so repeating one after a lost answer or a restart has no second effect. While
the collector is away, or history is being replayed, it waits and tries again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge

from edge_config.site import LoadedSite
from gateway.adopted import Adopted
from gateway.control import client
from gateway.control.protocol import Command
from gateway.errors import CollectorAwayError, ConfigError, ControlError, GatewayError
from gateway.query import completeness, facts
from gateway.query.reader import Reader
from gateway.reports import statement
from gateway.reports.statement import Statement
from gateway.slots import day_bounds
from runtime import logs
from runtime.clock import Clock
from runtime.health import Health, HealthServer

USER = "worker"
LOOK_S = 60.0
RETRY_S = 10.0
REPLAY_SILENT_MAX_MS = 10 * 60_000
"""A replay that has not said anything for this long is dead and no reason to wait."""

log = logs.get("worker")


@dataclass(slots=True)
class Figures:
    """What /healthz and /metrics say."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    problem: str | None = None
    last_day: str | None = None
    sent: Counter = field(init=False)
    pending: Gauge = field(init=False)

    def __post_init__(self) -> None:
        self.sent = Counter(
            "campus_statements_handed_over", "Daily statements accepted", registry=self.registry
        )
        self.pending = Gauge(
            "campus_statements_due", "Days whose statement is still due", registry=self.registry
        )

    def health(self) -> Health:
        return Health((self.problem,) if self.problem else (), {"last_statement": self.last_day})


class Worker:
    """``work_off`` does what is due now; ``run`` does so for ever."""

    def __init__(self, site: LoadedSite, clock: Clock) -> None:
        self._site, self._clock = site, clock
        self._reader = Reader(site, clock)
        self._adopted = Adopted()
        self.figures = Figures()

    @property
    def site(self) -> LoadedSite:
        """The site with what had been adopted by the last round."""
        return self._site

    def due(self) -> list[date]:
        """Days whose statement is due now; none while a replay is still filling them."""
        with self._reader.look() as snapshot:
            under_way = facts.activity(snapshot)
            if under_way is not None and snapshot.now - under_way.updated_at < REPLAY_SILENT_MAX_MS:
                return []
            began = facts.first_reading_at(snapshot)
            made = {row.day for row in facts.statements(snapshot, statement.DAYS_BACK_MAX)}
        first = None if began is None else datetime.fromtimestamp(began / 1000, self._site.zone).date()
        return statement.due_days(self._now(), first, made)

    def make(self, day: date) -> Statement:
        """Compute a day's statement from one snapshot of the buffer."""
        start, end = day_bounds(day, self._site.zone)
        with self._reader.look() as snapshot:
            points = completeness.completeness(snapshot, day, day, "point")
            return statement.make(day, points, facts.events_opened(snapshot, start, end))

    async def hand_over(self, day: date, *, again: bool = False) -> Statement:
        """Make and hand over one day's statement. ``again`` replaces one whose figures have changed since.

        Raises CollectorAwayError when the collector is away and ControlError when it refuses or the day is not over."""
        if day not in statement.due_days(self._now(), day, ()):
            raise ControlError(
                f"{day} cannot have a statement now: that is from 00:10 of the next day on, for {statement.DAYS_BACK_MAX} days"
            )
        made = await asyncio.to_thread(self.make, day)
        body = asdict(made)
        key = f"statement-{self._site.file.site.id}-{day}"
        if again:
            key += f"-{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:12]}"
        await client.send(self._site.control_path, Command(key, USER, "statement", made.day, body))
        self.figures.sent.inc()
        self.figures.last_day = made.day
        log.info("statement handed over", **body)
        return made

    async def take_up(self) -> None:
        """Let devices join that staff adopted since the last round."""
        site = await asyncio.to_thread(self._adopted.grown, self._site)
        if site is not self._site:
            self._site, self._reader = site, Reader(site, self._clock)

    async def work_off(self) -> list[Statement]:
        """Hand over every statement that is due, oldest first."""
        await self.take_up()
        days = await asyncio.to_thread(self.due)
        self.figures.pending.set(len(days))
        found = []
        for day in days:
            found.append(await self.hand_over(day))
            self.figures.pending.dec()
        return found

    async def run(self) -> None:
        """Work off what is due now and whenever more may be, until cancelled."""
        while True:
            await self._try()
            until_due = statement.next_due(self._now(), self._site.zone) - self._now()
            pause_s = RETRY_S if self.figures.problem else LOOK_S
            await self._clock.sleep(min(pause_s, max(1.0, until_due / timedelta(seconds=1))))

    async def _try(self) -> None:
        """The first failure is a warning, repeats are details, recovery is news."""
        try:
            await self.work_off()
        except GatewayError as error:
            say = log.debug if self.figures.problem else log.warning
            say("statements wait", error=str(error), will_retry=not _is_refusal(error))
            self.figures.problem = str(error)
            return
        if self.figures.problem:
            log.info("statements go out again")
        self.figures.problem = None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, self._site.zone)


def _is_refusal(error: GatewayError) -> bool:
    return isinstance(error, ControlError) and not isinstance(error, CollectorAwayError)


async def work(site: LoadedSite, clock: Clock, stop: asyncio.Event) -> None:
    """Run until ``stop`` is set. Raises ConfigError when the port of /healthz is taken."""
    worker = Worker(site, clock)
    server = _health_server(site, worker.figures)
    running, stopped = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        running.cancel()
        stopped.cancel()
        await asyncio.gather(running, stopped, return_exceptions=True)
        await asyncio.to_thread(server.close)


def _health_server(site: LoadedSite, figures: Figures) -> HealthServer:
    listen = site.file.worker
    try:
        return HealthServer(listen.host, listen.port, figures.registry, figures.health)
    except OSError as error:
        raise ConfigError(
            f"{listen.host} port {listen.port} cannot be used: {error.strerror}; stop what uses it or give the worker "
            "another one (site file: worker: {port: …})"
        ) from error
