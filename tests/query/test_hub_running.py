"""Two real collectors, one real hub, its pages: what the hub says of the campus is what the gateways' own buffers add up to."""

from __future__ import annotations

import html
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import httpx2
import pytest

from dashboard.app import PAGES
from devices.quantities import Kind
from edge_config.loader import load_site
from gateway.points import build_points
from gateway.query.hub.reader import HubReader
from gateway.query.reader import Reader
from gateway.query.views import Completeness
from tests.faults.collector import eventually
from tests.query import two_gateways
from tests.query.buffers import ManualClock
from tests.query.two_gateways import END_MS, LOSS, NOW_MS, OUT_MS, QUARTER_MS, START_MS, Written

pytestmark = [pytest.mark.real("district"), pytest.mark.timeout(600)]

GATEWAYS = ("gw-1", "gw-2")
MAIN: str = LOSS["sum"][0]
SUBS: list[str] = LOSS["minus"]
DAY = "2026-09-14"
YESTERDAY = ("--from", DAY, "--to", "2026-09-15")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return two_gateways.live(tmp_path_factory.mktemp("campus"))


@pytest.fixture(scope="module")
def hub(lived: Written) -> HubReader:
    return HubReader(load_site(lived.campus), ManualClock(NOW_MS), lived.hub)


@pytest.fixture(scope="module")
def own(lived: Written) -> dict[str, Reader]:
    """What reads each gateway's own buffer."""
    return {name: Reader(lived.site(name), ManualClock(NOW_MS)) for name in GATEWAYS}


def counted(lived: Written, point: str, start: int = START_MS) -> Fraction:
    """The closed quarter-hours of a counter from ``start`` to midnight, in its unit, added up from its gateway's buffer."""
    name = "gw-1" if point.startswith("main") else "gw-2"
    slots = lived.rows(
        name,
        "SELECT i.steps, p.step FROM interval i JOIN point p USING (point_id)"
        " WHERE p.name = ? AND i.period = '15min' AND i.start >= ? AND i.start < ?",
        point, start, END_MS,
    )  # fmt: skip
    assert len(slots) >= 4
    return sum((steps * Fraction(step) for steps, step in slots), Fraction(0))


def first_slots(lived: Written, name: str, quantity: str = "%") -> list[int]:
    """Where the data of a gateway's points begin."""
    found = lived.rows(
        name, "SELECT first_at FROM watermark JOIN point USING (point_id) WHERE quantity LIKE ?", quantity
    )
    return [at - at % QUARTER_MS for (at,) in found]


def all_begun(lived: Written) -> int:
    """The slot from which on every point of both gateways is there."""
    return max(at for name in GATEWAYS for at in first_slots(lived, name))


def intervals_of_the_buffers(lived: Written) -> set[tuple[object, ...]]:
    """Every interval that ended by midnight as the wire carries it: whole steps as the nearest float, shares and means with
    four digits."""
    found: set[tuple[object, ...]] = set()
    for name in GATEWAYS:
        for point, step, steps, share, mean, low, high, *row in lived.rows(
            name,
            "SELECT p.name, p.step, i.steps, i.share, i.mean, i.low, i.high, i.period, i.start, i.content, i.revision"
            ' FROM interval i JOIN point p USING (point_id) WHERE i."end" <= ?',
            END_MS,
        ):
            value = None if steps is None else float(steps * Fraction(step))
            found.add((point, value, *map(four_digits, (share, mean, low, high)), *row))
    return found


