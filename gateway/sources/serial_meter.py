"""A DL/T 645 or CJ/T 188 meter as the poller sees it, and what is remembered of it between polls.

Knows reads, decoders, and the two things such meters must be tried for: whether a DL/T 645 meter answers blocks, and
which way round a CJ/T 188 meter wants its data identifier. Does not know wires, clocks or where readings go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from devices import cjt188, dlt645
from devices.frame_profile import Cjt188Point, Cjt188Profile, Dlt645Profile
from devices.registers import DecodeError, ratio_of
from edge_config.plan import frame_s
from edge_config.schema import Bus, Device
from edge_config.site import LoadedSite
from gateway.errors import ConfigError, WireError
from gateway.points import expected_interval_s
from gateway.sources import meter_faults
from gateway.sources.device_health import DeviceHealth
from gateway.sources.frame_groups import slow_frames
from gateway.sources.polled_device import Undecoded, Values

Decoder = Callable[[bytes], float]
"""From a reply's data after its identifier to a value; raises DecodeError or UnitError."""
Points = tuple[tuple[str, Decoder], ...]
"""Full names of points, each with its decoder."""

TURNS_MAX = 4
"""Once a CJ/T 188 meter refused one order of its identifier, the orders take so many more turns before that one stays."""


@dataclass(frozen=True, slots=True)
class ReadyFrame:
    """A request with everything that does not change from poll to poll worked out. ``data_bytes``: a reply's data, at
    most."""

    request: bytes
    points: Points
    data_bytes: int
    is_slow: bool = False
    read: dlt645.Read | None = None
    """What of a DL/T 645 meter it reads; None for CJ/T 188."""
    layouts: Mapping[int, Points] = field(default_factory=dict)
    """The points of a CJ/T 188 reply by the length of its data."""
    heard: Callable[[], None] = lambda: None
    """Called when a reply came."""

    def bus_s(self, bus: Bus) -> float:
        """Seconds of the bus that the read should take."""
        return frame_s(bus, self.data_bytes)

    def values(self, reply: bytes) -> Values:
        """Point names and values in ``reply``, and what could not be decoded: ``not_a_number``, ``no_value``,
        ``unknown_unit``, ``unknown_word``, or ``wrong_length`` of a reply laid out otherwise than the profile says."""
        self.heard()
        if self.read is not None:
            return _values(self.points, dlt645.payload(list(dlt645.frames(reply))))
        (frame,) = cjt188.frames(reply)
        points = self.layouts.get(len(frame.data))
        if points is None:
            trouble = meter_faults.wrong_length(frame.plate, len(frame.data), self.layouts)
            return Values((), [], [Undecoded(name, "wrong_length", trouble) for name, _ in self.points])
        return _values(points, frame.data[cjt188.DATA_HEADER :])


def _values(points: Points, data: bytes) -> Values:
    names: list[str] = []
    values: list[float] = []
    bad: list[Undecoded] = []
    for name, decode in points:
        try:
            values.append(decode(data))
            names.append(name)
        except (DecodeError, cjt188.UnitError) as error:
            bad.append(Undecoded(name, error.reason, data.hex(" ")))
    return Values(tuple(names), values, bad)


@dataclass(frozen=True, slots=True)
class SerialMeter:
    """A meter on a bus. ``unit_id`` is the address on its plate, ``ratios`` those of each point."""

    device: str
    unit_id: str
    interval_s: float
    profile: Dlt645Profile | Cjt188Profile
    ratios: Mapping[str, Decimal]
    pause_s: float = 0.0


def is_serial_meter(site: LoadedSite, device: Device) -> bool:
    """Whether a device speaks DL/T 645 or CJ/T 188."""
    return isinstance(site.profiles[device.profile], Dlt645Profile | Cjt188Profile)


def serial_meter(site: LoadedSite, device: Device) -> SerialMeter:
    """Raises ConfigError for a device that cannot be polled."""
    profile = site.profiles[device.profile]
    if not isinstance(profile, Dlt645Profile | Cjt188Profile) or device.address is None:
        raise ConfigError(
            f"device {device.id}: a DL/T 645 or CJ/T 188 meter needs its profile and an address"
        )
    return SerialMeter(
        device=device.id,
        unit_id=device.address,
        interval_s=expected_interval_s(device, profile),
        profile=profile,
        ratios={
            name: ratio_of(point, device.ct_ratio, device.pt_ratio) for name, point in profile.points.items()
        },
        pause_s=profile.pause_ms / 1000,
    )


