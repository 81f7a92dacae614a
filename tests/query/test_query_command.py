"""``campus-gateway query`` and ``status`` as a person or a program calls them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from gateway.cli.main import app
from gateway.cli.table import table
from gateway.control.protocol import Command
from gateway.control.server import ControlServer
from gateway.errors import QueryError
from runtime.clock import format_utc
from runtime.health import Health, HealthServer
from tests.ports import free_port
from tests.query import campus_hub
from tests.query.buffers import school, write_site_file
from tests.query.campus_hub import Hub
from tests.query.conftest import Campus


@pytest.fixture
def path(campus: Campus) -> Path:
    return write_site_file(campus.site)


def call(campus: Campus, *arguments: str) -> Result:
    """At the campus's own time."""
    command, site, *rest = arguments
    clock = ["--clock-start", format_utc(campus.clock.ms)]
    return CliRunner().invoke(app, [command, *clock, site, *rest])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_latest_is_a_table_for_people(campus: Campus, path: Path) -> None:
    result = call(campus, "query", str(path), "latest", "air-101.co2", "air-101.humidity")
    header, co2, humidity = result.stdout.splitlines()
    assert header.split() == ["point", "value", "quality", "measured", "at", "delayed"]
    assert co2.split()[:3] == ["air-101.co2", "800.0", "ppm"]
    assert "2026-11-18 10:04:55+08:00" in co2
    assert humidity.split()[1] == "—"


def test_json_is_one_object_per_line(campus: Campus, path: Path) -> None:
    rows = lines(call(campus, "query", str(path), "latest", "--json"))
    by_point = {row["point"]: row for row in rows}
    assert by_point["air-101.co2"]["value"] == 800.0
    assert len(rows) == len(campus.buffer.points)


@pytest.mark.parametrize(
    "span",
    [("2026-11-17", "2026-11-18"), ("2026-11-16T16:00Z", "2026-11-17T16:00:00+00:00"), ("2026-11-17T00:00", "2026-11-18T00:00")],
    ids=["days", "zoned", "site time"],
)  # fmt: skip
def test_spans_are_site_time_unless_they_name_a_zone(
    campus: Campus, path: Path, span: tuple[str, str]
) -> None:
    options = ("--from", span[0], "--to", span[1], "--json")
    (found,) = lines(call(campus, "query", str(path), "total", "active_energy_import", *options))
    expected = campus.reader.total("active_energy_import", campus.midnight - 86_400_000, campus.midnight)
    assert found["value"] == expected.value
    slots = lines(
        call(campus, "query", str(path), "series", "main-e.energy_import", "--period", "hour", *options)
    )
    assert len(slots) == 24


def test_without_a_span_it_is_today_so_far(campus: Campus, path: Path) -> None:
    (found,) = lines(call(campus, "query", str(path), "total", "water_volume", "--json"))
    assert found["value"] == campus.reader.total("water_volume", campus.midnight, campus.clock.ms).value
    rows = lines(call(campus, "query", str(path), "completeness", "--json"))
    assert [row["day"] for row in rows] == ["2026-11-18"]


@pytest.mark.parametrize(
    "question",
    [("series", "main-e.power"), ("total", "water_volume", "--space", "canteen"), ("events",), ("events", "--state", "all"),
     ("devices",), ("completeness", "--level", "point"), ("rejections",)],
    ids=" ".join,
)  # fmt: skip
def test_every_question_has_a_table(campus: Campus, path: Path, question: tuple[str, ...]) -> None:
    campus.buffer.event("e1", "limit", "air-102.co2", campus.clock.ms - 60_000, text_zh="二氧化碳偏高")
    campus.buffer.connection.execute("INSERT INTO rejection VALUES ('air-101', 'range', 3, 7, 'x')")
    result = call(campus, "query", str(path), *question)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) >= 2


