"""What a reader gets. Plain frozen values with units, times (UTC epoch ms) and content; None means not known, never 0."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway import candidate

Candidate = candidate.Candidate
"""A stranger on a broker, see ``gateway.candidate``."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A total beside the same clock span of a base day. ``change_pct`` is None with a ``reason`` when the base has less
    than 90 % of its data (incomplete; so has the total itself then), lies before the data began (none), is zero (zero),
    or exactly one of the two days is a school day (calendar). The base is the same span of local clock time, 7 days or
    1 day earlier; a quarter-hour that its end cuts counts by its share of time."""

    base_day: str
    base_value: float | None
    change_pct: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Consumption of a span that may still be open. ``value`` sums closed quarter-hours and, for today, the open one's
    registers so far; ``known_share`` is the part of the elapsed span that is measured, ``estimated_share`` estimated."""

    value: float | None
    unit: str
    known_share: float
    estimated_share: float
    updated_at: int | None
    same_weekday_last_week: Comparison | None = None
    yesterday: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest reading of a point. ``is_delayed`` when older than twice its expected interval (at least 60 s)."""

    point: str
    device: str
    space: str | None
    quantity: str
    unit: str
    value: float | None
    quality: str
    reason: str | None
    measured_at: int | None
    expected_interval_s: float
    is_delayed: bool
    label_zh: str
    label_en: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One interval of a series. ``content`` measured, estimated or missing; ``mean`` for gauges, ``value`` for counters."""

    start: int
    end: int
    content: str
    share: float
    value: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One point over a span, oldest first; slots that do not exist are absent, and drawn as gaps."""

    point: str
    quantity: str
    unit: str
    period: str
    label_zh: str
    label_en: str
    slots: list[Slot]
    space: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """A classroom's air now. ``state``: ok, advise, outside, delayed, offline, unknown (at a hub).
    ``why`` names the limits that are broken."""

    space: str
    name: str
    building: str | None
    state: str
    figures: dict[str, Latest]
    why: list[str] = field(default_factory=list)
    advice_zh: str = ""
    advice_en: str = ""


@dataclass(frozen=True, slots=True)
class ColdUnit:
    """A fridge, freezer, hot-holding or sample cabinet. ``state``: ok, outside, delayed, offline; band in ℃ (None: open)."""

    device: str
    name: str
    space: str | None
    kind: str
    latest: Latest
    low_limit: float | None
    high_limit: float | None
    state: str
    minutes_outside_today: float
    door_open: bool | None


@dataclass(frozen=True, slots=True)
class DisinfectionRun:
    """One cycle found in the readings: an event of kind disinfection. ``complete`` when it met its rule."""

    event_id: str
    device: str
    space: str | None
    name: str
    start: int
    end: int | None
    minutes: float
    complete: bool | None
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DisinfectionUnit:
    """A lamp, air disinfector or cabinet and what it did today. ``first_at`` is when its data begin."""

    device: str
    name: str
    space: str | None
    state: str
    runs_today: int
    complete_today: int
    last_end: int | None
    first_at: int | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """An event as staff see it."""

    event_id: str
    kind: str
    subject: str
    subject_name: str
    space: str | None
    level: int
    state: str
    start: int
    end: int | None
    text_zh: str
    text_en: str
    advice_zh: str
    advice_en: str
    acknowledged_by: str | None
    acknowledged_at: int | None
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device and how it is: online, suspect, offline, or unknown before its first word. ``seen_at`` is its newest reading."""

    device: str
    name: str
    profile: str
    title_zh: str
    title_en: str
    wire: str
    line: str
    address: str
    space: str | None
    state: str
    since: int | None
    seen_at: int | None
    detail: str
    rejected: int | None
    completeness_today: float | None
    latest: list[Latest]


@dataclass(frozen=True, slots=True)
class UplinkLane:
    """``live`` or ``backfill`` (补传): how many changes wait in it, and since when the oldest of them (UTC ms)."""

    lane: str
    waiting: int
    waiting_since: int | None


