"""The uplinks of a site file, a section for each kind. What they share is ``UplinkBase``; a kind says where it goes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edge_config.section import Id, Section


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


Uplink = Annotated[HttpUplink, Field(discriminator="kind")]
