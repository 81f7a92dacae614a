"""How one device is read, to the byte: requests as they go on the wire, topics with their fields, points. Pure.

Knows framing (Modbus Messaging 1.0b 3.1.3, Modbus over Serial Line 1.02 6.2.2) by a few lines of its own; a test compares
them with what the wire really sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from devices.profile import AnyPoint, FieldPoint, MqttProfile, RegisterPoint
from devices.registers import ratio_of, resolution
from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.commissioning.line import bus_of
from gateway.commissioning.live import place_of, target_of
from gateway.errors import ConfigError
from gateway.model import Point
from gateway.points import expected_interval_s
from gateway.sources.line_request import line_request
from gateway.sources.polled_device import ReadyBlock
from gateway.sources.request_plan import Block
from gateway.sources.sunspec_device import SunSpecPoll

WAYS = {1: "coils", 2: "discrete inputs", 3: "holding registers", 4: "input registers"}


def explain(site: LoadedSite, device_id: str) -> Iterator[str]:
    """Lines for a person. Raises ConfigError for a device that does not exist."""
    device = site.devices.get(device_id)
    if device is None:
        raise ConfigError(
            f"there is no device {device_id!r} in {site.path}; it has {', '.join(site.devices) or 'none'}"
        )
    profile = site.profiles[device.profile]
    where = device.bus or device.broker
    yield f"设备 Device {device.id}: {profile.profile} ({profile.maker.en} {', '.join(profile.models)}) on {where}"
    if isinstance(profile, MqttProfile):
        yield f"上报 Speaks every {expected_interval_s(device, profile):g} s, by itself"
        yield from _mqtt(device, profile)
    else:
        yield f"轮询 Polled every {expected_interval_s(device, profile):g} s"
        yield from _polled(site, device)
    yield from (f"注意 Caveat: {caveat}" for caveat in profile.caveats)


def rtu_frame(request: bytes) -> bytes:
    """Unit id and PDU with the CRC-16 of serial lines and serial servers, low byte first."""
    register = 0xFFFF
    for byte in request:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return request + register.to_bytes(2, "little")


def tcp_frame(request: bytes, transaction: int) -> bytes:
    """Unit id and PDU behind the header of Modbus TCP: transaction, protocol 0, length."""
    return transaction.to_bytes(2, "big") + b"\0\0" + len(request).to_bytes(2, "big") + request


def _polled(site: LoadedSite, device: Device) -> Iterator[str]:
    target = target_of(site, device.id)
    bus, polled = bus_of(site, device.bus or ""), target.poll.device
    yield f"请求 Requests of one poll to {polled.unit_id} on a {bus.kind} bus; Modbus TCP numbers its requests 1, 2, 3, …"
    for number, ready in enumerate(target.poll.blocks, start=1):
        pace = ", not at every poll" if ready.is_slow else ""
        yield f"  {number}. {', '.join(point[0] for point in ready.points)}{pace}"
        if isinstance(ready, ReadyBlock):
            yield f"     function {ready.block.function}: {_span(ready.block)}"
            yield f"     TCP  {tcp_frame(ready.request, number).hex(' ').upper()}"
            yield f"     RTU  {rtu_frame(ready.request).hex(' ').upper()}"
        else:
            yield f"     sent {line_request(ready.request).sent.hex(' ').upper()}"
    if isinstance(target.poll, SunSpecPoll):
        yield f"  as of a device whose SunSpec block begins at {target.poll.drawn_at}; where it does is found at the first poll"
    if polled.pause_s:
        yield f"  {polled.pause_s * 1000:g} ms of silence between two requests, as the maker asks"
    yield "点位 Points"
    for name, point in target.profile.points.items():
        yield f"  {device.id}.{name}: {_point(device, point, target.points[f'{device.id}.{name}'])}"


def _span(block: Block) -> str:
    return f"{block.count} {WAYS[block.function]} from {block.address} (0x{block.address:04X})"


def _point(device: Device, point: AnyPoint, known: Point) -> str:
    words = [f"{known.label_zh} {known.quantity}", place_of(point)]
    if isinstance(point, RegisterPoint):
        words.append(f"{point.type} {point.order}" + (f" bits {point.bits}" if point.bits else ""))
        words += [f"with {len(point.companions)} further numbers"] if point.companions else []
    words.append(_arithmetic(point))
    if not isinstance(point, FieldPoint) and point.ratio != "none":
        ratio = ratio_of(point, device.ct_ratio, device.pt_ratio)
        words.append(f"× {_plain(ratio)} ({point.ratio.replace('_', ' × ').upper()})")
    words.append(f"= {known.unit}, step {_plain(known.step)}, expected every {known.expected_interval_s:g} s")
    return ", ".join([*words, *_limits(point)])


def _mqtt(device: Device, profile: MqttProfile) -> Iterator[str]:
    yield f"主题 Topics, payload {profile.format}"
    by_topic: dict[str, list[str]] = {}
    for name, point in profile.points.items():
        by_topic.setdefault(f"{device.topic}{point.topic}", []).append(f"{name}: {_field(point)}")
    for topic, points in by_topic.items():
        yield f"  {topic}"
        yield from (f"    {device.id}.{point}" for point in points)
    if profile.availability is not None:
        says = profile.availability
        yield f"  {device.topic}{says.topic}"
        yield f"    online is {says.online!r}, offline is {says.offline!r}"
    time = f"{profile.time_path} ({profile.time_format})" if profile.time_path else "none, so arrival counts"
    yield f"时间 Device time: {time}" + (
        ", but the site file says time: arrival" if device.time == "arrival" else ""
    )


def _field(point: FieldPoint) -> str:
    words = [
        f"{point.info.label_zh} {point.quantity}",
        f"field {point.path}" if point.path else "the whole payload",
    ]
    if point.values:
        words.append(", ".join(f"{word!r} → {number:g}" for word, number in point.values.items()))
    words += [_arithmetic(point), f"= {point.info.unit}, step {_plain(resolution(point))}"]
    if point.unit_path:
        words.append(f"its unit from {point.unit_path}")
    return ", ".join([*words, *_limits(point)])


def _arithmetic(point: AnyPoint) -> str:
    offset = f" + {_plain(point.offset)}" if point.offset else ""
    return f"raw × {_plain(point.scale)}{offset}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _limits(point: AnyPoint) -> Iterator[str]:
    if point.range is not None:
        yield f"plausible {point.range[0]:g} to {point.range[1]:g}"
    if point.sentinels:
        yield "no value: " + ", ".join(map(str, point.sentinels))
