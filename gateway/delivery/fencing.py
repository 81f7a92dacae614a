"""Another machine sends as this gateway, says the district: an event for staff, with the cure in words (F28)."""

from __future__ import annotations

import sqlite3

from gateway.book.accounts import Accounts
from gateway.model import Event, Level
from gateway.rules.episode import closed, opened
from gateway.store import events

KIND = "uplink_identity"

EVIDENCE = {
    "text_zh": "另一台机器正在以本网关的名义上报, 本机已停止上报, 数据都保留着",
    "text_en": "Another machine sends as this gateway; this one has stopped sending and keeps all its data",
    "advice_zh": "查一下是否复制过存储卡或恢复过旧备份, 停掉多余的那台; "
    "确认由本机上报后运行 campus-gateway buffer new-epoch SITE.yaml",
    "advice_en": "Was the card copied, or an older backup restored? Stop the other machine; if this one is the gateway, run "
    "campus-gateway buffer new-epoch SITE.yaml",
}


def tell(
    connection: sqlite3.Connection, accounts: Accounts, uplink: str, now: int, *, is_fenced: bool
) -> None:
    """Raise the event once, or end it. Runs inside a transaction."""
    known = _open_of(connection, uplink)
    if is_fenced and known is None:
        site = accounts.site.file.site.id
        accounts.say(connection, opened(site, KIND, uplink, "", now, Level.MAJOR, dict(EVIDENCE)), now)
    elif known is not None and not is_fenced:
        accounts.say(connection, closed(known, max(now, known.start)), now)


def _open_of(connection: sqlite3.Connection, uplink: str) -> Event | None:
    found = events.open_events(connection)
    return next((one for one in found if (one.kind, one.subject) == (KIND, uplink)), None)
