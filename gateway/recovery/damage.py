"""Telling damage to the buffer: a gap record for what is gone, and an event for staff. Never a row left out in silence.

Knows the records of ``store.gaps`` and the words of the events; does not know how damage is found or mended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from edge_config.schema import SiteFile
from gateway.model import Level
from gateway.rules.episode import closed, opened
from gateway.store import events, gaps, quarantine
from gateway.store.changes import ChangeLog
from gateway.store.gaps import ALL_POINTS, Gap
from gateway.store.high_water import Loss
from runtime.clock import format_utc

CORRUPT = "corrupt"
UNCLEAN_END = "unclean_end"
"""Reason of a gap record whose span is one of receiving, and in which readings may be gone or not."""

EARLIEST_MS = 946_684_800_000
"""2000-01-01: a damaged row that claims an earlier time, or one ahead of us, does not know its own time."""

READINGS = ("reading", "unsynced")
AHEAD_MS = 7 * 86_400_000
NEAR_MS = 3_600_000


def tell_rows(connection: sqlite3.Connection, log: ChangeLog, site: SiteFile, now: int) -> int:
    """Tell the rows that were quarantined since the last call; how many they were. The caller flushes ``log``."""
    found = quarantine.untold(connection)
    if not found:
        return 0
    for start, end, count in _stretches(found, now):
        gaps.record(connection, log, Gap(ALL_POINTS, start, end, count, CORRUPT), now)
    evidence = {
        "text_zh": f"缓冲区有 {len(found)} 行数据损坏, 已隔离, 未使用",
        "text_en": f"{len(found)} stored rows were damaged; they were taken out and not used",
        "advice_zh": "检查存储卡; 运行 campus-gateway buffer check",
        "advice_en": "Check the storage card; run campus-gateway buffer check",
        "rows": len(found),
        "tables": sorted({row.source for row in found}),
    }
    _event(connection, log, site, "buffer_rows_damaged", now, Level.MAJOR, evidence)
    quarantine.told(connection, now)
    return len(found)


def _stretches(found: Sequence[quarantine.Found], now: int) -> list[tuple[int, int, int]]:
    """(start, end, readings) of damaged rows, those near each other as one. Of such a row nothing is certain, not even whose
    it is; its place between its neighbours says when."""
    spans = [
        (row.start, row.end, int(row.source in READINGS))
        if EARLIEST_MS <= row.start < row.end <= now + AHEAD_MS
        else (0, now, int(row.source in READINGS))
        for row in found
    ]
    joined: list[tuple[int, int, int]] = []
    for start, end, count in sorted(spans):
        if joined and start <= joined[-1][1] + NEAR_MS:
            last = joined.pop()
            joined.append((last[0], max(last[1], end), last[2] + count))
        else:
            joined.append((start, end, count))
    return joined


def tell_set_aside(
    connection: sqlite3.Connection, log: ChangeLog, site: SiteFile, file: str, why: str, now: int
) -> None:
    """紧急: the buffer was set aside and a new one begun. What is not salvaged is told when the salvage is done."""
    evidence = {
        "text_zh": f"缓冲区文件损坏, 已换用新文件, 正在抢救旧数据: {why}",
        "text_en": f"The buffer was damaged and a new one begun; the old is being salvaged: {why}",
        "advice_zh": f"更换存储卡; 旧文件保留为 {file}",
        "advice_en": f"Replace the storage card; the old file is kept as {file}",
        "file": file,
    }
    _event(connection, log, site, "buffer_damaged", now, Level.CRITICAL, evidence)


def tell_salvaged(
    connection: sqlite3.Connection, log: ChangeLog, site: SiteFile, file: str, lost: list[Gap], figures: dict[str, int],
    now: int,
) -> None:  # fmt: skip
    """A set-aside file has been read as far as it can be; ``lost`` names the stretches that cannot."""
    for gap in lost:
        gaps.record(connection, log, gap, now)
    evidence = {
        "text_zh": f"旧缓冲区抢救完成: {figures.get('reading', 0)} 条读数, {len(lost)} 段缺失",
        "text_en": f"The old buffer was salvaged: {figures.get('reading', 0)} readings, {len(lost)} stretches lost",
        "advice_zh": "如仍有疑问, 保留该文件",
        "advice_en": "Keep the file while there is doubt",
        "file": file,
        **figures,
    }
    _event(connection, log, site, "buffer_salvaged", now, Level.NOTICE, evidence)


def tell_unclean_end(
    connection: sqlite3.Connection, log: ChangeLog, site: SiteFile, start: int, opened_at: int, now: int
) -> None:
    """提示: the machine was started anew and nobody had ended the buffer. What was received since ``start`` may be gone, also
    what was accepted, where the card lies about syncing; by all that is here nothing is."""
    end = max(start, opened_at) + 1
    gaps.record(connection, log, Gap(ALL_POINTS, start, end, 0, UNCLEAN_END), now)
    zone = ZoneInfo(site.site.timezone)
    first, last = (f"{datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M:%S}" for at in (start, end))
    zh, en = (
        (f"{first} 至 {last} 期间", f"from {first} to {last}")
        if start
        else (f"{last} 之前", f"before {last}")
    )
    evidence = {
        "text_zh": f"网关上次未正常停止 (断电或死机), {zh}收到的读数可能没有存下",
        "text_en": f"The gateway was not stopped in order (power cut or crash); readings received {en} may not have been kept",
        "advice_zh": "断电前先正常关机; 经常断电时加装不间断电源 (UPS)",
        "advice_en": "Shut the gateway down before its power is cut; where cuts are frequent, add a UPS",
        "from": format_utc(start),
        "to": format_utc(end),
    }
    _event(connection, log, site, "buffer_unclean_end", now, Level.NOTICE, evidence)


def tell_loss(connection: sqlite3.Connection, log: ChangeLog, site: SiteFile, loss: Loss, now: int) -> None:
    """紧急: commits that were made are no longer in the file (its log was damaged, or an older copy was put back)."""
    reason = f"tail_lost {loss.after + 1}-{loss.to}" if loss.to > loss.after else "tail_lost"
    start, end = loss.start, max(loss.start, loss.end)
    gaps.record(connection, log, Gap(ALL_POINTS, start, end, 0, reason), now)
    evidence = {
        "text_zh": "缓冲区最后一段数据丢失 (日志损坏或恢复了旧文件)",
        "text_en": "The last stretch of the buffer is gone: its log was damaged, or an older file was put back",
        "advice_zh": "检查存储卡和电源",
        "advice_en": "Check the storage card and the power supply",
        "after_seq": loss.after,
        "to_seq": loss.to,
    }
    _event(connection, log, site, "buffer_tail_lost", now, Level.CRITICAL, evidence)


def _event(
    connection: sqlite3.Connection, log: ChangeLog, site: SiteFile, kind: str, now: int, level: Level,
    evidence: Mapping[str, object],
) -> None:  # fmt: skip
    event = closed(opened(site.site.id, kind, site.gateway.id, "", now, level, dict(evidence)), now)
    events.put(connection, log, event, now)
