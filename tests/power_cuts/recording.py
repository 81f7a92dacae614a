"""What a process did to the files of one folder, in order: made by ``recorder.c`` preloaded into it, read back here."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.house.source import ROOT

_HEAD = struct.Struct("<cBIQ")
SOURCE = Path(__file__).with_name("recorder.c")


@dataclass(frozen=True, slots=True)
class Op:
    """``kind`` C create, W write, T truncate to ``offset``, S sync, R rename to ``data``, U unlink. ``name`` is relative to the
    folder, "" is the folder itself."""

    kind: str
    name: str
    offset: int
    data: bytes


def build_recorder(folder: Path) -> Path:
    """The recorder as a shared object in ``folder``; needs gcc."""
    return build(SOURCE, folder)


def build(source: Path, folder: Path) -> Path:
    """What can be preloaded into a process, as a shared object in ``folder``; needs gcc."""
    library = folder / f"{source.stem}.so"
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1"]
    subprocess.run(["gcc", *flags, "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def record(recorder: Path, folder: Path, module: str, *arguments: str) -> list[Op]:
    """Run ``python -m module folder arguments`` to its end; everything it did to ``folder``. Several calls on one folder are
    several lives, each recorded from where the last one left off."""
    folder.mkdir(exist_ok=True)
    log = folder.with_name(folder.name + ".recording")
    begun = log.stat().st_size if log.exists() else 0
    environment = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "CAMPUS_RECORDED": str(folder),
        "CAMPUS_RECORDING": str(log),
    }
    command = [sys.executable, "-m", module, str(folder), *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    return read(log.read_bytes()[begun:])


def read(log: bytes) -> list[Op]:
    ops: list[Op] = []
    at = 0
    while at < len(log):
        kind, named, length, offset = _HEAD.unpack_from(log, at)
        at += _HEAD.size
        name, data = log[at : at + named].decode(), log[at + named : at + named + length]
        at += named + length
        ops.append(Op(kind.decode(), name, offset, data))
    return ops