def four_digits(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def test_the_hub_holds_every_interval_of_every_buffer_as_it_is_and_no_other(lived: Written) -> None:
    held = two_gateways.rows(
        lived.hub,
        'SELECT point, value, share, mean, low, high, period, start, content, revision FROM interval WHERE "end" <= ?',
        END_MS,
    )
    assert set(held) == intervals_of_the_buffers(lived)
    assert len(held) == len(set(held))
    assert {row[8] for row in held} == {"measured", "estimated", "missing"}


def test_the_hub_holds_every_event_of_every_buffer_in_its_state(lived: Written) -> None:
    sql = 'SELECT event_id, {} , subject, start, "end", level, state, revision FROM event'
    kept = {row for name in GATEWAYS for row in lived.rows(name, sql.format("kind"))}
    assert set(two_gateways.rows(lived.hub, sql.format("event_kind"))) == kept
    assert kept


def test_the_parent_on_one_gateway_less_its_children_on_the_other_is_the_loss_to_the_last_step(
    lived: Written, hub: HubReader
) -> None:
    start = all_begun(lived)
    main, *subs = (counted(lived, point, start) for point in (MAIN, *SUBS))
    loss = main - sum(subs)
    assert all(part > 0 for part in (loss, *subs))
    total = hub.total("active_energy_import", start, END_MS)
    assert (total.value, total.unit) == (float(main), "kWh")
    assert hub.total("active_energy_import", start, END_MS, points=[LOSS["id"]]).value == float(loss)
    shares = {share.code: share.value for share in hub.items(start, END_MS)}
    assert shares == {"A": float(subs[0] + subs[1]), "D": float(subs[2]), "": float(loss)}


def test_the_water_main_is_the_campuss_and_its_part_the_canteens(lived: Written, hub: HubReader) -> None:
    start = all_begun(lived)
    main, part = (counted(lived, point, start) for point in ("main-w.volume", "water-canteen.volume"))
    assert hub.total("water_volume", start, END_MS).value == float(main)
    shares = {share.code: share.value for share in hub.buildings("water_volume", start, END_MS)}
    assert (shares["canteen"], shares[""]) == (float(part), float(main - part))


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_points_slots_and_totals_are_those_of_its_gateway(
    lived: Written, hub: HubReader, own: dict[str, Reader], name: str
) -> None:
    for point in build_points(lived.site(name)):
        span = (point.name, START_MS, END_MS, "15min")
        slots = [
            [(one.start, one.content, one.value) for one in reader.series(*span).slots]
            for reader in (hub, own[name])
        ]
        assert slots[0] == slots[1]
        assert slots[0]
        if point.kind is Kind.COUNTER:
            totals = [
                reader.total(point.quantity, START_MS, END_MS, points=[point.name])
                for reader in (hub, own[name])
            ]
            assert totals[0].value == totals[1].value
            assert totals[0].known_share == pytest.approx(totals[1].known_share, abs=1e-3)


def by_subject(rows: list[Completeness]) -> dict[str, tuple[int, ...]]:
    return {row.subject: (row.due, row.measured, row.estimated, row.missing) for row in rows}


def test_completeness_is_counted_as_the_gateways_count_it_and_the_campuss_is_their_sum(
    hub: HubReader, own: dict[str, Reader]
) -> None:
    points: dict[str, tuple[int, ...]] = {}
    for reader in own.values():
        points |= by_subject(reader.completeness(DAY, DAY, "point"))
    assert by_subject(hub.completeness(DAY, DAY, "point")) == points
    (campus,) = by_subject(hub.completeness(DAY, DAY)).values()
    sums = [by_subject(reader.completeness(DAY, DAY)).values() for reader in own.values()]
    assert campus == tuple(map(sum, zip(*(counts for site in sums for counts in site), strict=True)))
    due, measured, estimated, missing = campus
    assert due == measured + estimated + missing
    assert estimated >= (OUT_MS[1] - OUT_MS[0]) // QUARTER_MS
    assert missing > 0


def test_every_gateway_is_told_with_how_far_its_data_reaches(hub: HubReader) -> None:
    found = hub.hub()
    assert found is not None
    assert [(one.gateway, one.data_at) for one in found.gateways] == [
        (name, END_MS + QUARTER_MS) for name in GATEWAYS
    ]
    assert found.strangers == []
    assert {row.device: row.line for row in hub.devices()} == {
        "main-e": "gw-1", "main-w": "gw-1", "light-a": "gw-2", "light-dorm": "gw-2", "kitchen-e": "gw-2", "water-canteen": "gw-2",
    }  # fmt: skip


@pytest.fixture(scope="module")
def browser(lived: Written) -> Iterator[httpx2.Client]:
    with (
        two_gateways.pages(lived) as address,
        httpx2.Client(base_url=address, trust_env=False, headers={"accept": "text/html"}) as client,
    ):
        eventually(lambda: is_up(client), "the dashboard answers")
        token = (lived.folder / "setup.token").read_text()
        assert client.get("/login", params={"token": token}).status_code == 303
        yield client


def is_up(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def shown(value: Fraction) -> str:
    return f"{float(value):,.1f}" if value >= 10 else f"{float(value):,.2f}"


def test_every_page_of_the_real_dashboard_names_both_gateways(browser: httpx2.Client) -> None:
    for path in PAGES:
        answer = browser.get(path, params={"lang": "zh"})
        assert answer.status_code == 200, path
        assert "网关 gw-1 数据到 00:15、网关 gw-2 数据到 00:15" in text_of(answer.text)


def test_the_energy_page_shows_points_of_both_gateways_and_what_no_part_accounts_for(
    browser: httpx2.Client, lived: Written
) -> None:
    page = text_of(browser.get("/energy", params={"lang": "zh", "d": DAY}).text)
    parts = {point: counted(lived, point) for point in (MAIN, *SUBS)}
    for name, value in zip(("总进线", "A照明", "宿舍照明", "厨房电"), parts.values(), strict=True):
        assert re.search(rf"{name}.{{0,60}}?{re.escape(shown(value))} kWh", page), (name, shown(value))
    both = max(min(first_slots(lived, name, "active_energy_import")) for name in GATEWAYS)
    loss = counted(lived, MAIN, both) - sum(counted(lived, point, both) for point in SUBS)
    assert f"未归类 {shown(loss)} kWh" in page


def test_the_devices_page_groups_them_by_gateway(browser: httpx2.Client) -> None:
    page = browser.get("/devices", params={"lang": "zh"}).text
    one, two = page.index('aria-label="gw-1"'), page.index('aria-label="gw-2"')
    assert one < page.index('id="device-main-e"') < two < page.index('id="device-light-a"')


def test_the_query_command_answers_of_the_campus(lived: Written) -> None:
    words = ("query", "--clock-start", "2026-09-15T00:10:00+08:00", lived.campus)
    (total,) = two_gateways.asked(*words, "total", "active_energy_import", *YESTERDAY)
    assert total["value"] == float(counted(lived, MAIN))
    rows = two_gateways.asked(*words, "completeness", "--level", "point", *YESTERDAY)
    assert {row["subject"].partition(".")[0] for row in rows} >= {"main-e", "water-canteen"}


def test_collect_refuses_the_campuss_file_and_leaves_the_hub_as_it_is(lived: Written) -> None:
    before = lived.hub.read_bytes()
    done = subprocess.run(
        two_gateways.command("collect", lived.campus),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert f"`campus-gateway dashboard {lived.campus}`" in done.stderr
    assert lived.hub.read_bytes() == before
    assert not Path(lived.folder, "var", "buffer.db").exists()
    with closing(sqlite3.connect(lived.hub)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
