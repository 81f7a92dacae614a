"""F8: a disk that is mounted read-only, as a file system does by itself when its card fails. See also ``test_io_errors``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT


@pytest.mark.real("unshare")
def test_a_disk_mounted_read_only_is_read_and_refused_in_a_sentence_until_it_can_be_written(
    tmp_path: Path,
) -> None:
    place = tmp_path / "buffer"
    place.mkdir()
    command = ["unshare", "-Urm", sys.executable, "-m", "tests.faults.read_only", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["read"] == seen["before"] >= 3, "also with the hot log of a kill"
    assert seen["refusal_code"] == 1
    assert "the buffer cannot be written: Read-only file system" in seen["refusal"]
    assert "Traceback" not in seen["refusal"]
    assert seen["after"] > seen["before"]
    assert (seen["code"], seen["whole"]) == (0, True)
