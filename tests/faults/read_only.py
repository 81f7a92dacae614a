"""Run inside a mount namespace of its own: the shipped collector on a disk that is mounted read-only for a while (F8).

Prints one JSON object of what it saw. ``python -m tests.faults.read_only FOLDER``."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.collector import PATIENCE_S, Plant, running
from tests.ports import free_port
from tests.sources.slave import Slave, tcp

RATE = 60


async def stored(plant: Plant, count: int) -> int:
    async with asyncio.timeout(PATIENCE_S):
        while (found := plant.stored("main-e")) < count:
            await asyncio.sleep(0.05)
    return found


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


async def scenario(folder: Path) -> dict[str, object]:
    async with tcp(Slave()) as bus:
        plant = Plant(folder, free_port(), bus)
        words, log = plant.command("--clock-rate", str(RATE)), folder.with_name("collector.log")
        with running(words, log) as process:
            before = await stored(plant, 3)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        before = plant.stored("main-e")
        remount(folder, "ro")
        refused = await asyncio.to_thread(
            subprocess.run, words, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        read = plant.stored("main-e")
        remount(folder, "rw")
        with running(words, log) as process:
            after = await stored(plant, before + 2)
            process.terminate()
            code = await asyncio.to_thread(process.wait, PATIENCE_S)
    whole = plant.rows("PRAGMA integrity_check") == [("ok",)]
    return {
        "before": before, "read": read, "after": after, "code": code, "whole": whole,
        "refusal": refused.stderr, "refusal_code": refused.returncode,
    }  # fmt: skip


if __name__ == "__main__":
    place = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "buffer", str(place)], check=True)
    print(json.dumps(asyncio.run(scenario(place))))
