"""Events about the buffer itself: full, or with readings that its own count does not find."""

from __future__ import annotations

from gateway.model import Event, Level
from gateway.rules.devices import DeviceWatch
from gateway.rules.episode import closed, opened


def buffer_full(site: str) -> DeviceWatch:
    """Its subject is the gateway."""
    return DeviceWatch(
        site, "buffer_full", Level.CRITICAL, ("缓冲区已满, 读数在设备端等待", "The buffer is full; readings wait"),
        ("清理磁盘, 或在配置中调大 budget_gib", "Make room on the disk, or raise budget_gib in the site file"),
    )  # fmt: skip


def unaccounted(site: str, point: str, at: int, missing: int) -> Event:
    """A count found ``missing`` readings less than were accepted and not shed; below 0, more. Over the moment it is said."""
    what = ("缺少", "missing") if missing > 0 else ("多出", "too many")
    evidence = {
        "text_zh": f"核对缓冲区: 读数{what[0]} {abs(missing)} 条",
        "text_en": f"Count of the buffer: {abs(missing)} readings {what[1]}",
        "advice_zh": "检查存储卡, 并保留一份缓冲区副本",
        "advice_en": "Check the card, and keep a copy of the buffer",
        "missing": missing,
    }
    return closed(opened(site, "unaccounted", point, "", at, Level.MAJOR, evidence), at)
