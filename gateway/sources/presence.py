"""Which MQTT devices are online: by what their will says, else by how long they have been silent. Pure.

Knows devices, intervals and monotonic seconds; does not know topics, brokers or sinks. A device whose
availability topic has spoken since the broker was last connected is judged by that alone, unless a message of
it proves it alive; any other is offline after three intervals (at least a minute) without a message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.sources.mapping import MqttDevice

SILENT_INTERVALS = 3
SILENT_S_MIN = 60.0

SAID_OFFLINE = "设备自报离线，请检查供电和网络 / the device went offline: check its power and network"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What ``Sink.device_state`` takes; ``is_recovery`` when the device was offline before."""

    device: str
    state: str
    detail: str
    is_recovery: bool = False


@dataclass(slots=True)
class _Known:
    allowed_s: float
    heard_s: float
    is_online: bool | None = None
    """None until the device spoke or its silence grew too long."""
    says_online: bool | None = None


class Presence:
    """All devices of one broker. ``now_s`` is monotonic; silence counts from the start until a first message."""

    def __init__(self, devices: Iterable[MqttDevice], now_s: float) -> None:
        self._known = {one.device: _known(one, now_s) for one in devices}

    def add(self, device: MqttDevice, now_s: float) -> None:
        """A device that joins while we run; its silence counts from now."""
        self._known[device.device] = _known(device, now_s)

    def heard(self, device: str, now_s: float) -> DeviceState | None:
        """A message came; the change of state this makes, if any."""
        known = self._known[device]
        known.heard_s = now_s
        if known.is_online:
            return None
        was_offline = known.is_online is False
        known.is_online, known.says_online = True, None
        return DeviceState(device, "online", "", was_offline)

    def said(self, device: str, is_online: bool, now_s: float) -> DeviceState | None:
        """Its availability topic spoke; the change of state this makes, if any."""
        known = self._known[device]
        known.says_online, known.heard_s = is_online, now_s
        if known.is_online is is_online:
            return None
        was_offline = known.is_online is False
        known.is_online = is_online
        if is_online:
            return DeviceState(device, "online", "", was_offline)
        return DeviceState(device, "offline", SAID_OFFLINE)

    def forget_said(self) -> None:
        """The broker is gone: what wills said holds no longer, silence counts again."""
        for known in self._known.values():
            known.says_online = None

    def gone_silent(self, now_s: float, why: str = "") -> list[DeviceState]:
        """Devices whose silence has just grown too long; ``why`` is the broker's own trouble, if it has any."""
        states = []
        for device, known in self._known.items():
            silent_s = now_s - known.heard_s
            if known.is_online is False or known.says_online or silent_s <= known.allowed_s:
                continue
            known.is_online = False
            states.append(DeviceState(device, "offline", why or _silence(silent_s)))
        return states


def _known(device: MqttDevice, now_s: float) -> _Known:
    return _Known(max(SILENT_S_MIN, SILENT_INTERVALS * device.interval_s), now_s)


def _silence(silent_s: float) -> str:
    return (
        f"{silent_s:.0f} 秒没有消息，请检查供电、电池和信号"
        f" / no message for {silent_s:.0f} s: check power, battery and signal"
    )
