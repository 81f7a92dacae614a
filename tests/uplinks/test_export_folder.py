from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.uplinks import export_folder
from gateway.uplinks.export_folder import fault_of, newest_version, write_version
from gateway.uplinks.export_package import About, Part
from gateway.uplinks.verdict import Trouble
from gateway.uplinks.wire import WireFault

ABOUT = About("demo", "示例中学", "gw-1", ZoneInfo("Asia/Shanghai"))
DAY = "2026-11-22"
FIRST, SECOND = [Part("points.csv", 1, b"a\r\n")], [Part("points.csv", 1, b"b\r\n")]


def write(folder: Path, found: list[Part]) -> Path | None:
    return write_version(folder, ABOUT, DAY, found)


def test_a_version_is_whole_and_its_digests_fit(tmp_path: Path) -> None:
    made = write(tmp_path, FIRST)
    assert made == tmp_path / "demo" / DAY / "v001"
    assert sorted(path.name for path in made.iterdir()) == [
        "manifest.json",
        "manifest.json.sha256",
        "points.csv",
    ]
    body = json.loads((made / "manifest.json").read_bytes())
    assert body["files"][0]["sha256"] == hashlib.sha256((made / "points.csv").read_bytes()).hexdigest()
    done = subprocess.run(
        ["sha256sum", "-c", "manifest.json.sha256"], cwd=made, capture_output=True, text=True, check=True
    )
    assert done.stdout == "manifest.json: OK\n"


def test_the_same_files_make_no_new_version_and_others_do_beside_the_old(tmp_path: Path) -> None:
    first = write(tmp_path, FIRST)
    assert first is not None
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    assert write(tmp_path, FIRST) is None
    second = write(tmp_path, SECOND)
    assert second == tmp_path / "demo" / DAY / "v002"
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
    digest = hashlib.sha256((first / "manifest.json").read_bytes()).hexdigest()
    assert json.loads((second / "manifest.json").read_bytes())["replaces"] == digest
    third = write(tmp_path, FIRST)  # back to what it was: still a new word
    assert third is not None
    assert third.name == "v003"


def test_what_a_crash_left_is_written_anew(tmp_path: Path) -> None:
    part = tmp_path / "demo" / DAY / "v001.part"
    part.mkdir(parents=True)
    (part / "points.csv").write_bytes(b"half")
    made = write(tmp_path, FIRST)
    assert made is not None
    assert (made / "points.csv").read_bytes() == b"a\r\n"
    assert not part.exists()


@pytest.mark.parametrize("spoilt", [b"", b"{}", b"[]", b"\xff", b'{"files":1}'])
def test_a_version_whose_manifest_was_spoilt_is_followed_by_a_new_one(tmp_path: Path, spoilt: bytes) -> None:
    first = write(tmp_path, FIRST)
    assert first is not None
    (first / "manifest.json").write_bytes(spoilt)
    assert write(tmp_path, FIRST) == tmp_path / "demo" / DAY / "v002"


def test_strangers_in_the_folder_are_no_versions(tmp_path: Path) -> None:
    place = tmp_path / "demo" / DAY
    for name in ("v1", "v0001x", "version", "v009.part", ".v010"):
        (place / name).mkdir(parents=True)
    assert newest_version(place) == 0
    (place / "v012").mkdir()
    assert newest_version(place) == 12


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WireFault, match="is no folder") as caught:
        write(tmp_path / "share", FIRST)
    assert (caught.value.trouble, "mount" in caught.value.cure) == (Trouble.FOLDER, True)
    assert not (tmp_path / "share").exists()


def test_everything_is_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acts: list[str] = []
    sync, rename = os.fsync, Path.rename

    def noted_sync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        acts.append(("folder " if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "") + name)
        sync(descriptor)

    def noted_rename(self: Path, target: Path) -> Path:
        acts.append(f"rename {self.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    write(tmp_path, FIRST)
    assert acts == [
        f"folder {tmp_path.name}", "folder demo", "points.csv", "manifest.json", "manifest.json.sha256", "folder v001.part",
        "rename v001.part", f"folder {DAY}",
    ]  # fmt: skip


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(export_folder, "sync_folder", lambda _: None)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, FIRST)
    assert list((tmp_path / "demo" / DAY).iterdir()) == []


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "chown"),
        (errno.EIO, "look at the folder"),
    ],
)
def test_what_is_wrong_with_the_disk_has_its_cure(number: int, cure: str) -> None:
    fault = fault_of(Path("/srv/export"), OSError(number, os.strerror(number)))
    assert fault.trouble is Trouble.FOLDER
    assert cure in fault.cure
    assert "/srv/export" in str(fault)
