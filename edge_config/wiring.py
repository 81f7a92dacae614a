"""Devices on their wires: each on one bus or broker its profile speaks, with an address of its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devices.profile import MqttProfile, Wire
from edge_config.draft import Draft, Profile
from edge_config.problems import DocPath, Finding, nearest
from edge_config.schema import Device, TcpBus
from edge_config.uplink_checks import IN_THE_CLEAR, NAME_CA
from runtime.addresses import is_loopback

MISSING, NO_WIRE = "is missing", "names neither a bus nor a broker"
LACKS = (MISSING, NO_WIRE)
"""Findings about what is not there: no proof where a wrong key was left out."""
METER_WIRES = (Wire.DLT645, Wire.CJT188)
SERIAL_LINES = ("serial-meter", "serial-meter-over-tcp", "modbus-rtu", "modbus-rtu-over-tcp")
"""Buses that carry RTU frames, DL/T 645 and CJ/T 188 in turns; modbus-tcp carries Modbus only."""
ADDRESS_DIGITS = {Wire.DLT645: 12, Wire.CJT188: 14}


def check(draft: Draft) -> Iterator[Finding]:
    """Every finding about profiles, wires and addresses."""
    for index, device in draft.devices.items():
        path: DocPath = ("devices", index)
        profile = draft.profile(device)
        if device.profile not in draft.profile_names:
            right = nearest(device.profile, draft.profile_names, "it must be a packaged one")
            right += " (`campus-gateway profiles list` shows all)"
            yield Finding((*path, "profile"), f"no profile is called {device.profile!r}", right)
        findings = [] if draft.is_campus else _wire(draft, device, profile, path)
        yield from (one for one in findings if path not in draft.patched or one.wrong not in LACKS)
        if profile is not None:
            yield from _ratios(draft, device, profile, path)
    if not draft.is_campus:
        yield from _taken_twice(_addresses(draft))
        yield from _taken_twice(_lines(draft))
        yield from certificates(draft)
    if not draft.ids.get("devices"):
        yield Finding(
            ("devices",),
            "the site has no devices",
            "add meters and sensors under `devices:`",
            is_warning=True,
        )


def _wire(draft: Draft, device: Device, profile: Profile | None, path: DocPath) -> list[Finding]:
    findings = [*_one_wire(device, path)]
    if profile is None:
        return findings
    if profile.wire in METER_WIRES:
        return [*findings, *meter(draft, device, profile, path)]
    return [*findings, *(_modbus if profile.wire is Wire.MODBUS else _mqtt)(device, path)]


def _one_wire(device: Device, path: DocPath) -> Iterator[Finding]:
    if device.bus is None and device.broker is None:
        yield Finding(path, NO_WIRE, "add `bus:` for a meter or `broker:` for an MQTT sensor")
    if device.bus is not None and device.broker is not None:
        yield Finding((*path, "broker"), "names a bus and a broker", "keep the one the device is wired to")


def _modbus(device: Device, path: DocPath) -> Iterator[Finding]:
    """A Modbus profile needs a bus, whatever its kind, and a unit id, and neither broker nor topic."""
    if device.broker is not None and device.bus is None:
        yield Finding(
            (*path, "broker"),
            f"{device.profile} is a Modbus profile on a broker",
            "write `bus:` and `unit_id:`",
        )
    elif device.unit_id is None:
        yield Finding(
            (*path, "unit_id"), MISSING, "add `unit_id:` with the meter's Modbus address (1 to 247)"
        )
    yield from _stray(device, path, ("topic", "address"), "a Modbus device")


def meter(draft: Draft, device: Device, profile: Profile, path: DocPath) -> Iterator[Finding]:
    """A DL/T 645 or CJ/T 188 profile needs a serial line and an address, and no unit id, broker or topic."""
    digits = ADDRESS_DIGITS[profile.wire]
    if device.broker is not None and device.bus is None:
        wrong = f"{device.profile} is a serial meter's profile on a broker"
        yield Finding((*path, "broker"), wrong, "write `bus:` and `address:`")
    elif device.address is None:
        right = f"add `address:` with the {digits} digits on the meter's plate"
        yield Finding((*path, "address"), MISSING, right)
    elif not (device.address.isdecimal() and len(device.address) == digits):
        wrong = f"{device.address!r} is not {digits} digits"
        right = f'write the number on the plate, in quotes, with zeros on its left: "{device.address.zfill(digits)}"'
        if len(device.address) > digits or not device.address.isdecimal():
            right = f"write the {digits} digits on the plate, in quotes"
        yield Finding((*path, "address"), wrong, right)
    bus = next((bus for bus in draft.buses.values() if bus.id == device.bus), None)
    if bus is not None and bus.kind not in SERIAL_LINES:
        wrong = f"{device.profile} is a serial meter, the bus {bus.id!r} is of kind {bus.kind}"
        right = "name a bus of kind serial-meter, serial-meter-over-tcp, modbus-rtu or modbus-rtu-over-tcp"
        yield Finding((*path, "bus"), wrong, right)
    yield from _stray(device, path, ("topic", "unit_id"), "a serial meter")


def _mqtt(device: Device, path: DocPath) -> Iterator[Finding]:
    """An MQTT profile needs a broker and a plain topic, and neither bus nor unit id."""
    if device.bus is not None and device.broker is None:
        yield Finding(
            (*path, "bus"), f"{device.profile} is an MQTT profile on a bus", "write `broker:` and `topic:`"
        )
    elif device.topic is None:
        yield Finding((*path, "topic"), MISSING, "add `topic:` as the sensor publishes it")
    elif not device.topic.strip("/") or set(device.topic) & set("+#"):
        wrong = f"{device.topic!r} is not the topic of one device"
        yield Finding((*path, "topic"), wrong, "write it in full, without + and #")
    yield from _stray(device, path, ("unit_id", "address"), "an MQTT device")


def _stray(device: Device, path: DocPath, keys: tuple[str, ...], what: str) -> Iterator[Finding]:
    for key in keys:
        if getattr(device, key) is not None:
            yield Finding((*path, key), f"means nothing for {what}", "delete it, or choose another profile")


def _ratios(draft: Draft, device: Device, profile: Profile, path: DocPath) -> Iterator[Finding]:
    """A ratio that no register of the profile uses changes nothing: the meter has applied it already."""
    points = () if isinstance(profile, MqttProfile) else profile.points.values()
    used = "".join(point.ratio for point in points)
    for key, word in (("ct_ratio", "ct"), ("pt_ratio", "pt")):
        if (*path, key) in draft.written and word not in used:
            wrong = f"has no effect, the registers of {device.profile} hold primary values"
            yield Finding(
                (*path, key),
                wrong,
                "delete it, and compare the first readings with the panel",
                is_warning=True,
            )


@dataclass(frozen=True, slots=True)
class _Claim:
    """What may be taken once: ``key`` is what is taken, ``path`` where, ``wrong`` and ``right`` what to say of a second."""

    key: tuple[str, ...]
    path: DocPath
    wrong: str
    right: str


def _taken_twice(claims: Iterable[_Claim]) -> Iterator[Finding]:
    seen: dict[tuple[str, ...], DocPath] = {}
    for claim in claims:
        first = seen.setdefault(claim.key, claim.path)
        if first != claim.path:
            yield Finding(claim.path, claim.wrong, claim.right, first)


def _addresses(draft: Draft) -> Iterator[_Claim]:
    """One bus, one unit id, one device; one line, one meter's address; one broker, one topic. An electricity and a water
    meter may have the same number, for their addresses are not equally long."""
    for index, device in draft.devices.items():
        path, bus, broker = ("devices", index), device.bus, device.broker
        if bus is not None and device.unit_id is not None:
            wrong = f"unit {device.unit_id} of bus {bus!r} is already taken"
            right = "give each meter on a bus an address of its own"
            yield _Claim(("unit", bus, str(device.unit_id)), (*path, "unit_id"), wrong, right)
        if bus is not None and device.address is not None:
            wrong = f"meter {device.address} of bus {bus!r} is already taken"
            right = "correct the one that was mistyped"
            yield _Claim(("address", bus, device.address), (*path, "address"), wrong, right)
        if broker is not None and device.topic is not None:
            wrong = f"the topic {device.topic!r} of broker {broker!r} is already taken"
            yield _Claim(
                ("topic", broker, device.topic), (*path, "topic"), wrong, "give each sensor its own topic"
            )


def _lines(draft: Draft) -> Iterator[_Claim]:
    """Two buses on one serial port or one TCP address would talk into each other's answers."""
    for index, bus in draft.buses.items():
        is_tcp = isinstance(bus, TcpBus)
        line = (bus.host, str(bus.port)) if isinstance(bus, TcpBus) else (bus.port,)
        wrong = f"another bus already uses {' port '.join(line)}"
        path: DocPath = ("buses", index, "host" if is_tcp else "port")
        yield _Claim(line, path, wrong, "put the devices of one line on one bus")


def certificates(draft: Draft) -> Iterator[Finding]:
    """A client certificate goes with its key and with the broker's CA; a password over plain TCP is open to read."""
    for index, broker in draft.brokers.items():
        path: DocPath = ("brokers", index)
        if (broker.cert_file is None) is not (broker.key_file is None):
            key, other = ("cert_file", "key_file") if broker.cert_file else ("key_file", "cert_file")
            yield Finding((*path, key), f"stands without `{other}`", "name certificate and key, or neither")
        if broker.cert_file is not None and broker.ca_file is None:
            right = "add `ca_file:` with the certificate that signed the broker's"
            yield Finding((*path, "cert_file"), "means nothing without TLS", right)
        if broker.password_file is not None and broker.ca_file is None and not is_loopback(broker.host):
            yield Finding((*path, "password_file"), IN_THE_CLEAR, NAME_CA, is_warning=True)
