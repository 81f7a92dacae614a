"""Events about the gateway's own clock: it was moved, or nobody knows what it is worth."""

from __future__ import annotations

from gateway.model import Event, Level
from gateway.rules.devices import DeviceWatch
from gateway.rules.episode import closed, opened
from runtime.clock import format_utc

MS_PER_S = 1000


def in_doubt(site: str) -> DeviceWatch:
    """Its subject is the gateway."""
    return DeviceWatch(
        site, "clock_doubt", Level.MAJOR,
        ("网关时钟不可信, 读数已收下, 待校时后入账", "The gateway's clock cannot be right; readings wait for their time"),
        ("检查网关的网络校时 (NTP) 和时钟电池", "Check the gateway's time server (NTP) and its clock battery"),
    )  # fmt: skip


def stepped(site: str, gateway: str, before: int, after: int, *, is_back: bool) -> Event:
    """Over the moment it happened. ``is_back``: readings stamped before it are known to be dated wrong."""
    size_s = (after - before) / MS_PER_S
    evidence = {
        "text_zh": f"网关时钟调整 {size_s:+.1f} 秒",
        "text_en": f"The gateway's clock was moved by {size_s:+.1f} s",
        "advice_zh": "多次出现时检查网络校时 (NTP)",
        "advice_en": "If it happens often, check the time server (NTP)",
        "from": format_utc(before),
        "to": format_utc(after),
        "size_s": size_s,
    }
    level = Level.MINOR if is_back else Level.NOTICE
    return closed(opened(site, "clock_step", gateway, "", after, level, evidence), after)
