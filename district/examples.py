"""One example of everything on the wire, for the OpenAPI document. Real values of the real types: a test reads each back."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from district import contract
from district.figures import Amount, Completeness, GatewayRow, PointTotal, School
from district.interval_pages import IntervalPage, IntervalRow
from district.refusal import STATUS
from district.wire import HealthAnswer, QueueHealth, Totals, UpstreamHealth

START, QUARTER_MS = 1_795_276_800_000, 900_000
"""2026-11-22 00:00 in Shanghai."""
METER = "main-e.active_energy_import"

_quota = contract.YearQuota(electricity_kwh=320_000, water_m3=14_500)
_site = contract.SiteBody(name="示例中学", timezone="Asia/Shanghai", students=1200, area_m2=24000.0, school_kind="junior",
    quota={"2026": _quota},
)  # fmt: skip
_point = contract.PointBody(
    point=METER, device="main-e", space="a", quantity="active_energy_import", unit="kWh", value_kind="counter",
    step="0.01", energy_code="01000", label_zh="总表 正向有功电量", label_en="Main meter, energy imported",
)  # fmt: skip
_interval = contract.IntervalBody(
    point=METER, period="15min", start=START, end=START + QUARTER_MS, content="measured", share=1.0, value=12.5,
    register_start=10_400.25, register_end=10_412.75,
)  # fmt: skip
_event = contract.EventBody(
    event_id="5f0c9d3e", event_kind="cold_excursion", subject="fridge-1.temperature", start=START, level=1,
    state="open", evidence={"text_zh": "温度高于 8 ℃", "text_en": "Above 8 ℃"},
)  # fmt: skip
_gap = contract.GapBody(point=METER, start=START, end=START + QUARTER_MS, count=90, reason="retention")
_statement = contract.StatementBody(
    day="2026-11-22", points=42, slots_due=4032, slots_measured=4030, slots_estimated=2, slots_missing=0,
    events_opened=0,
)  # fmt: skip
_change = contract.ChangeRecord(seq=1201, key=f"interval:{METER}:15min:{START}", revision=1, body=_interval)
_array = ("[" + _change.model_dump_json() + "]").encode()
_batch = contract.Batch(
    site="demo-school", gateway="gw-1", epoch="3f1c8f5e6d2b4f0e", from_seq=1200, to_seq=1201,
    sha256=hashlib.sha256(_array).hexdigest(), changes=[_change],
)  # fmt: skip
_rejected = contract.Rejected(seq=1201, reason=f"point {METER} was never described")
_receipt = contract.Receipt(
    site=_batch.site, gateway=_batch.gateway, epoch=_batch.epoch, from_seq=1200, to_seq=1201, count=1,
    sha256=_batch.sha256, received=[(0, 1201)],
)  # fmt: skip
_enrolment = contract.Enrolment(
    token="demo-school.gw-1.Zm9yIG9uZSBnYXRld2F5LCBvbmNlLCB3aXRoaW4gYSBkYXk"  # noqa: S106 - good for nothing
)
_enrolled = contract.Enrolled(
    site="demo-school",
    gateway="gw-1",
    key="demo-school.gw-1.1f3a5c7e.bmV2ZXIgdHJhdmVscywgb25seSBzaWducyB3aGF0IGRvZXM",
)
_completeness = Completeness(due=96, measured=95, estimated=1)
_amount = Amount(1200.5, "kWh", True, START, START + 96 * QUARTER_MS, 95 / 96, 1 / 96, 0.0)
_row = GatewayRow("gw-1", "示例中学", START, _batch.epoch, 1201, 0)
_school = School(
    site="demo-school", name=_site.name, timezone=_site.timezone, students=_site.students, area_m2=_site.area_m2,
    gateways=[_row], today=_completeness, week=_completeness, electricity_today=_amount, electricity_month=_amount,
    water_today=Amount(13.25, "m³"), water_month=Amount(None, "m³"), open_events={1: 1},
)  # fmt: skip
_total = PointTotal(
    point=METER, device="main-e", space="a", quantity="active_energy_import", unit="kWh", value_kind="counter",
    role="total", label_zh=_point.label_zh, label_en=_point.label_en, value=1200.5, mean=None,
    register_start=10_400.25, register_end=11_600.75, slots_measured=95, slots_estimated=1, slots_missing=0,
)  # fmt: skip
_interval_row = IntervalRow(
    **{**dict.fromkeys(IntervalRow.model_fields), **_interval.model_dump(), "revision": 1}
)
_upstream = UpstreamHealth(
    name="city", waiting_batches=3, waiting_bytes=21_400, oldest_age_s=900.5, last_receipt_age_s=1_020.0, stopped_gateways=0,
    trouble="no_answer",
)  # fmt: skip
_queue = QueueHealth(reachable=True, waiting_batches=2, waiting_bytes=14_300, refused_batches=0)
_health = HealthAnswer(status="ok", problems=[], sites=12, upstreams=[_upstream], queue=_queue)
_page = IntervalPage(
    site="demo-school", timezone="Asia/Shanghai", period="15min", start=START, end=START + 96 * QUARTER_MS,
    intervals=[_interval_row], next=f"{START}:{METER}",
)  # fmt: skip

VALUES: dict[str, Any] = {
    type(value).__name__: value
    for value in (
        _quota, _site, _point, _interval, _event, _gap, _statement, _change, _batch, _rejected, _receipt, _enrolment, _enrolled,
        _completeness, _amount, _row, _school, _total, _interval_row, _page, _health, _upstream, _queue,
        Totals(site="demo-school", start=START, end=START + 96 * QUARTER_MS, points=[_total]),
        contract.Problem(error=contract.Fault.COVERED, detail="a part of (0, 10) was received before", covered=[(0, 4)]),
    )
}  # fmt: skip
EXAMPLES: dict[str, Any] = {
    name: value.model_dump(mode="json") if isinstance(value, BaseModel) else asdict(value)
    for name, value in VALUES.items()
}
_wrong = contract.Rejected(seq=1201, reason="Object missing required field `timezone` - at `$.body`")
_SAID = {
    contract.Fault.DAMAGED: "sha256 is not that of the changes array as it arrived; send the batch again",
    contract.Fault.UNAUTHORIZED: "no key in force here has signed this",
    contract.Fault.FORBIDDEN: "the key is that of demo-school/gw-1, the batch of demo-school/gw-2",
    contract.Fault.NOT_FOUND: "no school 'nowhere' is enrolled here",
    contract.Fault.COVERED: "a part of (0, 10) was received before",
    contract.Fault.TOO_LARGE: "the batch is larger than 33554432 bytes; send fewer changes",
    contract.Fault.INVALID: "body: Object missing required field `timezone` - at `$[0].body`",
    contract.Fault.TOO_MANY: "too many requests; the next one in 2 s",
    contract.Fault.UNAVAILABLE: "the database did not answer; try again in a moment",
}
PROBLEMS: dict[str, Any] = {
    str(STATUS[fault]): contract.Problem(
        error=fault,
        detail=said,
        covered=[(0, 4)] if fault is contract.Fault.COVERED else [],
        invalid=[_wrong] if fault is contract.Fault.INVALID else [],
    ).model_dump(mode="json")
    for fault, said in _SAID.items()
}
"""By status, as text."""
