"""The uplinks of a site file, a section for each kind. What they share is ``UplinkBase``; a kind says where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from edge_config.hj212_factors import Factor
from edge_config.section import Id, PointId, Port, Section, TopicPrefix

if TYPE_CHECKING:
    from edge_config.dialect import Dialect

Receipt = Literal["batch", "record", "none"]


class UplinkFilter(Section):
    """What goes up: quantity groups of ``devices.quantities`` (energy, water, air, canteen, disinfection, …), periods, spaces
    with all that is inside them, and kinds of change.

    Who the school is and what its points are always goes up; quantities, periods and spaces hold back intervals only."""

    quantities: tuple[str, ...] | None = None
    periods: tuple[Literal["15min", "hour", "day", "month"], ...] | None = None
    spaces: tuple[Id, ...] | None = Field(default=None, min_length=1)
    kinds: tuple[Literal["interval", "event", "gap", "statement"], ...] | None = None


class UplinkBase(Section):
    """What every kind of uplink has. Each has a cursor of its own on the change feed."""

    secret_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that name a file with a secret in it, relative to the site file's folder."""
    file_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that name a file that may be read by everybody."""
    folder_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that name a folder, which need not exist yet."""
    lanes: ClassVar[bool] = True
    """After an outage what is new goes before what has waited. False where the receiver must have all in one order."""
    receipt: ClassVar[Receipt] = "none"
    """What tells that something arrived: a word for the whole batch, one for each record, or nothing. Without any it is
    sent twice on doubt, shown as unconfirmed (未确认) and never counted as 上传率."""

    id: Id
    only: UplinkFilter = UplinkFilter()
    enabled: bool = True
    batch_max: int = Field(default=1000, ge=1, le=5000)
    interval_s: float = Field(default=20, ge=1, le=300)
    """Seconds between looks at the change feed; the first wait is spread by a hash of the gateway id."""


class HttpUplink(UplinkBase):
    secret_keys: ClassVar[tuple[str, ...]] = ("token_file",)
    receipt: ClassVar[Receipt] = "batch"

    kind: Literal["district-http"]
    url: str = Field(pattern=r"^https?://")
    token_file: str | None = None
    batch_max: int = Field(default=5000, ge=1, le=5000)
    """A backlog is sent faster in larger batches; it grows to them while they get through."""

    @property
    def destination(self) -> str:
        """Where it goes, as people are shown it."""
        return self.url


NationalId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_.-]{1,32}$")]


class NationalMeter(Section):
    """A device as the energy centre knows it: its meter id, and the function id of each of its counters."""

    id: NationalId
    functions: dict[str, NationalId] = Field(min_length=1)


class NationalUplink(UplinkBase):
    """分项能耗数据传输: dialect and address of the platform, and the ids it gave out; see ``national_checks``."""

    secret_keys: ClassVar[tuple[str, ...]] = ("secret_file", "md5_key_file")
    lanes: ClassVar[bool] = False
    """A centre keeps the last word on an instant and knows no revisions, and takes ``continuous`` in the order of time."""

    kind: Literal["national-tcp"]
    dialect: str
    differs: dict[str, Any] = Field(default_factory=dict)
    """Keys of the dialect in which this platform differs from the packaged file."""
    host: str = Field(min_length=1)
    port: Port
    secret_file: str
    """16 characters: key and IV of the encryption, and the login's key where ``md5_key_file`` names no other."""
    md5_key_file: str | None = None
    building_id: NationalId
    gateway_id: NationalId
    meters: dict[Id, NationalMeter] = Field(min_length=1)
    leave_out: tuple[Id, ...] = ()
    """Devices with an energy code that the centre is not told of."""
    period_min: Literal[15, 30, 60] = 15
    heartbeat_s: float = Field(default=60, ge=10, le=600)
    answer_s: float = Field(default=30, ge=1, le=120)

    @property
    def spoken(self) -> Dialect:
        """The dialect with what differs. Of a site that loaded; else as ``edge_config.dialect.with_changes``."""
        from edge_config.dialect import with_changes  # only where a centre is spoken to

        return with_changes(self.dialect, self.differs)

    @property
    def receipt(self) -> Receipt:  # type: ignore[override]  # here it is the dialect that says
        """What of it the centre acknowledges by its own word: each record, or nothing."""
        return "record" if self.spoken.has_receipt else "none"

    @property
    def destination(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} ({self.dialect}, {self.building_id}/{self.gateway_id})"


