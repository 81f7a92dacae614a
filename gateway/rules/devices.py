"""Events about devices themselves: silent, with a clock that cannot be right, or with a register that fell."""

from __future__ import annotations

from gateway.model import Event, Level
from gateway.rules.episode import closed, opened

RESET = "reset"
"""Kind of the event of a register that fell."""


class DeviceWatch:
    """Opens an event while a device is in a bad way and closes it when it is well: one per kind of trouble."""

    __slots__ = ("_advice", "_kind", "_level", "_open", "_site", "_text")

    def __init__(
        self, site: str, kind: str, level: Level, text: tuple[str, str], advice: tuple[str, str]
    ) -> None:
        self._site, self._kind, self._level, self._text, self._advice = site, kind, level, text, advice
        self._open: dict[str, Event] = {}

    def resume(self, event: Event) -> None:
        if event.kind == self._kind:
            self._open[event.subject] = event

    def bad(self, device: str, at: int, detail: str) -> Event | None:
        """The event this opens, or None while one is open."""
        if device in self._open:
            return None
        evidence = {
            "text_zh": self._text[0], "text_en": self._text[1], "advice_zh": self._advice[0], "advice_en": self._advice[1],
            "detail": detail,
        }  # fmt: skip
        self._open[device] = opened(self._site, self._kind, device, "", at, self._level, evidence)
        return self._open[device]

    def well(self, device: str, at: int) -> Event | None:
        """The event this closes, if one is open."""
        event = self._open.pop(device, None)
        return None if event is None else closed(event, max(at, event.start))


def offline(site: str) -> DeviceWatch:
    return DeviceWatch(
        site, "device_offline", Level.MAJOR, ("设备离线", "Device offline"),
        ("检查供电和通讯线", "Check its power and its cable"),
    )  # fmt: skip


def wrong_clock(site: str) -> DeviceWatch:
    text = ("设备时钟不对, 读数未计入", "The device's clock is wrong; its readings are not counted")
    advice = (
        "校准设备时间, 或在配置中写 time: arrival",
        "Set its clock, or write time: arrival in the site file",
    )
    return DeviceWatch(site, "clock", Level.MINOR, text, advice)


def register_fell(site: str, point: str, at: int, before: float, after: float, unit: str) -> Event:
    """A counter that fell without a rollover: a reset or a replaced meter. It is over the moment it happened."""
    evidence = {
        "text_zh": f"表底数由 {before:g} 降到 {after:g} {unit}",
        "text_en": f"Register fell from {before:g} to {after:g} {unit}",
        "advice_zh": "若换了表, 请登记新旧表底数",
        "advice_en": "If the meter was replaced, record its old and new registers",
        "before": before,
        "after": after,
        "unit": unit,
    }
    return closed(opened(site, RESET, point, "", at, Level.MINOR, evidence), at)
