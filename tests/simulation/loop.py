"""An event loop without a machine under it: time jumps to the next timer, and a seed decides who runs first.

No selector, no thread and no real clock. What goes to an executor runs on the loop, one call after another for each
executor, begun after a delay and answered after another: between the two a crash finds it done and nobody told.
"""

from __future__ import annotations

import asyncio
import random
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class DeadlockError(Exception):
    """Everybody waits and no timer is left: without the simulation this would hang for ever."""


class _Future(asyncio.Future[Any]):
    """Sets keep these in the order of their numbers and not of their addresses, which differ from run to run."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[Any]):
    def __init__(self, number: int, work: Coroutine[Any, Any, Any], **more: Any) -> None:
        self._number = number
        super().__init__(work, **more)

    def __hash__(self) -> int:
        return self._number


class _Jump:
    """Stands where a selector would: waiting moves the time on."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise DeadlockError(f"nothing left to wait for at {self._loop.time():.3f} s")
        self._loop.advance(timeout)
        return []


class SimLoop(BaseEventLoop):
    """``takes_s`` says how long the next call on a thread takes; ``rng`` shuffles what is ready."""

    def __init__(self, rng: random.Random, takes_s: Callable[[], float]) -> None:
        super().__init__()
        self._now, self._rng, self._takes_s = 0.0, rng, takes_s
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        self._busy_to: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        self._made = 0
        self._turns, self._turned_at = 0, 0.0
        self.turns_max = 0
        """The most turns at one instant: work that makes work for itself, and lets nobody else have their turn."""
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Also used for a process that stood still: all timers that passed meanwhile fall due together."""
        self._now += seconds

    def create_future(self) -> asyncio.Future[Any]:
        self._made += 1
        return _Future(self._made, self)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        answer: asyncio.Future[T] = self.create_future()
        begin = self._now + self._takes_s()
        if executor is not None:  # the loop's own has threads enough
            begin = max(begin, self._busy_to.get(executor, 0.0))
            self._busy_to[executor] = begin + 1e-6
        self.call_at(begin, self._work, answer, func, args)
        return answer

    def _work(self, answer: asyncio.Future[T], func: Callable[..., T], args: tuple[Any, ...]) -> None:
        if answer.cancelled():
            return
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked, as an executor does
            self.call_later(self._takes_s(), _fail, answer, error)
        else:
            self.call_later(self._takes_s(), _answer, answer, result)

    def _make_task(self, _: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> Any:
        self._made += 1
        return _Task(self._made, work, loop=self, **more)

    def _run_once(self) -> None:
        self._turns, self._turned_at = self._turns + 1 if self._turned_at == self._now else 1, self._now
        self.turns_max = max(self.turns_max, self._turns)
        ready: Any = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            shuffled = list(ready)
            self._rng.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]

    def _process_events(self, _: list[Any]) -> None:
        """There is no machine that could tell of any."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""


def _answer(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
