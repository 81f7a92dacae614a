"""The whole simulated world: the shipped collector between simulated devices, a broker and a district, and what befalls it.

``gateway.app.collect`` runs whole; replaced are the wires below its seams, the sockets for health and control, and where
SQLite is opened. A run has a storm, in which faults happen, and a calm, after which everything must have arrived.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from edge_config.schema import Bus
from gateway import app
from gateway.errors import StoreError
from runtime.health import Health
from tests.simulation.broker import Broker
from tests.simulation.chaos import CALM_S, Chaos, Options
from tests.simulation.district_side import District
from tests.simulation.journal import Clock, Journal, Message
from tests.simulation.life import Life
from tests.simulation.loop import SimLoop
from tests.simulation.meters import WORD_32, Line, SimLink
from tests.simulation.site import STARTS, meters, site_in, truth
from tests.simulation.staff import Staff
from tests.simulation.stand_ins import in_the_world

DAY_MS = 86_400_000.0
STEPS_MS = (1000.0, 61_000.0, 600_000.0, 3_600_000.0)
DAY_STEPS = 0.05
"""Of the steps to be of a day: each closes a hundred quarter-hours of every point."""
SETTLED_S = 300.0
"""Before the end, when the last late word has been spoken: a slot is computed again a minute later."""

STOP_S_MAX = 30.0
TURNS_MAX = 500
RETRY_AFTER_S = 120.0


class World:
    def __init__(self, options: Options, folder: Path) -> None:
        self.options, self.folder, self.chaos = options, folder, Chaos(options)
        self.loop = SimLoop(self.chaos.stream("order"), self._takes_s)
        self.clock = Clock(self.loop)
        self.zone, self._start_ms = self.chaos.stream("zone").choice(STARTS)
        self.journal = Journal(self.clock, zone=self.zone)
        end_s = options.storm_s + RETRY_AFTER_S + CALM_S
        self.truths = {
            name: truth(self.chaos, name, 0.9, 10**9 if name == "tb" else WORD_32, end_s)
            for name in ("w1", "w2", "w3", "e1", "tb")
        }
        self.truths["e1"].resets = self.truths["tb"].resets = []
        self._plan_replacement()
        self._meters = meters(self.truths)
        self.broker = Broker(self.chaos, self.journal)
        self.district = District(folder, self.chaos, self.journal)
        self.life: Life | None = None
        self.health: Callable[[], Health] = Health
        self.failures: list[str] = []
        self.staff = Staff(self)
        self._was_ahead = False
        self.buffer = folder

    def run(self) -> None:
        """Live through storm and calm; what went wrong on the way is in ``failures``."""
        with in_the_world(self), ExitStack() as stack:
            stack.callback(self.loop.close)
            stack.callback(self.district.database.close)
            self.loop.run_until_complete(self._main())

    async def _main(self) -> None:
        self._plan()
        for number in range(10**6):
            life = self._begin(number)
            stop = asyncio.Event()
            work = asyncio.ensure_future(app.collect(site_in(life.folder, self.zone), self.clock, stop))
            died = asyncio.ensure_future(life.crashed.wait())
            if number:
                self.loop.call_later(0.0, self.chaos.saw, "restart")
            over = asyncio.ensure_future(asyncio.sleep(self._end_s - self.loop.time()))
            await asyncio.wait({work, died, over}, return_when=asyncio.FIRST_COMPLETED)
            died.cancel()
            if over.done() and life.is_alive and not work.done():
                await self._finish(life, work, stop)
                return
            over.cancel()
            self._note_end(life, work)
            work.cancel()
            stop.set()
            await asyncio.gather(work, return_exceptions=True)  # a ghost's end is nobody's business
            life.bury()
            await asyncio.sleep(self.chaos.stream("down").uniform(1, 60) if self.chaos.is_on else 1.0)
            self._look_for_tasks("a process that died")

    def _begin(self, number: int) -> Life:
        life = Life(self.folder / f"life-{number}", self.folder / f"life-{number + 1}", self.chaos)
        self.life = self.broker.life = self.district.life = life
        self.staff.control = None
        if number and self.chaos.is_on and self.chaos.has("year_boot"):
            self._boot_in_another_year()
        self.journal.note("life", number)
        return life

    def _note_end(self, life: Life, work: asyncio.Future[None]) -> None:
        """A process may end by itself only because its disk failed."""
        self.broker.drop("connection reset")
        if not life.is_alive:
            return
        life.end()
        error = work.exception() if work.done() else None
        causes = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
        if not all(isinstance(cause, StoreError | sqlite3.Error) for cause in causes):
            raise AssertionError("the collector ended by itself") from error
        self.chaos.saw("ended by a failing disk")

    async def _finish(self, life: Life, work: asyncio.Future[None], stop: asyncio.Event) -> None:
        problems = self.health().problems
        if problems:
            self.failures.append(f"health: {problems}")
        stop.set()
        await asyncio.wait({work}, timeout=STOP_S_MAX)
        if not work.done():
            self.failures.append("the collector did not stop")
        elif work.exception() is not None:
            self.failures.append(f"the collector ended with {work.exception()!r}")
        self._look_for_tasks("a stop")
        if self.loop.turns_max > TURNS_MAX:
            self.failures.append(f"{self.loop.turns_max} turns of the loop at one instant")
        self.failures += [*self.staff.contradictions, *self.journal.overfull.values()]
        self.buffer = life.folder / "buffer.db"
        for connection in life.connections:
            connection.close()

    def _look_for_tasks(self, by: str) -> None:
        ours = {asyncio.current_task(), *self.staff.tasks}
        left = [task.get_name() for task in asyncio.all_tasks() if task not in ours]
        if left:
            self.failures.append(f"tasks left behind by {by}: {left}")

    # -- what happens by itself --------------------------------------------------------------------------------------

    def _plan(self) -> None:
        chaos, loop, storm_s = self.chaos, self.loop, self.options.storm_s
        self._end_s = storm_s + RETRY_AFTER_S + CALM_S
        rng = chaos.stream("plan")
        self.clock.marks = [(0.0, self._start_ms + rng.uniform(0, 900_000.0))]
        self.journal.device_ms = self.clock.marks[0][1]
        if chaos.has("drift"):
            chaos.saw("drift")
            self.clock.drift = rng.uniform(-2e-4, 2e-4)
        if chaos.has("wrong_boot"):
            wrong_ms = _step_ms(rng)
            self.clock.marks = [(0.0, self.journal.device_ms + wrong_ms)]
            loop.call_at(rng.uniform(20, 400), self._set_clock, "wrong_boot")
        if chaos.has("year_boot"):
            self._boot_in_another_year()
        for device, known in self.truths.items():
            for at_s, initial in known.begins.items():
                loop.call_at(at_s, self.staff.replace, device, known.register(at_s - 1e-6), initial)
        for start_s, _ in chaos.spans("acknowledged"):
            loop.call_at(start_s, self.staff.acknowledge)
        for start_s, _ in chaos.spans("crash"):
            loop.call_at(start_s, self._crash)
        for start_s, end_s in chaos.spans("stall"):
            loop.call_at(start_s, self._stall, end_s - start_s)
        for start_s, _ in chaos.spans("step"):
            loop.call_at(start_s, self._set_clock, "step")
        loop.call_at(storm_s, self._calm)
        loop.call_soon(self._speak, 0)

    def _plan_replacement(self) -> None:
        """A meter that is changed for another stands somewhere else from then on."""
        rng = self.chaos.stream("replaced/meter")
        for at_s, _ in self.chaos.spans("replaced"):
            truth = self.truths[rng.choice(("w2", "w3"))]
            truth.begins[at_s] = rng.randrange(10**6)
            truth.resets = sorted([*truth.resets, at_s])
            self.chaos.saw("replaced")

    def _boot_in_another_year(self) -> None:
        """The wall clock of a machine that lost its own; a time server corrects it soon."""
        rng = self.chaos.stream("year")
        is_first = self.loop.time() == 0.0
        if not is_first and rng.random() < 0.7:
            return
        if self._was_ahead or rng.random() < 0.5:
            self.chaos.saw("boot in 1970")
            wrong_ms = rng.uniform(0, 10 * DAY_MS)
        else:
            self.chaos.saw("boot a year ahead")
            self._was_ahead = (
                True  # once: over 500 days nothing is estimated, but between two such boots all would be
            )
            wrong_ms = self.clock.now_ms() + (365 if is_first else 500) * DAY_MS
        if is_first:
            self.clock.marks = [(0.0, wrong_ms)]
        else:
            self.clock.step(wrong_ms)
        right_at_s = self.loop.time() + rng.uniform(20, 200)
        self.loop.call_at(min(right_at_s, self.options.storm_s), self._set_clock, "year_boot")

    def _crash(self) -> None:
        if self.life is not None:
            self.life.crash("crash")

    def _stall(self, seconds: float) -> None:
        """SIGSTOP, SIGCONT: the world went on, the broker has hung up."""
        self.chaos.saw("stall")
        self.loop.advance(seconds)
        if seconds > 45:
            self.broker.drop("keep-alive")

    def _set_clock(self, why: str) -> None:
        rng, now_ms = self.chaos.stream("step/size"), self.clock.now_ms()
        right_ms = self.journal.device_ms + self.loop.time() * 1000
        is_right = why != "step" or rng.random() < 0.3
        to_ms = right_ms if is_right else now_ms + _step_ms(rng)
        self.chaos.saw("clock step back inside a slot" if to_ms < now_ms else "clock step inside a slot")
        self.chaos.saw(why)
        self.clock.step(to_ms)

    def _calm(self) -> None:
        self.chaos.is_on = False

    def _takes_s(self) -> float:
        rng = self.chaos.stream("disk")
        return rng.uniform(1, 20) if self.chaos.hits("slow_disk") else rng.uniform(0, 0.02)

    # -- what speaks by itself ---------------------------------------------------------------------------------------

    def _speak(self, number: int) -> None:
        """A meter with a clock of its own and a probe without one, once a minute."""
        chaos, loop = self.chaos, self.loop
        rng, at_s = chaos.stream("speech"), loop.time()
        energy, power = self.truths["tb"].register(at_s), rng.randrange(0, 20_000)
        time_ms = int(self.journal.device_ms + at_s * 1000)
        message = _timed(time_ms, energy, power)
        if chaos.hits("bad_payload"):
            message = Message(
                "tb", rng.choice((b"", b"{", b'{"ts":1}', b"[1]", b'{"values":{"power":NaN}}')), {}, None
            )
        elif chaos.hits("bad_time"):
            message = _timed(time_ms + rng.choice((1, -1)) * 3650 * int(DAY_MS), energy, power)
        elif chaos.hits("correction"):
            self._publish_in(rng.uniform(0, 2000), _timed(time_ms, energy, power + 1))
        self._publish_in(rng.uniform(60, 2400) if chaos.hits("held") else rng.uniform(0.005, 0.3), message)
        tenths = 100 + number % 250
        probe = Message(
            "probe/sensor/temperature/state", b"%.1f" % (tenths / 10), {"probe.temperature": tenths}, None
        )
        self.broker.publish(probe)
        loop.call_later(rng.uniform(55, 65), self._speak, number + 1)

    def _publish_in(self, delay_s: float, message: Message) -> None:
        """Late, but in time for its slot to be computed again and to arrive before the end."""
        left_s = self._end_s - SETTLED_S - self.loop.time()
        self.loop.call_later(max(0.0, min(delay_s, left_s)), self.broker.publish, message)

    # -- in place of what is below the seams -------------------------------------------------------------------------

    def link(self, bus: Bus, trace: Callable[[bool, bytes], None]) -> SimLink:
        return SimLink(Line(bus, self._meters[bus.id], self.chaos, self.journal), trace)

    def connect(self, *arguments: Any, **more: Any) -> sqlite3.Connection:
        assert self.life is not None
        return self.life.connect(*arguments, **more)

    def health_server(self, _: str, __: int, ___: object, report: Callable[[], Health]) -> SimpleNamespace:
        self.health = report
        return SimpleNamespace(close=lambda: None)


def _step_ms(rng: random.Random) -> float:
    return rng.choice((-1, 1)) * (DAY_MS if rng.random() < DAY_STEPS else rng.choice(STEPS_MS))


def _timed(time_ms: int, energy: int, power: int) -> Message:
    payload = json.dumps({"ts": time_ms, "values": {"power": power / 1000, "energy": energy / 100}}).encode()
    return Message("tb", payload, {"tb.power": power, "tb.energy_import": energy}, time_ms)
