"""The records of a batch as the service works on them: the shapes of ``contract``, decoded by msgspec.

``contract`` is what is published and what gateways are told; checking each record by it costs five times as much as all
else that is done to it in Python. The rules here are the same, field by field, and a test compares the two on whatever it can
think of. Types are strict: a number in quotes is no number. Texts hold no NUL, which no database can keep.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Raw, Struct

from district.contract import CHANGES_MAX, YEARS_MAX

_EXACT_MAX = 9_007_199_254_740_991
Millis = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
Count = Annotated[int, Meta(ge=0, le=_EXACT_MAX)]
Number = Annotated[int, Meta(ge=1, le=_EXACT_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Year = Annotated[str, Meta(pattern=r"\A[0-9]{4}\Z")]
Allotted = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class _Body(Struct, tag_field="kind", frozen=True, gc=False):
    kind: ClassVar[str]


class YearQuota(Struct, frozen=True, gc=False):
    electricity_kwh: Allotted | None = None
    water_m3: Allotted | None = None


class SiteBody(_Body, tag="site", frozen=True, gc=False):
    kind = "site"
    name: Name
    timezone: Name
    students: Count | None = None
    area_m2: float | None = None
    school_kind: Name | None = None
    quota: Annotated[dict[Year, YearQuota], Meta(max_length=YEARS_MAX)] = {}


class PointBody(_Body, tag="point", frozen=True, gc=False):
    kind = "point"
    point: Name
    device: Name
    quantity: Name
    unit: str
    value_kind: Literal["counter", "gauge", "state"]
    step: str
    space: str | None = None
    energy_code: str | None = None
    role: Literal["total", "part"] = "total"
    label_zh: str = ""
    label_en: str = ""


class IntervalBody(_Body, tag="interval", frozen=True, gc=False):
    kind = "interval"
    point: Name
    period: Literal["15min", "hour", "day", "month"]
    start: Millis
    end: Millis
    content: Literal["measured", "estimated", "missing"]
    share: Share
    value: float | None = None
    register_start: float | None = None
    register_end: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    changes: Count | None = None


class EventBody(_Body, tag="event", frozen=True, gc=False):
    kind = "event"
    event_id: Name
    event_kind: Name
    subject: Name
    start: Millis
    level: Annotated[int, Meta(ge=1, le=4)]
    state: Literal["open", "closed", "withdrawn"]
    end: Millis | None = None
    evidence: dict[str, Any] = {}


class GapBody(_Body, tag="gap", frozen=True, gc=False):
    kind = "gap"
    point: Name
    start: Millis
    end: Millis
    count: Count
    reason: Name


class StatementBody(_Body, tag="statement", frozen=True, gc=False):
    kind = "statement"
    day: Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
    points: Count
    slots_due: Count
    slots_measured: Count
    slots_estimated: Count
    slots_missing: Count
    events_opened: Count


class ChangeRecord(Struct, frozen=True, gc=False):
    seq: Number
    key: Annotated[str, Meta(min_length=1, max_length=200)]
    revision: Number
    body: SiteBody | PointBody | IntervalBody | EventBody | GapBody | StatementBody


Changes = Annotated[list[ChangeRecord], Meta(max_length=CHANGES_MAX)]


class Envelope(Struct, frozen=True):
    """A batch with its changes still as they were sent: the digest is over these bytes."""

    site: Name
    gateway: Name
    epoch: Name
    from_seq: Count
    to_seq: Number
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    changes: Raw


class Batch(Struct, frozen=True):
    """A batch that is what its sender sent."""

    site: str
    gateway: str
    epoch: str
    from_seq: int
    to_seq: int
    sha256: str
    changes: list[ChangeRecord]
