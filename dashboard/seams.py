"""What the pages need from the other rooms, as protocols, so that tests can hand in a campus of their own.

``Views`` is the read-only door of ``gateway.query``; its methods block and are called on worker threads only.
``Commands`` gives staff commands to the collector.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge_config.site import LoadedSite
from gateway.query import views
from gateway.query.hub.view import Hub
from runtime.clock import Clock


class Views(Protocol):
    """Questions the pages ask. Times are UTC epoch milliseconds, days are local dates as ``2026-11-22``."""

    def at_one_moment(self) -> AbstractContextManager[Views]:
        """The same door with every answer of one moment, for all the questions of a page."""
        ...

    def overview(self) -> views.Overview: ...

    def series(self, point: str, start: int, end: int, period: str) -> views.Series: ...

    def compared(self, quantity: str, start: int, end: int) -> views.Total: ...

    def items(self, start: int, end: int) -> list[views.Share]: ...

    def tariffs(self, quantity: str, start: int, end: int) -> list[views.TariffShare]: ...

    def buildings(self, quantity: str, start: int, end: int) -> list[views.Share]: ...

    def total(
        self,
        quantity: str,
        start: int,
        end: int,
        space: str | None = None,
        points: Sequence[str] | None = None,
    ) -> views.Total: ...

    def meter_points(self, quantity: str) -> list[tuple[str, bool]]: ...

    def latest(self, points: Sequence[str] | None = None) -> list[views.Latest]: ...

    def rooms(self) -> list[views.Room]: ...

    def air_grid(self, quantity: str, day: str) -> list[views.Series]: ...

    def cold(self) -> list[views.ColdUnit]: ...

    def cold_series(self, device: str, start: int, end: int) -> views.Series: ...

    def disinfection_units(self) -> list[views.DisinfectionUnit]: ...

    def disinfection_runs(self, start: int, end: int) -> list[views.DisinfectionRun]: ...

    def alarms(
        self, state: str | None = "open", limit: int = 200, start: int | None = None, end: int | None = None
    ) -> list[views.Alarm]: ...

    def devices(self) -> list[views.DeviceRow]: ...

    def candidates(self, limit: int = 100) -> list[views.Candidate]: ...

    def uplinks(self) -> list[views.UplinkRow]: ...

    def completeness(self, first_day: str, last_day: str, level: str) -> list[views.Completeness]: ...

    def statements(self, limit: int = 35) -> list[views.Statement]: ...

    def activity(self) -> views.Activity | None: ...

    def hub(self) -> Hub | None:
        """Set where the answers are of a whole campus, from its hub: without readings and present states."""
        ...

    def change_token(self) -> object: ...


class Commands(Protocol):
    """Commands to the collector, answered after COMMIT."""

    async def send(self, command: str, subject: str, body: dict[str, Any], *, user: str, key: str) -> None:
        """Raises CollectorAwayError when nobody answers, ControlError with a sentence for the person when refused."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of. ``clock`` is the plant's; sessions run on ``real_clock``, which never runs fast."""

    site: LoadedSite
    views: Views
    commands: Commands
    clock: Clock
    real_clock: Clock
    database: Path
    is_secure: bool = False
    setup_token_file: Path | None = None
    is_hub: bool = False
    """Whether the views are those of a campus over its hub."""
