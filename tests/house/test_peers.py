"""Missing real peers: said in one line, deselected by name; where nothing may be skipped they are a failure."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT

TESTS = """\
import pytest

@pytest.mark.real("mosquitto")
def test_broker(): pass

@pytest.mark.real("chromium")
def test_browser(): pass

@pytest.mark.real
def test_whatever(): pass

def test_skipped(): pytest.skip("no reason")
"""
INI = "[pytest]\nmarkers = real(*peers)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "conftest.py")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="ascii")
    (tmp_path / "pytest.ini").write_text(INI, encoding="ascii")
    return tmp_path


def last_line(folder: Path, **environment: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip().splitlines()[-1]


def test_only_tests_of_a_missing_peer_are_deselected(folder: Path) -> None:
    assert last_line(folder).startswith("3 passed, 1 skipped in")
    line = last_line(folder, CAMPUS_MISSING_PEERS="chromium fonts")
    assert line.startswith("1 passed, 1 skipped, 2 deselected in")


def test_a_skip_is_a_failure_where_nothing_may_be_skipped(folder: Path) -> None:
    assert last_line(folder, CAMPUS_SKIP_NOTHING="1").startswith("1 failed, 3 passed in")


def _bare_path(tmp_path: Path) -> str:
    """A PATH with a shell's tools and neither peers nor a package manager."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "id", "tr", "cat"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return str(folder)


def test_what_cannot_be_installed_is_named_in_one_line(tmp_path: Path) -> None:
    command = [str(ROOT / ".ci" / "real-peers")]
    path = _bare_path(tmp_path)
    done = subprocess.run(
        command, env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert {"chromium", "fonts"} <= set(done.stdout.split())
    assert done.stderr.startswith("skipped: tests that need ")
    assert len(done.stderr.splitlines()) == 1
    environment = {"PATH": path, "CAMPUS_SKIP_NOTHING": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