class LineProtocolUplink(UplinkBase):
    """InfluxDB 1.x where ``db`` is named, 2.x where ``org`` and ``bucket`` are; ``uplink_checks`` sees to one of the two."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token_file", "password_file")
    receipt: ClassVar[Receipt] = "batch"

    kind: Literal["line-protocol"]
    url: str = Field(pattern=r"^https?://")
    db: str | None = Field(default=None, min_length=1)
    retention_policy: str | None = Field(default=None, min_length=1)
    org: str | None = Field(default=None, min_length=1)
    bucket: str | None = Field(default=None, min_length=1)
    token_file: str | None = None
    username: str | None = Field(default=None, min_length=1)
    password_file: str | None = None
    prefix: str = Field(default="campus", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")
    space: Literal["field", "tag"] = "field"
    """A tag is a part of a series' identity: moved to another room, a point has two series, and a revision of what it measured
    before does not overwrite."""

    @property
    def destination(self) -> str:
        return f"{self.url} {self.db or self.bucket}"


class Station(Section):
    """A 监测点 of HJ 212: its MN, and the points that are its factors."""

    mn: str = Field(pattern=r"^[0-9A-Z]{14,24}$")
    points: tuple[PointId, ...] = Field(min_length=1)


class Hj212Uplink(UplinkBase):
    """A centre that speaks HJ 212-2017 over TCP, for environment points only."""

    secret_keys: ClassVar[tuple[str, ...]] = ("password_file",)
    receipt: ClassVar[Receipt] = "record"

    kind: Literal["hj212"]
    host: str = Field(min_length=1)
    port: Port
    stations: tuple[Station, ...] = Field(min_length=1)
    st: str = Field(default="22", pattern=r"^[0-9]{2}$")
    """System type: 22 空气质量, 23 声环境."""
    password_file: str | None = None
    """PW; without one the standard's own 123456."""
    realtime_interval_s: int = Field(default=60, ge=30, le=3600)
    """RtdInterval: how often 2011 goes up. The centre may change it until the next start."""
    timeout_s: float = Field(default=10, gt=0, le=60)
    factors: dict[str, Factor] = Field(default_factory=dict)

    @property
    def destination(self) -> str:
        return f"{self.host}:{self.port}"


class MqttUplink(UplinkBase):
    """A broker that Home Assistant listens on, or ThingsBoard's own. A PUBACK is the broker's word, and the broker is not who
    the data is for, hence no receipt."""

    secret_keys: ClassVar[tuple[str, ...]] = ("password_file", "token_file", "key_file")
    file_keys: ClassVar[tuple[str, ...]] = ("ca_file", "cert_file")
    receipt: ClassVar[Receipt] = "none"

    kind: Literal["mqtt"]
    host: str = Field(min_length=1)
    port: Port = 1883
    username: str | None = Field(default=None, min_length=1)
    password_file: str | None = None
    token_file: str | None = None
    """ThingsBoard's access token, which stands in the place of a username."""
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    homeassistant: bool = False
    thingsboard: bool = False
    discovery_prefix: TopicPrefix = "homeassistant"
    topic: TopicPrefix = "campus-gateway"
    latest_interval_s: float = Field(default=30, ge=5, le=3600)

    @property
    def destination(self) -> str:
        return f"{self.host}:{self.port}"


class ExportUplink(UplinkBase):
    """Daily packages of files, for whoever fetches them."""

    folder_keys: ClassVar[tuple[str, ...]] = ("folder",)
    receipt: ClassVar[Receipt] = "batch"

    kind: Literal["export"]
    folder: str = Field(min_length=1)
    interval_s: float = Field(default=300, ge=1, le=300)
    """Longer than elsewhere: late figures of one day make one new version, not many."""
    batch_max: int = Field(default=5000, ge=1, le=5000)

    @property
    def destination(self) -> str:
        return self.folder


Uplink = Annotated[
    HttpUplink | NationalUplink | LineProtocolUplink | Hj212Uplink | MqttUplink | ExportUplink,
    Field(discriminator="kind"),
]
