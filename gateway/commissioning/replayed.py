"""A recording of raw traffic decoded again, by the collector's own decoders: readings and rejections. Pure but for the file.

For support: a school sends its site file and a recording, and what went wrong there can be seen here. Nothing is stored.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from edge_config.site import LoadedSite
from gateway.commissioning.live import CUT_AT
from gateway.errors import ConfigError
from gateway.model import Reading, Readings
from gateway.points import build_points
from gateway.sources.mapping import TopicMap
from gateway.sources.mqtt import mqtt_device
from gateway.sources.poll import build_bus
from gateway.sources.polled import Poll, Ready, poll_of
from gateway.sources.polled_device import ReadyBlock
from gateway.sources.recording import FORMAT
from gateway.sources.sunspec_device import SunSpecPoll
from gateway.validate import Rejection, Validator

LINE_BYTES_MAX = 1_000_000
UNKNOWN = "unknown_request"


@dataclass(slots=True)
class Decoded:
    """What one line of a recording gives. ``note`` says what happened where there was nothing to decode."""

    at: int
    source: str
    readings: list[Reading] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    note: str = ""


class Decoder:
    """Decodes the lines of one recording in their order; remembers blocks as they were cut, and time stamps given."""

    def __init__(self, site: LoadedSite) -> None:
        self._topics: dict[str, TopicMap] = {}
        self._validator = Validator({point.name: point for point in build_points(site)})
        self._polls = {
            bus.id: [poll_of(device) for device in build_bus(site, bus)[0]] for bus in site.file.buses
        }
        for broker in site.file.brokers:
            devices = (
                mqtt_device(site, device) for device in site.file.devices if device.broker == broker.id
            )
            self._topics[broker.id] = TopicMap(devices)

    def decode(self, lines: Iterable[bytes]) -> Iterator[Decoded]:
        """Raises ConfigError for a file that is no recording; a broken line within it says so and stops nothing."""
        for number, line in enumerate(lines, start=1):
            row = _row(line)
            if number == 1:
                if row is None or row.get("record") != FORMAT:
                    raise ConfigError(
                        "this is no recording of ours; `collect --record FILE` makes one (its first line says "
                        f'{{"record": {FORMAT}}})'
                    )
                continue
            decoded = self._decode(row)
            yield decoded or Decoded(0, f"line {number}", note="not a line of a recording")

    def _decode(self, row: dict[str, Any] | None) -> Decoded | None:
        if row is None or not isinstance(row.get("at"), int):
            return None
        try:
            if "bus" in row:
                return self._exchange(row["at"], str(row["bus"]), row)
            return self._message(row["at"], str(row["broker"]), row)
        except (KeyError, TypeError, ValueError, binascii.Error):
            return None

    def _exchange(self, at: int, bus: str, row: dict[str, Any]) -> Decoded:
        request, decoded = bytes.fromhex(row["request"]), Decoded(at, bus)
        found = self._asked(bus, request)
        if row["outcome"] != "answered":
            decoded.note = f"{row['outcome']}: {row.get('detail', '')}"
            if found is not None:
                _learn(*found, row)
        elif found is None:
            decoded.note = f"{UNKNOWN}: {request.hex(' ')} is not asked by this site file"
        else:
            points, values, bad = found[1].values(bytes.fromhex(row["reply"]))
            self._judge([Readings(points, at, at, values)], decoded)
            decoded.rejections += [Rejection(one.point, one.reason, one.example) for one in bad]
        return decoded

    def _message(self, at: int, broker: str, row: dict[str, Any]) -> Decoded:
        decoded, topics = Decoded(at, broker), self._topics.get(broker)
        topic, payload = str(row["topic"]), base64.b64decode(row["payload"], validate=True)
        if topics is None or not topics.knows(topic):
            decoded.note = f"unknown_topic: {topic}"
            return decoded
        mapped = topics.map(topic, payload, is_retained=bool(row["retained"]), now_ms=at)
        decoded.rejections += mapped.rejections
        self._judge(mapped.groups, decoded)
        return decoded

    def _judge(self, groups: list[Readings], decoded: Decoded) -> None:
        judged = self._validator.judge_all(groups)
        decoded.readings += judged.readings
        decoded.rejections += judged.rejections

    def _asked(self, bus: str, request: bytes) -> tuple[Poll, Ready] | None:
        """Whose request this is; a part of a Modbus block is cut out of it, should the recording lack the refusal."""
        polls = self._polls.get(bus, [])
        for poll in polls:
            while True:
                for ready in poll.blocks:
                    if ready.request == request:
                        return poll, ready
                around = [ready for ready in poll.blocks if _covers(ready, request)]
                if not around or not poll.cut(around[0]):
                    break
            if isinstance(poll, SunSpecPoll) and (elsewhere := poll.recorded(request)) is not None:
                return poll, elsewhere
        return None


def _learn(poll: Poll, ready: Ready, row: dict[str, Any]) -> None:
    """What the poller learns from a refusal or a silence, so that its next requests are recognised."""
    if row["outcome"] == "refused" and row.get("code") in CUT_AT:
        poll.cut(ready)
    elif row["outcome"] == "no_answer":
        poll.put_last(ready)


def _covers(ready: Ready, request: bytes) -> bool:
    if (
        not isinstance(ready, ReadyBlock)
        or request[0] != ready.request[0]
        or len(request) != len(ready.request)
    ):
        return False
    address, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
    block = ready.block
    return block.function == request[1] and block.address <= address and address + count <= block.end


def _row(line: bytes) -> dict[str, Any] | None:
    if len(line) > LINE_BYTES_MAX:
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
