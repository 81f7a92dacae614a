"""The commands as an installer runs them: processes of their own against a device on a real socket or pty."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from gateway.cli.bus import replay
from gateway.cli.bus_scan import scan
from gateway.cli.check import check
from gateway.cli.verify_sheet import verify_sheet
from gateway.commissioning.sheet import HEADERS, PANEL
from gateway.errors import ConfigError
from tests.commissioning.meters import DTSU666, bus_of, site, swapped
from tests.ports import free_port
from tests.sources import slave as far_end
from tests.sources.slave import Slave

DTSU666_ENERGY = "449a5000"
METER = "id: m, profile: chint-dtsu666, unit_id: 1, ct_ratio: 10"
PATIENT_S = 10.0
"""For meters that answer: they do so in this process, which a busy machine may keep from another's for a while."""


async def run(*arguments: str | Path) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert b"Traceback" not in out + err, (out + err).decode()
    return process.returncode, out.decode(), err.decode()


async def test_scan_finds_a_unit_of_a_site_and_suggests_its_profile(tmp_path: Path) -> None:
    async with far_end.tcp(Slave(bus_of({3: DTSU666}))) as port:
        loaded = site(tmp_path, port, METER)
        code, out, err = await run("bus", "scan", loaded.path, "east", "--units", "2-3", "--timeout", "1")
    assert code == 0
    assert "chint-dtsu666" in out
    assert "energy_import 1234.5 kWh" in out
    assert "100 %" in err


async def test_scan_of_a_serial_port_needs_no_site_file() -> None:
    async with far_end.serial(Slave(bus_of({7: DTSU666}))) as path:
        code, out, _ = await run("bus", "scan", "--serial", path, "--units", "6,7", "--no-profiles", "--protocols", "modbus",
                                 "--json")  # fmt: skip
    assert code == 0
    assert [(row["unit_id"], row["setting"]) for row in map(json.loads, out.splitlines())] == [
        (7, "9600 8N1")
    ]


def test_scan_needs_exactly_one_line() -> None:
    told = CliRunner().invoke(scan, ["--host", "192.0.2.1", "--serial", "/dev/ttyS9"])
    assert told.exit_code == 2
    assert "name one line" in told.output


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--units", "0-4"),
        ("--units", "a"),
        ("--baudrates", "1234"),
        ("--parities", "X"),
        ("--protocols", "profibus"),
    ],
)
def test_a_list_that_is_none_is_named(option: str, value: str) -> None:
    told = CliRunner().invoke(scan, ["--serial", "/dev/ttyS9", option, value])
    assert told.exit_code == 2
    assert option in told.output


async def test_read_shows_values_beside_registers_as_often_as_asked(tmp_path: Path) -> None:
    async with far_end.tcp(Slave(bus_of({1: DTSU666}))) as port:
        loaded = site(tmp_path, port, METER, timeout_s=PATIENT_S)
        watch = ("--watch", "--times", "2", "--interval", "0.1")
        code, out, _ = await run("bus", "read", loaded.path, "m", *watch)
    assert code == 0
    assert out.count("12,345.0 kWh") == 2
    assert out.count("449a 5000") == 2


async def test_read_of_a_silent_device_says_what_to_check(tmp_path: Path) -> None:
    async with far_end.tcp(Slave(lambda _: None)) as port:
        loaded = site(tmp_path, port, METER)
        code, out, err = await run("bus", "read", loaded.path, "m")
    assert code == 1
    assert "bad (silent)" in out
    assert "check power, unit id and the wiring" in err


async def test_doctor_advises_and_fails_on_a_fault(tmp_path: Path) -> None:
    async with far_end.tcp(Slave(bus_of({1: swapped(DTSU666)}))) as port:
        loaded = site(tmp_path, port, METER, timeout_s=PATIENT_S)
        code, out, _ = await run("bus", "doctor", loaded.path, "east", "--polls", "2")
    assert code == 1
    assert "字节序可能不对" in out
    assert "bus load" in out