@dataclass(frozen=True, slots=True)
class UplinkRow:
    """Where an uplink stands. ``waiting`` counts changes behind the head that are not delivered; ``waiting_since`` is when the
    oldest of them was made (UTC ms). ``receipt`` is what tells that something arrived: batch, record or none. ``error`` is
    ``code: sentence``, ``cause_zh`` and ``cure_zh`` what staff are told of such a code; empty where none is known."""

    uplink: str
    kind: str
    destination: str
    cursor: int
    head: int
    waiting: int
    waiting_since: int | None
    delivered: int
    refused: int
    delivered_at: int | None
    error: str | None
    error_at: int | None
    receipt: str
    lanes: list[UplinkLane]
    is_paused: bool
    cause_zh: str = ""
    cure_zh: str = ""


@dataclass(frozen=True, slots=True)
class Completeness:
    """完整率 = measured ÷ due, 上传率 = delivered ÷ due, of one subject (point, device, building or site) on one day."""

    subject: str
    day: str
    due: int
    measured: int
    estimated: int
    missing: int
    delivered: int | None


@dataclass(frozen=True, slots=True)
class LedgerSlot:
    """One due quarter-hour of a point: its content and measured share, whether it was revised after it had closed, and by
    uplink ``yes`` (a receipt for the newest revision), ``unconfirmed`` (sent over a wire without receipts), ``waiting`` or
    ``refused``."""

    start: int
    content: str
    share: float
    is_late: bool
    delivered: dict[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """零报告 as it was handed over: the fields of ``district.contract.StatementBody``."""

    day: str
    made_at: int | None
    revision: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DayPoint:
    """A point as it is now, with the resolution of its register in ``unit``."""

    point: str
    device: str
    space: str | None
    quantity: str
    unit: str
    kind: str
    step: str
    energy_code: str | None
    label_zh: str
    label_en: str


@dataclass(frozen=True, slots=True)
class DayInterval:
    """The newest revision of a stored slot, as ``district.contract.IntervalBody`` has it."""

    point: str
    period: str
    start: int
    end: int
    content: str
    share: float
    revision: int
    value: float | None = None
    register_start: float | None = None
    register_end: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    changes: int | None = None


@dataclass(frozen=True, slots=True)
class DayEvent:
    """The newest revision of an event that began on the day."""

    event_id: str
    event_kind: str
    subject: str
    start: int
    end: int | None
    level: int
    state: str
    evidence: dict[str, Any]
    revision: int


@dataclass(frozen=True, slots=True)
class DayRecords:
    """Everything the buffer holds of a local day: intervals that begin on it, by point, period and start. While the day has no
    ``statement`` it is empty."""

    day: str
    points: list[DayPoint]
    intervals: list[DayInterval]
    events: list[DayEvent]
    statement: Statement | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was refused ``count`` times of one point, device or broker; ``example`` is the newest, cut short."""

    subject: str
    reason: str
    count: int
    last_at: int
    example: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole: a sub-item, a building or a meter. ``code`` is '' for what is not assigned (未归类). ``until``: up to
    when (ms) it is counted, where that is not the whole span: a meter that is part of it has said nothing since."""

    code: str
    name_zh: str
    name_en: str
    value: float | None
    unit: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class TariffShare:
    """What flowed at one tariff (尖峰平谷). ``cost`` in yuan, None without a price; ``share`` of the span's known total.

    ``tariff`` is '' for what flowed before the first table begins, and in hours of several tariffs whose quarter-hours were
    shed."""

    tariff: str
    value: float
    unit: str
    share: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Activity:
    """Something long that the collector or a replay is at: ``done`` of ``total``, with a word for what it is."""

    kind: str
    done: int
    total: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the first page shows, from one snapshot of the buffer."""

    now: int
    site_name: str
    electricity_today: Total
    water_today: Total
    solar_today: Total | None
    power_now: Latest | None
    power_max_today: float | None
    power_max_at: int | None
    rooms: list[Room]
    cold: list[ColdUnit]
    disinfection: list[DisinfectionUnit]
    devices_total: int
    devices_online: int | None
    alarms: list[Alarm]
    uplinks: list[UplinkRow]
    activity: Activity | None
    data_at: int | None
