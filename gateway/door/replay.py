"""Readings with their own times, through the same door as live ones: JSON lines → validate → store → intervals → rules.

The first line may be ``{"replay": {"expected_interval_s": 300, "start": ms, "end": ms, "total": n}}``; then each line is
``{"point": …, "measured_at": ms or ISO 8601 with a zone, "value": …}``. A line that cannot be used is named by number. So is
one from the future, which is kept as bad (PROMISES P13): as good it would make all that comes until then late.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import msgspec

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.door.ingest import Door
from gateway.errors import ConfigError
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.store import notes
from gateway.validate import CLOCK_AHEAD_MS_MAX, is_ahead
from runtime.clock import Clock, parse_utc

CHUNK = 10000
"""Rows a transaction: nobody waits for an acknowledgement here, and larger commits write fewer pages."""

LINE_MAX = 4096

FIRST_MS = 946_684_800_000
"""2000: no meter told a gateway anything before. A time below is one in seconds, and no district takes its slots."""

AHEAD_NAMED_MAX = 10
"""Lines from the future that are named by number; the others are counted."""


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """What a replay says of itself: how often its readings were taken, their span, and how many there are (about)."""

    expected_interval_s: float
    start: int
    end: int
    total: int = 0


class _FirstLine(msgspec.Struct, forbid_unknown_fields=True):
    replay: Header


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    point: str
    measured_at: int | str
    value: float


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_first = msgspec.json.Decoder(_FirstLine).decode


async def replay(
    site: LoadedSite,
    clock: Clock,
    source: str,
    lines: Iterable[bytes],
    header: Header | None,
    shown: Callable[[int, int], None],
) -> int:
    """Take in all ``lines``; the number of readings stored. ``shown`` is told (done, total) after each transaction.

    Raises ConfigError naming ``source`` and line for a line that cannot be used; what came before it is stored. Raises it at
    the end for lines from the future; all others are stored, and these as bad."""
    first, lines = _first_line(source, lines)
    header = first or header
    points = build_points(site)
    known = {point.name for point in points}
    async with Door(site, points, clock, is_replay=True, rows_max=CHUNK) as door:
        writer = asyncio.create_task(door.run())
        try:
            await _take(
                door, source, iter(enumerate(lines, start=2 if first else 1)), known, header, clock, shown
            )
        finally:
            await door.execute(lambda connection, _: notes.no_activity(connection))
            door.close()
            await writer
        return door.figures.accepted


async def _begin(door: Door, header: Header, first_at: int, now: int) -> None:
    """Its slots count as measured by the replay's own interval, from the header's start or else the first reading; never those
    to come, which live readings are to fill."""

    def span(connection: sqlite3.Connection, accounts: Accounts) -> None:
        end = min(header.end, now + CLOCK_AHEAD_MS_MAX)
        accounts.add_replay_span(connection, header.start or first_at, end, header.expected_interval_s)

    await door.execute(span)


async def _take(
    door: Door, source: str, lines: Iterable[tuple[int, bytes]], known: set[str], header: Header | None, clock: Clock,
    shown: Callable[[int, int], None],
) -> None:  # fmt: skip
    done, total = 0, header.total if header else 0
    ahead: list[int] = []
    lines = iter(lines)
    while True:
        chunk, wrong = await asyncio.to_thread(_read_chunk, source, lines, known, clock.now_ms(), ahead)
        if chunk and header is not None and done == 0:
            await _begin(door, header, chunk[0].measured_at, clock.now_ms())
        await door.offer(groups_of(chunk))
        done += len(chunk)
        now = clock.now_ms()
        state = (done, max(total, done), now)
        await door.execute(lambda connection, _, state=state: notes.activity(connection, "replay", *state))  # type: ignore[misc]
        shown(done, total)
        if wrong is not None:
            raise wrong
        if len(chunk) < CHUNK:
            break
    if ahead:
        raise _from_the_future(source, ahead)


def _read_chunk(
    source: str, lines: Iterable[tuple[int, bytes]], known: set[str], now: int, ahead: list[int]
) -> tuple[list[Reading], ConfigError | None]:
    """The next readings, and what is wrong with the line that ends them early. ``ahead`` takes the numbers of lines from the
    future, which the door judges by the same clock."""
    chunk: list[Reading] = []
    for number, line in islice(lines, CHUNK):
        try:
            item = _decode_line(line)
            at = item.measured_at if isinstance(item.measured_at, int) else parse_utc(item.measured_at)
        except (msgspec.DecodeError, ValueError) as error:
            return chunk, _unusable(source, number, line, str(error))
        if item.point not in known:
            return chunk, _unusable(source, number, line, f"the site file has no point {item.point!r}")
        if at < FIRST_MS:
            return chunk, _unusable(
                source, number, line, "measured_at lies before 2000; it is in milliseconds"
            )
        if is_ahead(at, now):
            ahead.append(number)
        chunk.append(Reading(item.point, at, now, item.value))
    return chunk, None


def _first_line(source: str, lines: Iterable[bytes]) -> tuple[Header | None, Iterable[bytes]]:
    """The header if the first line is one, and the lines that hold readings."""
    lines = iter(lines)
    first = next(lines, None)
    if first is None:
        return None, ()
    if not first.lstrip().startswith(b'{"replay"'):
        return None, _joined(first, lines)
    try:
        return _decode_first(first).replay, lines
    except msgspec.DecodeError as error:
        raise _unusable(source, 1, first, str(error)) from error


def _joined(first: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    yield first
    yield from rest


def _from_the_future(source: str, lines: Sequence[int]) -> ConfigError:
    """Named after all others are stored: one wrong clock among a year's readings must not cost the year."""
    named = ", ".join(map(str, lines[:AHEAD_NAMED_MAX])) + (", …" if len(lines) > AHEAD_NAMED_MAX else "")
    return ConfigError(
        f"{source}:{lines[0]}: measured_at lies ahead of this machine's clock; {len(lines)} such readings are kept as bad "
        f"(device_clock) and count in nothing, lines {named}. All others are stored. Set the clock, or put the times right, "
        "and replay the file once more"
    )


def _unusable(source: str, number: int, line: bytes, wrong: str) -> ConfigError:
    shown = line[:80].decode("utf-8", "replace").strip()
    return ConfigError(
        f'{source}:{number}: {wrong}; a reading is written {{"point": "main-e.energy_import", "measured_at": '
        f'1764000000000, "value": 12.3}}, here stands {shown!r}'
    )
