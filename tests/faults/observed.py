"""The scripted run with someone beside it who looks at the event loop and at what the door says of its health.

``python -m tests.faults.observed FOLDER FIRST LAST`` prints one JSON object a line: first its process id, then every tenth of
a second the problems of its health, and at the end how late the loop woke a sleeper: the 99th percentile, in seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from gateway.door.ingest import Door
from gateway.metrics import health_of
from runtime import logs
from tests.power_cuts.perform import SMALL, ScriptClock, journal_in, perform, set_pragmas
from tests.power_cuts.script import script

NAP_S = 0.005
NAPS_A_LINE = 20


async def watch(door: Door) -> None:
    loop, late = asyncio.get_running_loop(), list[float]()
    try:
        while True:
            began_s = loop.time()
            await asyncio.sleep(NAP_S)
            late.append(loop.time() - began_s - NAP_S)
            if len(late) % NAPS_A_LINE == 0:
                say(problems=health_of(door, ScriptClock()).problems)
    finally:
        say(late_s=sorted(late)[len(late) * 99 // 100])


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    folder, (first, last) = Path(sys.argv[1]), map(int, sys.argv[2:])
    logs.configure("observed")
    set_pragmas(**SMALL)
    say(pid=os.getpid())
    asyncio.run(perform(folder, script(last)[first - 1 :], journal_in(folder), watch=watch))