def test_a_time_that_is_none_is_a_usage_error(campus: Campus, path: Path) -> None:
    result = call(campus, "query", str(path), "series", "main-e.power", "--from", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is not a time; write 2026-11-22" in result.output


def test_an_unknown_point_is_one_sentence(campus: Campus, path: Path) -> None:
    result = call(campus, "query", str(path), "latest", "main-e.nothing")
    assert isinstance(result.exception, QueryError)
    assert "there is no point 'main-e.nothing'" in str(result.exception)


def test_before_the_first_start_there_is_nothing_and_no_error(tmp_path: Path) -> None:
    path = write_site_file(school(tmp_path))
    result = CliRunner().invoke(app, ["query", str(path), "events"])
    assert result.exit_code == 0
    assert (result.stdout, result.stderr) == ("", "nothing (没有数据)\n")


def test_chinese_characters_are_two_cells_wide() -> None:
    assert table(("a", "b"), [("总表", 1), ("x", None)]) == "a     b\n总表  1\nx     —"


def test_status_works_while_the_collector_is_down_and_says_so(tmp_path: Path) -> None:
    path = write_site_file(school(tmp_path, collector={"port": free_port()}))
    result = CliRunner().invoke(app, ["status", str(path)])
    assert result.exit_code == 0, result.output
    assert "collector 采集: down" in result.stdout
    assert "the collector is not running" in result.stdout
    assert f"{16} unknown" in result.stdout


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Path]:
    """A collector's health endpoint and control socket, on a loop of its own as in a process of its own."""
    health = HealthServer("127.0.0.1", 0, CollectorRegistry(), lambda: Health((), {"accepted": 12}))
    site = school(tmp_path, collector={"port": health.port})
    started, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def status(_: Command) -> dict[str, Any]:
        return {"accepted": 12}

    async def serve() -> None:
        async with ControlServer(site.control_path, {"status": status}):
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    yield write_site_file(site)
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    health.close()


def test_status_of_a_running_collector_is_one_object_for_programs(collector: Path) -> None:
    result = CliRunner().invoke(app, ["status", str(collector), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])  # this collector logs into the same stream
    assert found["collector"]["status"] == "ok"
    assert found["collector"]["control"] == {"answers": True, "accepted": 12}
    assert found["uplinks"][0]["waiting"] == 0
    assert found["buffer"]["bytes"] == 0


def test_status_of_a_running_collector_is_a_page_for_people(collector: Path) -> None:
    result = CliRunner().invoke(app, ["status", str(collector)])
    assert "collector 采集: ok" in result.stdout
    assert "open alarms 报警: none" in result.stdout
    assert "not running" not in result.stdout


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return campus_hub.filled(tmp_path_factory.mktemp("hub"))


def of_the_campus(hub: Hub, *words: str) -> Result:
    clock = ["--clock-start", format_utc(hub.clock.ms)]
    return CliRunner().invoke(
        app, ["query", *clock, "--hub", str(hub.path), str(write_site_file(hub.site)), *words]
    )


@pytest.mark.parametrize("is_named_by_the_file", [True, False])
def test_a_campus_is_asked_at_its_hub(hub: Hub, tmp_path: Path, is_named_by_the_file: bool) -> None:
    site = write_site_file(hub.site)
    options = ["--hub", str(hub.path)]
    if is_named_by_the_file:
        document = yaml.safe_load(site.read_text()) | {"uplinks": [], "hub": {"database": str(hub.path)}}
        site, options = tmp_path / "campus.yaml", []
        site.write_text(yaml.safe_dump(document, allow_unicode=True))
    clock = ["--clock-start", format_utc(hub.clock.ms)]
    span = ["--from", "2026-11-17", "--to", "2026-11-18"]
    words = ["query", *clock, *options, str(site), "total", "active_energy_import", *span, "--json"]
    (found,) = lines(CliRunner().invoke(app, words))
    expected = hub.reader.total("active_energy_import", hub.midnight - 86_400_000, hub.midnight)
    assert (found["value"], found["known_share"]) == (expected.value, 1.0)
    assert found["value"] is not None


def test_a_campuss_devices_are_told_with_their_gateway_and_no_count_of_refusals(hub: Hub) -> None:
    rows = {row["device"]: row for row in lines(of_the_campus(hub, "devices", "--json"))}
    assert (rows["main-e"]["line"], rows["hvac-a"]["line"], rows["main-w"]["line"]) == ("gw-1", "gw-2", "")
    assert {row["rejected"] for row in rows.values()} == {None}
    assert rows["main-e"]["seen_at"] == hub.midnight + 40 * 900_000
    assert rows["main-w"]["seen_at"] is None


@pytest.mark.parametrize("question", ["latest", "rejections"])
def test_what_a_hub_is_not_sent_is_refused_in_words_and_not_shown_as_none(hub: Hub, question: str) -> None:
    found = of_the_campus(hub, question)
    assert isinstance(found.exception, QueryError)
    assert "校区汇总没有实时读数和拒收记录" in str(found.exception)
    assert "run `campus-gateway query` on the gateway" in str(found.exception)
    assert found.stdout == ""
