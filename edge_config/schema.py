"""The site file's shape. Every key an installer may write is a field here, and nothing else is accepted.

Cross-checks between sections (a device's bus exists, ids are unique) live in ``checks``, so that all of them can be
reported at once with file, line and column.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edge_config.section import EnergyCode, Id, PlaceTopic, PointId, Port, Section, TopicPrefix
from edge_config.uplinks import Uplink

SchoolKind = Literal[
    "kindergarten", "primary", "junior", "senior", "nine-year", "complete", "special", "vocational", "other"
]


class Site(Section):
    """The school. ``students`` and ``area_m2`` give per-pupil and per-m² figures."""

    id: Id
    name: str = Field(min_length=1)
    timezone: str = "Asia/Shanghai"
    students: int | None = Field(default=None, gt=0)
    area_m2: float | None = Field(default=None, gt=0)
    school_kind: SchoolKind | None = None
    """幼儿园, 小学, 初中, 高中, 九年一贯制, 完全中学, 特殊教育, 中职, 其他: the district compares schools of one kind."""


class Gateway(Section):
    id: Id


class Space(Section):
    """A building, floor, room or zone; ``in`` names the space it lies in."""

    id: Id
    name: str = Field(min_length=1)
    kind: Literal["site", "building", "floor", "classroom", "kitchen", "dormitory", "room", "outdoor"] = (
        "room"
    )
    within: Id | None = Field(default=None, alias="in")


class TcpBus(Section):
    """Modbus TCP, or RTU frames over TCP as serial servers send them, or DL/T 645 and CJ/T 188 meters behind such a server.
    IPv6 addresses are written bare."""

    id: Id
    kind: Literal["modbus-tcp", "modbus-rtu-over-tcp", "serial-meter-over-tcp"]
    host: str = Field(min_length=1)
    port: Port = 502
    timeout_s: float = Field(default=1.0, gt=0, le=10)


class SerialBus(Section):
    """A serial line. Of kind serial-meter it is as DL/T 645 and CJ/T 188 meters want it where the file does not say:
    2400 baud, even parity, a second for an answer."""

    id: Id
    kind: Literal["modbus-rtu", "serial-meter"]
    port: str = Field(min_length=1)
    baudrate: Literal[300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    timeout_s: float = Field(default=0.5, gt=0, le=10)

    @model_validator(mode="before")
    @classmethod
    def _as_meters_want_it(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("kind") == "serial-meter":
            return METER_LINE | given
        return given


METER_LINE = {"baudrate": 2400, "parity": "E", "timeout_s": 1.0}

Bus = Annotated[TcpBus | SerialBus, Field(discriminator="kind")]


class Broker(Section):
    id: Id
    host: str = Field(min_length=1)
    port: Port = 1883
    username: str | None = None
    password_file: str | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    in_flight_max: int = Field(default=200, ge=1, le=65535)
    ca_file: str | None = None
    """PEM of who signed the broker's certificate; TLS is spoken where it is named, and the host name always checked."""
    cert_file: str | None = None
    key_file: str | None = None
    discover: tuple[TopicPrefix, ...] = ()
    """Topics under which strangers become candidates for adoption; ``homeassistant`` means its discovery messages."""


class Device(Section):
    """A meter or sensor. Modbus devices name a ``bus`` and ``unit_id``; MQTT devices a ``broker`` and ``topic``.

    ``parent`` is the meter this one is a part of; ``energy_code`` the national 分类分项 code."""

    id: Id
    profile: str
    name: str | None = None
    bus: Id | None = None
    unit_id: int | None = Field(default=None, ge=1, le=247)
    address: str | None = Field(default=None, pattern=r"^[0-9A-Fa-f]{12,14}$")
    broker: Id | None = None
    topic: str | None = None
    identity: str | None = Field(default=None, min_length=1, max_length=64)
    space: Id | None = None
    parent: Id | None = None
    energy_code: EnergyCode | None = None
    ct_ratio: Decimal = Field(default=Decimal(1), gt=0)
    pt_ratio: Decimal = Field(default=Decimal(1), gt=0)
    poll_interval_s: float | None = Field(default=None, ge=0.2, le=3600)
    time: Literal["device", "arrival"] = "device"
    power_max_kw: float | None = Field(default=None, gt=0)
    flow_max_m3h: float | None = Field(default=None, gt=0)


