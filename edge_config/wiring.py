"""Devices on their wires: each on one bus or broker its profile speaks, with an address of its own. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from devices.profile import ModbusProfile, Wire
from edge_config.draft import Draft, Profile
from edge_config.problems import DocPath, Finding, nearest
from edge_config.schema import Device, TcpBus

MISSING, NO_WIRE = "is missing", "names neither a bus nor a broker"
LACKS = (MISSING, NO_WIRE)
"""Findings about what is not there: no proof where a wrong key was left out."""
MODBUS_BUSES = ("modbus-tcp", "modbus-rtu-over-tcp", "modbus-rtu")


def check(draft: Draft) -> Iterator[Finding]:
    """Every finding about profiles, wires and addresses."""
    for index, device in draft.devices.items():
        path: DocPath = ("devices", index)
        profile = draft.profile(device)
        if device.profile not in draft.profile_names:
            right = nearest(device.profile, draft.profile_names, "it must be a packaged one")
            right += " (`campus-gateway profiles list` shows all)"
            yield Finding((*path, "profile"), f"no profile is called {device.profile!r}", right)
        findings = [*_one_wire(device, path)]
        if profile is not None:
            findings += _modbus(draft, device, path) if profile.wire is Wire.MODBUS else _mqtt(device, path)
        yield from (one for one in findings if path not in draft.patched or one.wrong not in LACKS)
        if profile is not None:
            yield from _ratios(draft, device, profile, path)
    yield from same_unit(draft)
    yield from same_topic(draft)
    yield from same_line(draft)
    if not draft.ids.get("devices"):
        yield Finding(
            ("devices",),
            "the site has no devices",
            "add meters and sensors under `devices:`",
            is_warning=True,
        )


def _one_wire(device: Device, path: DocPath) -> Iterator[Finding]:
    if device.bus is None and device.broker is None:
        yield Finding(path, NO_WIRE, "add `bus:` for a meter or `broker:` for an MQTT sensor")
    if device.bus is not None and device.broker is not None:
        yield Finding((*path, "broker"), "names a bus and a broker", "keep the one the device is wired to")


def _modbus(draft: Draft, device: Device, path: DocPath) -> Iterator[Finding]:
    """A Modbus profile needs a Modbus bus and a unit id, and neither broker nor topic."""
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
    bus = next((bus for bus in draft.buses.values() if bus.id == device.bus), None)
    if bus is not None and bus.kind not in MODBUS_BUSES:
        wrong = f"{device.profile} speaks Modbus, the bus {bus.id!r} is of kind {bus.kind}"
        yield Finding(
            (*path, "bus"), wrong, "name a bus of kind modbus-tcp, modbus-rtu-over-tcp or modbus-rtu"
        )
    yield from _stray(device, path, ("topic", "address"), "a Modbus device")


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
    points = profile.points.values() if isinstance(profile, ModbusProfile) else ()
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


def same_unit(draft: Draft) -> Iterator[Finding]:
    """One bus, one unit id, one device."""
    seen: dict[tuple[str, int], DocPath] = {}
    for index, device in draft.devices.items():
        if device.bus is None or device.unit_id is None:
            continue
        path: DocPath = ("devices", index, "unit_id")
        first = seen.setdefault((device.bus, device.unit_id), path)
        if first != path:
            wrong = f"unit {device.unit_id} of bus {device.bus!r} is already taken"
            yield Finding(path, wrong, "give each meter on a bus an address of its own", first)


def same_topic(draft: Draft) -> Iterator[Finding]:
    """One broker, one topic, one device."""
    seen: dict[tuple[str, str], DocPath] = {}
    for index, device in draft.devices.items():
        if device.broker is None or device.topic is None:
            continue
        path: DocPath = ("devices", index, "topic")
        first = seen.setdefault((device.broker, device.topic), path)
        if first != path:
            wrong = f"the topic {device.topic!r} of broker {device.broker!r} is already taken"
            yield Finding(path, wrong, "give each sensor its own topic", first)


def same_line(draft: Draft) -> Iterator[Finding]:
    """Two buses on one serial port or one TCP address would talk into each other's answers."""
    seen: dict[tuple[str, int], DocPath] = {}
    for index, bus in draft.buses.items():
        tcp = isinstance(bus, TcpBus)
        line = (bus.host, bus.port) if isinstance(bus, TcpBus) else (bus.port, 0)
        path: DocPath = ("buses", index, "host" if tcp else "port")
        first = seen.setdefault(line, path)
        if first != path:
            where = f"{line[0]} port {line[1]}" if tcp else line[0]
            yield Finding(
                path, f"another bus already uses {where}", "put the devices of one line on one bus", first
            )
