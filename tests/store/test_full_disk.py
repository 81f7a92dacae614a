"""F7, P9: others fill the disk under the shipped door, and leave it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT


@pytest.mark.real("unshare")
def test_p9_a_disk_that_others_fill_loses_nothing_acknowledged_and_goes_on_by_itself(tmp_path: Path) -> None:
    command = ["unshare", "-Urm", sys.executable, "-m", "tests.store.full_disk", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["made"], "the ballast is there from the start"
    assert seen["failures"] >= 1, "a commit met the full disk"
    assert seen["released"], "the ballast went, and the commit could be made"
    assert seen["refused"], "then sources waited"
    assert seen["resumed_s"] <= 10
    assert seen["lost"] == 0
    assert seen["accepted"] == seen["rows"]
    assert seen["events"] == [["buffer_full", "closed"]]
    assert seen["unaccounted"] == 0
