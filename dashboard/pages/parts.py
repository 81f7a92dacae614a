"""Pieces that several pages share: headline figures with their comparisons, rankings and usage charts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dashboard.charts import Chart, Line, line
from dashboard.desk import SOLAR, Desk
from dashboard.period import Span
from dashboard.period import span as make_span
from dashboard.words import Change, Figure, Times, change
from gateway.query.views import Comparison, Share, Slot, Total

QUARTERS_PER_HOUR = 4
QUARTER_MS = 900_000
KNOWN_SHARE_MIN = 0.9


@dataclass(frozen=True, slots=True)
class Headline:
    """A consumption with its unit, comparisons, and what must be said of how good it is."""

    figure: Figure
    changes: list[Change]
    notes: list[str]
    updated_at: int | None
    base: str = ""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row of a ranking. ``width`` is 0 to 100 of the largest; ``share`` of the whole in words."""

    code: str
    name: str
    figure: Figure
    width: float
    share: str


def headline(desk: Desk, total: Total, week_base: str, day_base: str | None = None) -> Headline:
    changes = [change(total.same_weekday_last_week, week_base, desk.language)]
    if day_base:
        changes.append(change(total.yesterday, day_base, desk.language))
    before = total.same_weekday_last_week
    base = before.base_value if before is not None else None
    return Headline(
        desk.figure(total.value, total.unit),
        [one for one in changes if one],
        honesty(desk, total),
        total.updated_at,
        "" if base is None else str(desk.figure(base, total.unit)),
    )


def span_total(desk: Desk, quantity: str) -> Total:
    """The chosen span so far beside the same stretch of its base."""
    span, end = desk.span, desk.end_so_far
    total = desk.views.compared(quantity, span.start, end)
    if span.kind != "month":
        return total  # the view's own base, seven days earlier, is the right one for a day and for a week
    base = span.base()
    before = desk.views.total(quantity, base.start, min(base.end, base.start + end - span.start))
    return replace(total, same_weekday_last_week=month_comparison(total, before, base.first.isoformat()))


def month_comparison(total: Total, before: Total, base_day: str) -> Comparison:
    """As for days: none unless both months have 90 % of their data."""
    if before.value is None:
        return Comparison(base_day, None, None, "none")
    if min(total.known_share, before.known_share) < KNOWN_SHARE_MIN or total.value is None:
        return Comparison(base_day, before.value, None, "incomplete")
    if before.value == 0:
        return Comparison(base_day, 0.0, None, "zero")
    return Comparison(base_day, before.value, (total.value / before.value - 1) * 100)


def honesty(desk: Desk, total: Total) -> list[str]:
    """What a reader of a total must know: how much is estimated, how much is missing."""
    notes = []
    if total.value is not None and total.estimated_share >= 0.005:
        notes.append(desk.language("data.estimated_share", pct=f"{total.estimated_share * 100:.0f}%"))
    missing = 1 - total.known_share - total.estimated_share
    if total.value is not None and missing >= 0.005:
        notes.append(desk.language("data.missing_share", pct=f"{missing * 100:.0f}%"))
    return notes


def week_base(desk: Desk, *, running: bool = True) -> str:
    """``较上周三同时刻``: the base is named, always."""
    weekday = desk.times.weekday(desk.times.local(desk.now_ms))
    return desk.language("compare.week_now" if running else "compare.week", weekday=weekday)


def span_base(desk: Desk) -> str:
    """The name of what the chosen span is compared with."""
    span = desk.span
    if span.kind == "day":
        weekday = desk.language(f"weekday.{span.first.weekday()}")
        return desk.language("compare.week_now" if desk.is_running else "compare.week", weekday=weekday)
    running = "_now" if desk.is_running else ""
    return desk.language(f"compare.{span.kind}_before{running}")


def ranking(desk: Desk, shares: list[Share]) -> list[Ranked]:
    """Largest first; what is not assigned (未归类) last, what is not known without a bar."""
    known = [share.value for share in shares if share.value is not None and share.value > 0]
    whole, top = sum(known), max(known, default=0.0)
    ordered = sorted(shares, key=lambda share: (share.code == "", -(share.value or 0.0)))
    return [
        Ranked(
            share.code,
            _share_name(desk, share),
            desk.figure(share.value, share.unit),
            round(max(0.0, share.value or 0.0) / top * 100, 1) if top else 0.0,
            f"{max(0.0, share.value) / whole * 100:.0f}%" if whole and share.value is not None else "—",
        )
        for share in ordered
    ]


def _share_name(desk: Desk, share: Share) -> str:
    name = desk.language.pick(share.name_zh, share.name_en)
    if share.until is None:
        return name
    return desk.language("share.until", name=name, at=desk.times.stamp(share.until))


def assigned(shares: list[Share]) -> list[Share]:
    """Without a rest below zero: the parts then hold more than their main meter, which ``surplus`` says in words."""
    return [share for share in shares if share.code or share.value is None or share.value >= 0]


def surplus(desk: Desk, shares: list[Share]) -> str:
    """Why the parts add up to more than the main meter: own generation, or meters to check."""
    rest = next((share.value for share in shares if not share.code and share.value is not None), 0.0)
    if rest >= 0:
        return ""
    key = "energy.surplus_solar" if desk.meters(SOLAR) else "energy.surplus"
    return desk.language(key, figure=desk.figure(-rest, shares[0].unit))


