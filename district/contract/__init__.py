"""The types of the wire between gateway and district. Imports pydantic only; shared by both sides.

A batch is one stored stretch (from_seq, to_seq] of a gateway's change feed. Its ``sha256`` is over the exact bytes of
the ``changes`` array as sent, so a retry is byte-identical and a receipt can be verified without trusting anything
on the way. Every change is an upsert by its key; the higher revision wins.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Millis = Annotated[int, Field(ge=0, le=253_402_300_799_999, description="UTC epoch milliseconds")]
Count = Annotated[int, Field(ge=0, le=9_007_199_254_740_991, description="exact in every JSON reader")]
Number = Annotated[int, Field(ge=1, le=9_007_199_254_740_991)]
RECEIVED_MAX = 200
CHANGES_MAX = 5000
INVALID_MAX = 1000
REPLY_BYTES_MAX = 4 * 1024 * 1024
"""No answer to a batch is longer: a receipt may refuse each of its records, and a reason may name a point in Chinese."""
Name = Annotated[str, Field(min_length=1, max_length=100)]


YEARS_MAX = 50
Year = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
Allotted = Annotated[float, Field(gt=0)]


class Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class YearQuota(Record):
    """What a school may use in one calendar year (定额). None: nothing is allotted."""

    electricity_kwh: Allotted | None = None
    water_m3: Allotted | None = None


class SiteBody(Record):
    """Who the school is; sent first and whenever it changes. What an older gateway does not send is not known."""

    kind: Literal["site"] = "site"
    name: Name
    timezone: Name
    students: Count | None = None
    area_m2: float | None = None
    school_kind: Name | None = Field(
        default=None,
        description="kindergarten, primary, junior, senior, nine-year, complete, special, vocational or other; "
        "any other word is kept and shown as it is",
    )
    quota: dict[Year, YearQuota] = Field(default_factory=dict, max_length=YEARS_MAX)


class PointBody(Record):
    """What a point is. ``step`` is the register resolution in ``unit`` as a decimal string. ``role`` total marks a meter
    that has no parent, so that sums over a school do not count a sub-meter twice."""

    kind: Literal["point"] = "point"
    point: Name
    device: Name
    space: str | None = None
    quantity: Name
    unit: str
    value_kind: Literal["counter", "gauge", "state"]
    step: str
    energy_code: str | None = None
    role: Literal["total", "part"] = "total"
    label_zh: str = ""
    label_en: str = ""


class IntervalBody(Record):
    """A closed slot. Counters carry ``value`` and the registers at both boundaries, gauges mean, low and high.

    A value is null exactly when the content is missing. ``share`` is the measured part of the slot, 0 to 1."""

    kind: Literal["interval"] = "interval"
    point: Name
    period: Literal["15min", "hour", "day", "month"]
    start: Millis
    end: Millis
    content: Literal["measured", "estimated", "missing"]
    share: float = Field(ge=0, le=1)
    value: float | None = None
    register_start: float | None = None
    register_end: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    changes: Count | None = Field(default=None, description="how often a state changed")


class EventBody(Record):
    """An episode: an alarm, a disinfection cycle, a cold-chain excursion, a device that fell silent."""

    kind: Literal["event"] = "event"
    event_id: Name
    event_kind: Name
    subject: Name
    start: Millis
    end: Millis | None = None
    level: int = Field(ge=1, le=4)
    state: Literal["open", "closed", "withdrawn"]
    evidence: dict[str, object] = Field(default_factory=dict)


class GapBody(Record):
    """Readings that were dropped by policy or lost, and why; they are known and not hidden."""

    kind: Literal["gap"] = "gap"
    point: Name
    start: Millis
    end: Millis
    count: Count
    reason: Name


class StatementBody(Record):
    """零报告: the daily statement, also when all is zero."""

    kind: Literal["statement"] = "statement"
    day: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    points: Count
    slots_due: Count
    slots_measured: Count
    slots_estimated: Count
    slots_missing: Count
    events_opened: Count


Body = Annotated[
    SiteBody | PointBody | IntervalBody | EventBody | GapBody | StatementBody, Field(discriminator="kind")
]


class ChangeRecord(Record):
    """One row of the change feed. ``key`` names what it is about; ``revision`` orders rows of one key."""

    seq: Number
    key: str = Field(min_length=1, max_length=200)
    revision: Number
    body: Body


class Batch(Record):
    """What a gateway posts to ``/v1/batches``."""

    site: Name
    gateway: Name
    epoch: Name
    from_seq: Count = Field(description="exclusive")
    to_seq: Number = Field(description="inclusive")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    changes: list[ChangeRecord] = Field(max_length=CHANGES_MAX)


class Rejected(BaseModel):
    """A record the district will never accept, and why."""

    seq: int
    reason: str


class Receipt(BaseModel):
    """The district's word that the batch has had its effect. The cursor moves only on this, echoed exactly."""

    site: str
    gateway: str
    epoch: str
    from_seq: int
    to_seq: int
    count: int
    sha256: str
    rejected: list[Rejected] = Field(default_factory=list)
    duplicate: bool = False
    received: list[tuple[int, int]] = Field(
        default_factory=list,
        max_length=RECEIVED_MAX,
        description="what is held of this epoch: disjoint (from_seq, to_seq] in order, the lowest first. Where the list is "
        "full, nothing is said of what lies above it. A gateway that believes more delivered than this sends it again.",
    )


class Enrolment(Record):
    """What a gateway posts once to ``/v1/enrolments``."""

    token: str = Field(
        min_length=20, max_length=200, description="the one-time token that `district enrol` printed"
    )


class Enrolled(BaseModel):
    """The gateway's own key. It is told once; the district keeps only its digest."""

    site: str
    gateway: str
    key: str


class Fault(StrEnum):
    """What ``Problem.error`` says. Only INVALID condemns records; after every other one the gateway keeps its data."""

    INVALID = "invalid"
    """The batch arrived as it was sent and is not what this contract describes."""
    DAMAGED = "damaged"
    """The bytes changed on the way: broken compression, or a digest that does not fit."""
    TOO_LARGE = "too_large"
    COVERED = "covered"
    """A part of the range was received before; ``covered`` names the parts."""
    FENCED = "fenced"
    """A later epoch of this gateway has begun: its buffer was restored or renewed. This epoch is closed; a person decides."""
    CLONED = "cloned"
    """The range was received before with other content: two machines speak as this gateway. A person decides."""
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_MANY = "too_many"
    """More requests than one sender may make; Retry-After says how long to wait."""
    UNAVAILABLE = "unavailable"


class Problem(BaseModel):
    """Every refusal has this one shape."""

    error: Fault
    detail: str
    covered: list[tuple[int, int]] = Field(default_factory=list)
    invalid: list[Rejected] = Field(
        default_factory=list,
        max_length=INVALID_MAX,
        description="the records of the batch that are not what this contract describes, each with why; all others are, up to "
        "the last one named where the list is full. "
        "Empty where the batch as a whole is refused, and where it cannot be told which record it is.",
    )
