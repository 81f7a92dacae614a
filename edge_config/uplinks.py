"""The uplinks of a site file, a section for each kind. What they share is ``UplinkBase``; a kind says where it goes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from edge_config.dialect import Dialect, with_changes
from edge_config.section import Id, Port, Section


class UplinkFilter(Section):
    """What goes up: quantity groups of ``devices.quantities`` (energy, water, air, canteen, disinfection, …) and periods.

    Events and point descriptions always go up."""

    quantities: tuple[str, ...] | None = None
    periods: tuple[Literal["15min", "hour", "day", "month"], ...] | None = None


class UplinkBase(Section):
    """What every kind of uplink has. Each has a cursor of its own on the change feed."""

    secret_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that name a file with a secret in it, relative to the site file's folder."""

    id: Id
    only: UplinkFilter = UplinkFilter()
    enabled: bool = True
    batch_max: int = Field(default=1000, ge=1, le=5000)
    interval_s: float = Field(default=20, ge=1, le=300)
    """Seconds between looks at the change feed; the first wait is spread by a hash of the gateway id."""


class HttpUplink(UplinkBase):
    secret_keys: ClassVar[tuple[str, ...]] = ("token_file",)

    kind: Literal["district-http"]
    url: str = Field(pattern=r"^https?://")
    token_file: str | None = None

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
        return with_changes(self.dialect, self.differs)

    @property
    def receipt(self) -> Literal["batch", "record", "none"]:
        """What of it the centre acknowledges by its own word: each record, or nothing."""
        return "record" if self.spoken.has_receipt else "none"

    @property
    def destination(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} ({self.dialect}, {self.building_id}/{self.gateway_id})"


Uplink = Annotated[HttpUplink | NationalUplink, Field(discriminator="kind")]