async def test_collector_recording_and_sheet_agree_with_the_meter(tmp_path: Path) -> None:
    """One run of the collector: its recording is decoded again, its readings go into a sheet and back."""
    record, out = tmp_path / "traffic.jsonl", tmp_path / "out.csv"
    async with far_end.tcp(Slave(bus_of({1: DTSU666}))) as port:
        device = f"{METER}, poll_interval_s: 1, space: a-1, name: 总表"
        loaded = site(tmp_path, port, device, timeout_s=PATIENT_S)
        with loaded.path.open("a", encoding="utf-8") as file:
            file.write(f"collector: {{port: {free_port()}}}\nbuffer: {{commit_interval_s: 0.2}}\n")
        async with collecting(loaded.path, record):
            await eventually(lambda: record.exists() and DTSU666_ENERGY in record.read_text("utf-8"))
            await eventually((tmp_path / "var/buffer.db").exists)

    decoded = CliRunner().invoke(replay, [str(record), str(loaded.path)])
    assert decoded.exit_code == 0
    assert "m.energy_import = 12345.0  good" in decoded.output

    assert CliRunner().invoke(verify_sheet, ["make", str(loaded.path), "--out", str(out)]).exit_code == 0
    text = out.read_text("utf-8-sig")
    assert "教学楼A 配电间" in text
    blank = CliRunner().invoke(verify_sheet, ["read", str(loaded.path), str(out)])
    assert isinstance(blank.exception, ConfigError)
    assert "has no panel readings" in str(blank.exception)

    assert verdict(loaded.path, out, text, panel="12345.0") == (0, "相符 agrees")
    assert verdict(loaded.path, out, text, panel="1234.5") == (1, "secondary side")
    await asyncio.to_thread(spreadsheet_agrees, loaded.path, tmp_path / "sheet.xlsx")


def spreadsheet_agrees(site_path: Path, out: Path) -> None:
    """The same as a spreadsheet: out, filled in for one meter with a slip in another cell, and back in."""
    assert CliRunner().invoke(verify_sheet, ["make", str(site_path), "--out", str(out)]).exit_code == 0
    book = openpyxl.load_workbook(out)
    page = book.worksheets[0]
    lines = {row[0].value: row[0].row for row in page.iter_rows() if row[0].value}
    page[f"M{lines['m.energy_import']}"] = "１２３４５．０"
    page[f"M{lines['m.energy_export']}"] = "blurred"
    book.save(out)
    book.close()
    told = CliRunner().invoke(verify_sheet, ["read", str(site_path), str(out)])
    assert told.exit_code == 1
    assert "相符 agrees" in told.output
    assert f"错误 fault  M{lines['m.energy_export']}   'blurred' 不是数字" in told.output
    assert "1 of 1 compared, 0 beyond tolerance (超差 0), 0 blank (未填 0), 1 faults" in told.output


def verdict(site_path: Path, out: Path, text: str, panel: str) -> tuple[int, str]:
    """The sheet with the import's panel filled in, read back: the exit code, and which known words it says."""
    rows = [line.split(",") for line in text.splitlines()]
    for row in rows[1:]:
        row[HEADERS.index(PANEL)] = panel if row[0] == "m.energy_import" else ""
    out.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8-sig")
    told = CliRunner().invoke(verify_sheet, ["read", str(site_path), str(out)])
    return told.exit_code, next(words for words in ("secondary side", "相符 agrees") if words in told.output)


@asynccontextmanager
async def collecting(site_path: Path, record: Path) -> AsyncIterator[None]:
    """A collector that records, stopped as an operator stops it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "collect", str(site_path), "--record", str(record),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield
        process.terminate()
        log, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, log.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def eventually(is_so: Callable[[], bool], patience_s: float = 60.0) -> None:
    async with asyncio.timeout(patience_s):
        while not is_so():
            await asyncio.sleep(0.05)


def test_a_sheet_without_readings_says_so(tmp_path: Path) -> None:
    loaded = site(tmp_path, 502, METER)
    told = CliRunner().invoke(verify_sheet, ["make", str(loaded.path), "--out", str(tmp_path / "out.csv")])
    assert told.exit_code == 0
    assert "2 meters written" in told.output
    assert "2 of them without a reading" in told.output


def test_check_explains_a_device(tmp_path: Path) -> None:
    told = CliRunner().invoke(check, [str(site(tmp_path, 502, METER).path), "--explain", "m"])
    assert told.exit_code == 0
    assert "RTU  01 03 20 12 00 02 6F CE" in told.output