def ring(desk: Desk, shares: list[Share], *, chart_id: str, title: str, commodity: str) -> Chart:
    rows = ranking(desk, shares)
    by_name = {row.name: row for row in rows}
    values = {_share_name(desk, share): share.value for share in shares}
    unit = shares[0].unit if shares else ""
    sentence = desk.language("comma").join(f"{row.name} {row.figure} ({row.share})" for row in rows)
    return Chart(
        chart_id, "ring", title, f"{title}: {sentence}", unit, commodity,
        labels=list(by_name), lines=[Line(title, [_positive(values[name]) for name in by_name], "part")],
        rest=next((n for n, row in enumerate(rows) if row.code == ""), None), words=chart_words(desk),
    )  # fmt: skip


def _positive(value: float | None) -> float | None:
    return None if value is None else max(0.0, round(value, 3))


def chart_words(desk: Desk) -> dict[str, str]:
    """The words a chart's own script may need; it has none of its own."""
    return {key: desk.language(f"chart.{key}") for key in ("estimated", "missing", "now", "running")}


def power_today(desk: Desk, quantity: str) -> Chart:
    """Today's quarter-hours as mean power beside the same weekday last week."""
    today = make_span("day", desk.today, desk.site.zone)
    starts = list(range(today.start, today.end, QUARTER_MS))
    base = today.base()
    shift = today.start - base.start
    slots = desk.whole(quantity, today.start, desk.now_ms, "15min")
    base_slots = {
        start + shift: slot for start, slot in desk.whole(quantity, base.start, base.end, "15min").items()
    }
    times, words = desk.times, desk.language
    weekday = times.weekday(times.local(today.start))
    lines = [
        line(words("chart.today"), slots, starts, "now", QUARTERS_PER_HOUR),
        line(words("chart.last_weekday", weekday=weekday), base_slots, starts, "base", QUARTERS_PER_HOUR),
    ]
    return Chart(
        "power-today", "area", words("chart.power_today"), _curve_sentence(desk, lines[0], starts, "kW"), "kW", "electricity",
        labels=[times.clock(start) for start in starts], lines=lines, ticks=list(range(0, len(starts), 12)),
        now=int((desk.now_ms - today.start) // QUARTER_MS), words=chart_words(desk),
    )  # fmt: skip


def _curve_sentence(desk: Desk, curve: Line, starts: list[int], unit: str) -> str:
    known = [(value, start) for value, start in zip(curve.values, starts, strict=True) if value is not None]
    if not known:
        return desk.language("chart.nothing")
    peak, peak_at = max(known)
    return desk.language(
        "chart.curve_sentence", name=curve.name, last=desk.figure(known[-1][0], unit), peak=desk.figure(peak, unit),
        at=desk.times.clock(peak_at),
    )  # fmt: skip


def usage_chart(desk: Desk, quantity: str, *, unit: str, commodity: str, title: str) -> Chart:
    """Bars of the chosen span beside its base: hours of a day, days of a week or month."""
    span, base = desk.span, desk.span.base()
    slots, running = desk.whole(quantity, span.start, desk.end_so_far, span.slot), _running_slot(desk)
    if running is not None:
        start = span.starts()[running]
        so_far = desk.views.total(quantity, start, desk.now_ms).value
        slots[start] = Slot(
            start, desk.now_ms, "measured" if so_far is not None else "missing", 1.0, value=so_far
        )
    lines = [
        line(_name(desk, span), slots, span.starts()),
        _base_line(desk, quantity, span, base),
    ]
    known = [value for value in lines[0].values if value is not None]
    sentence = desk.language(
        "chart.usage_sentence",
        name=title,
        span=lines[0].name,
        n=len(known),
        sum=desk.figure(sum(known) if known else None, unit),
    )
    return Chart(
        f"usage-{commodity}", "bars", title, sentence, unit, commodity,
        labels=slot_labels(desk.times, span), lines=lines, ticks=_ticks(span), now=running, words=chart_words(desk),
    )  # fmt: skip


def _running_slot(desk: Desk) -> int | None:
    """The bar that is still growing."""
    begun = [n for n, start in enumerate(desk.span.starts()) if start <= desk.now_ms]
    return begun[-1] if desk.is_running and begun else None


def _base_line(desk: Desk, quantity: str, span: Span, base: Span) -> Line:
    """The base slot by slot: the nth hour or day beside the nth."""
    slots = desk.whole(quantity, base.start, base.end, base.slot)
    own = line(_name(desk, base), slots, base.starts(), "base")
    count = len(span.starts())
    values = (own.values + [None] * count)[:count]
    return Line(own.name, values, "base", (own.estimated + [False] * count)[:count])


def _name(desk: Desk, span: Span) -> str:
    if span.kind == "day":
        return f"{span.first:%m-%d} {desk.language(f'weekday.{span.first.weekday()}')}"
    if span.kind == "week":
        return f"{span.first:%m-%d} – {span.last:%m-%d}"
    return f"{span.first:%Y-%m}"


def slot_labels(times: Times, span: Span) -> list[str]:
    if span.kind == "day":
        return [times.clock(start) for start in span.starts()]
    if span.kind == "week":
        return [f"{times.language(f'weekday.{day.weekday()}')} {day:%m-%d}" for day in span.days]
    return [f"{day:%m-%d}" for day in span.days]


def _ticks(span: Span) -> list[int]:
    count = len(span.starts())
    step = {"day": 3, "week": 1, "month": 5}[span.kind]
    return list(range(0, count, step))