class Mapping(Section):
    """Many devices of one profile behind a broker. In ``topic`` the ``+`` is the place of one device's name, which is its id;
    ``names`` are the devices that are taken up, each with its space. Any other name under the topic is a candidate."""

    broker: Id
    topic: PlaceTopic
    profile: str
    names: dict[Id, Id | None] = Field(default_factory=dict)


class VirtualPoint(Section):
    """A point that is the sum of others, less others, and where ``over`` is named divided by the sum of those:
    ``pv-self.energy_import: pv export − grid export``. A ratio is of what flowed, never of registers."""

    id: PointId
    sum: tuple[PointId, ...] = Field(min_length=1)
    minus: tuple[PointId, ...] = ()
    over: tuple[PointId, ...] = ()


class QuotaYear(Section):
    electricity_kwh: float | None = Field(default=None, gt=0)
    water_m3: float | None = Field(default=None, gt=0)


class Listen(Section):
    """Where a process listens. ``::`` and ``::1`` are as welcome as IPv4 addresses."""

    host: str = "127.0.0.1"
    port: Port


class Buffer(Section):
    """The local store. ``path`` is relative to the site file's folder."""

    path: str = "var/buffer.db"
    commit_interval_s: float = Field(default=1.0, ge=0.2, le=10)
    budget_gib: float = Field(default=4.0, gt=0)


class CampusHub(Section):
    """Makes the file that of a whole campus, whose gateways upload to one hub. ``database`` is the hub's, relative to the file's
    folder. What is read, and by which wire, then stands in the gateways' own files."""

    database: str = Field(min_length=1)


class SiteFile(Section):
    """The whole site file."""

    site: Site
    gateway: Gateway
    hub: CampusHub | None = None
    spaces: tuple[Space, ...] = ()
    buses: tuple[Bus, ...] = ()
    brokers: tuple[Broker, ...] = ()
    devices: tuple[Device, ...] = ()
    mappings: tuple[Mapping, ...] = ()
    points: tuple[VirtualPoint, ...] = ()
    tariffs: str | None = None
    calendar: str | None = None
    limits: str | None = None
    quota: dict[int, QuotaYear] = Field(default_factory=dict)
    uplinks: tuple[Uplink, ...] = ()
    buffer: Buffer = Buffer()
    collector: Listen = Listen(port=8606)
    """/healthz and /metrics of the collector; its control socket is ``control.sock`` beside the buffer."""
    dashboard: Listen = Listen(port=8600)
    worker: Listen = Listen(port=8607)


class Limit(Section):
    """One rule of the limits file: when ``quantity`` (or ``points``) is above or below for ``for_minutes``, an Event.

    ``clear`` is the value it must come back to (dead-band); ``during`` lesson restricts to lesson hours of school
    days, meal to the hours in which the canteen serves.
    ``mean_minutes`` is the averaging window the limit's source gives; 0 judges each reading."""

    id: Id
    quantity: str | None = None
    points: tuple[PointId, ...] = ()
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    for_minutes: float = Field(default=0, ge=0)
    mean_minutes: float = Field(default=0, ge=0)
    during: Literal["always", "lesson", "meal", "school_day", "night"] = "always"
    level: Literal["critical", "major", "minor", "notice"] = "minor"
    text: str
    """What the page says, in Chinese; {value}, {unit} and {limit} are filled in."""
    text_en: str = ""
    advice: str = ""
    advice_en: str = ""
    source: str
    """Where the figure comes from."""


class DisinfectionRule(Section):
    """What counts as a complete disinfection run of a quantity: lamp on or cabinet hot for long enough."""

    id: Id
    quantity: Literal["lamp_power", "lamp_on", "cabinet_temperature"]
    at_least: float
    minutes: float = Field(gt=0)
    warm_up_minutes: float = Field(default=0, ge=0)
    source: str


class LimitsFile(Section):
    """limits.yaml: dated, every figure with its source."""

    valid_from: str
    limits: tuple[Limit, ...] = ()
    disinfection: tuple[DisinfectionRule, ...] = ()


class CalendarDay(Section):
    """One row of the calendar CSV: date, kind, and the lesson hours where they differ from the default."""

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    kind: Literal["school", "weekend", "holiday", "makeup", "vacation"]
    note: str = ""