class MeterPoll:
    """What is remembered between polls: health, the reads as learnt so far, the state last reported, and how many
    seconds of the bus the fast and the slow reads took when they were last made."""

    __slots__ = (
        "_is_proved",
        "_order",
        "_refused",
        "_slow",
        "_turns",
        "blocks",
        "device",
        "health",
        "reported",
        "took_s",
    )

    trouble: WireError | None = None

    def __init__(self, device: SerialMeter) -> None:
        self.device = device
        self.health = DeviceHealth(device.interval_s)
        self.reported: tuple[str, type[WireError] | None] | None = None
        self.took_s = {False: 0.0, True: 0.0}
        self._order, self._is_proved = 0, False
        self._refused: int | None = None
        self._turns = TURNS_MAX
        self._slow = slow_frames(device.profile)
        self.blocks = self._reads()

    def due(self, groups: Collection[bool]) -> Iterable[ReadyFrame]:
        """The reads of a poll of these groups."""
        return [ready for ready in self.blocks if ready.is_slow in groups]

    def put_last(self, ready: ReadyFrame) -> None:
        """A read that met silence is asked for last; a CJ/T 188 meter not heard yet, the other way round."""
        if self._turn():
            return
        index = self.blocks.index(ready) + 1
        self.blocks = self.blocks[index:] + self.blocks[:index]

    def cut(self, ready: ReadyFrame) -> bool:
        """Replace a refused block by reads of its points, or turn a CJ/T 188 identifier; False when there is no more
        to try."""
        if ready.read is None:
            self._refused = self._order if self._refused is None else self._refused
            return self._turn()
        profile = self.device.profile
        if not isinstance(profile, Dlt645Profile) or len(ready.points) == 1:
            return False
        points = {name: profile.points[name] for name, _ in ready.read.places}
        parts = dlt645.plan(points, blocks=False)
        if parts == (ready.read,):
            return False
        index = self.blocks.index(ready)
        self.blocks[index : index + 1] = [self._dlt645(profile, part) for part in parts]
        return True

    def _prove(self) -> None:
        """The order of the identifier that brought a reply is the meter's from now on."""
        self._is_proved = True

    def _turn(self) -> bool:
        """Ask the other way round next time, unless one way has worked or was at least refused, not met with silence."""
        if self._is_proved or not self._turns or not isinstance(self.device.profile, Cjt188Profile):
            return False
        if self._refused is not None:
            self._turns -= 1
        self._order = 1 - self._order if self._turns or self._refused is None else self._refused
        self.blocks = self._reads()
        return True

    def _reads(self) -> list[ReadyFrame]:
        profile = self.device.profile
        if isinstance(profile, Cjt188Profile):
            return [self._cjt188(profile)]
        return [self._dlt645(profile, one) for one in dlt645.plan(profile.points, blocks=profile.blocks)]

    def _dlt645(self, profile: Dlt645Profile, read: dlt645.Read) -> ReadyFrame:
        meter = self.device

        def decoder(name: str, at: int) -> Decoder:
            point, times = profile.points[name], meter.ratios[name]
            return lambda data: dlt645.decode(point, data, at, times)

        names = [name for name, _ in read.places]
        return ReadyFrame(
            request=dlt645.read(meter.unit_id, read.di).encode(),
            points=tuple((f"{meter.device}.{name}", decoder(name, at)) for name, at in read.places),
            data_bytes=sum(profile.points[name].length for name in names),
            is_slow=self._slow.issuperset(names),
            read=read,
        )

    def _cjt188(self, profile: Cjt188Profile) -> ReadyFrame:
        meter = self.device

        def decoder(name: str, point: Cjt188Point) -> Decoder:
            times = meter.ratios[name]
            return lambda data: cjt188.decode(point, data, times)

        layouts = {
            length: tuple(
                (f"{meter.device}.{name}", decoder(name, point))
                for name, point in profile.points_of(length).items()
            )
            for length in profile.reply_lengths
        }
        order = cjt188.READ_DATA_ORDERS[self._order]
        return ReadyFrame(
            request=cjt188.read(int(profile.meter_type, 16), meter.unit_id, order).encode(),
            points=layouts[profile.reply_bytes],
            data_bytes=max(profile.reply_lengths),
            layouts=layouts,
            heard=self._prove,
        )
