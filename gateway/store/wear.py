"""How much the collector writes, as the kernel counts it, and how long a card bears that."""

from __future__ import annotations

import os
from pathlib import Path

DAY_S = 86_400.0
TERABYTE = 1e12


def written_per_day(buffer: Path) -> float | None:
    """Bytes the process that holds the buffer's lock has had written, by the day; None where none runs or it may not be
    asked."""
    try:
        pid = int(buffer.with_name(buffer.name + ".lock").read_text(encoding="ascii"))
        counters = Path(f"/proc/{pid}/io").read_text(encoding="ascii")
        started = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
        up_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return None
    lived_s = up_s - int(started) / os.sysconf("SC_CLK_TCK")
    written = next(int(line.split()[1]) for line in counters.splitlines() if line.startswith("write_bytes"))
    return written / lived_s * DAY_S if lived_s > 0 else None


def years(tbw: float, bytes_per_day: float | None) -> float | None:
    """``tbw`` terabytes at so many bytes a day."""
    return tbw * TERABYTE / bytes_per_day / 365 if bytes_per_day else None
