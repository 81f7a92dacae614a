"""Versions of a day's package in a folder: written beside, synced, renamed. Never overwritten.

``<folder>/<site>/<day>/v001/`` holds the files of a version, ``manifest.json`` and its digest. A version is made only where its
files differ from those of the newest one. A crash leaves at most a ``….part`` that the next attempt replaces. Blocks; OSError is
for the caller.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gateway.store.aside import sync_folder
from gateway.uplinks.export_package import About, Part, listed, manifest
from gateway.uplinks.verdict import Trouble
from gateway.uplinks.wire import WireFault

MANIFEST = "manifest.json"
_VERSION = re.compile(r"^v(\d{3,6})$")


def write_version(folder: Path, about: About, day: str, found: Sequence[Part]) -> Path | None:
    """The new version's folder, synced; None where the newest version is the same already. Raises OSError, and WireFault where
    ``folder`` itself is not there: an unmounted share must not be written beside."""
    _is_there(folder)
    place = folder / about.site / day
    newest = newest_version(place)
    replaces = None
    if newest:
        is_same, replaces = _compared(place / _name(newest), found)
        if is_same:
            return None
    _make(place)
    target = place / _name(newest + 1)
    part = target.with_name(target.name + ".part")
    if part.exists():
        shutil.rmtree(part)
    try:
        _fill(
            part, [(one.name, one.body) for one in found], manifest(about, day, newest + 1, replaces, found)
        )
        part.rename(target)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_folder(place)
    return target


def try_folder(folder: Path) -> None:
    """Raises WireFault where no file can be written in it."""
    _is_there(folder)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"1")
    except OSError as error:
        raise fault_of(folder, error) from error


def _is_there(folder: Path) -> None:
    if not folder.is_dir():
        cure = f"create it (`mkdir -p {folder}`) for the gateway's user, or mount it"
        raise WireFault(Trouble.FOLDER, f"{folder} is no folder", cure)


def newest_version(place: Path) -> int:
    """0 where there is none."""
    if not place.is_dir():
        return 0
    return max((int(match[1]) for one in place.iterdir() if (match := _VERSION.match(one.name))), default=0)


def _name(version: int) -> str:
    return f"v{version:03d}"


def _compared(version: Path, found: Sequence[Part]) -> tuple[bool, str | None]:
    """Whether a version holds these very files, by its manifest, and its manifest's digest. One whose manifest somebody took
    away or spoilt is not the same as anything."""
    try:
        raw = (version / MANIFEST).read_bytes()
        files = json.loads(raw)["files"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False, None
    return files == listed(found), hashlib.sha256(raw).hexdigest()


def _make(place: Path) -> None:
    """The day's folder and those above it, each made durable in the one that holds it."""
    for folder in (place.parent, place):
        if not folder.is_dir():
            folder.mkdir()
            sync_folder(folder.parent)


def _fill(part: Path, files: Sequence[tuple[str, bytes]], manifest_body: bytes) -> None:
    part.mkdir()
    digest = f"{hashlib.sha256(manifest_body).hexdigest()}  {MANIFEST}\n".encode("ascii")
    for name, body in [*files, (MANIFEST, manifest_body), (f"{MANIFEST}.sha256", digest)]:
        with (part / name).open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(part)


def fault_of(folder: Path, error: OSError) -> WireFault:
    """What keeps files from being written, with its cure."""
    cures = {
        errno.ENOSPC: "the disk is full: make room, or name a folder on another disk",
        errno.EDQUOT: "the quota of the gateway's user is used up: make room or raise it",
        errno.EROFS: "it is mounted read-only: mount it for writing, and look whether the disk is failing",
        errno.EACCES: f"let the gateway's user write there: `chown` or `chmod u+rwx` {folder}",
        errno.EPERM: f"let the gateway's user write there: `chown` or `chmod u+rwx` {folder}",
    }
    reason = error.strerror or type(error).__name__
    cure = cures.get(error.errno or 0, "look at the folder and the disk it is on; it goes on by itself")
    return WireFault(Trouble.FOLDER, f"cannot write in {folder}: {reason}", cure)
