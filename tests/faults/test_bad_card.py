"""A card with sectors that cannot be read, or that writes less than it was asked to (F6: P1, P3, P18)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.aside import waiting
from tests.faults.tracing import acknowledged, performing
from tests.house.source import ROOT
from tests.power_cuts.afterlife import After
from tests.power_cuts.perform import JOURNAL
from tests.power_cuts.recording import build
from tests.power_cuts.script import script, site_in
from tests.power_cuts.verdict import content_of, undisturbed_run

pytestmark = [pytest.mark.real("gcc"), pytest.mark.timeout(900)]

STEPS = script(12)
GOOD_STEPS = 6
"""So many steps are done before the sectors go."""
PAGE = 4096
KEPT = ("reading", "correction", "interval", "change", "act", "statement", "uplink")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(Path(__file__).with_name("failing.c"), tmp_path_factory.mktemp("card"))


def run(card: Path, words: list[str], **faults: int) -> str:
    environment = {**os.environ, "LD_PRELOAD": str(card)} | {f"CAMPUS_{k}": str(v) for k, v in faults.items()}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_card_that_writes_half_of_what_it_is_asked_to_loses_nothing(
    card: Path, tmp_path: Path
) -> None:
    folder, whole = tmp_path / "run", tmp_path / "whole"
    folder.mkdir()
    whole.mkdir()
    run(card, performing(folder, 1, len(STEPS)), SHORT_EVERY=3)
    assert acknowledged(folder / JOURNAL)[0] == len(STEPS)
    undisturbed, found = (await undisturbed_run(whole, STEPS))[-1], content_of(folder)
    assert {name: found[name] for name in KEPT} == {name: undisturbed[name] for name in KEPT}


async def test_a_page_that_could_not_be_read_once_is_read_again_and_nothing_is_given_up(
    card: Path, tmp_path: Path
) -> None:
    folder, whole = tmp_path / "run", tmp_path / "whole"
    folder.mkdir()
    whole.mkdir()
    run(card, performing(folder, 1, GOOD_STEPS))
    inode = site_in(folder).buffer_path.stat().st_ino
    later = performing(folder, GOOD_STEPS + 1, len(STEPS))
    run(card, later, BAD_INODE=inode, BAD_FROM=0, BAD_TO=2**60, BAD_TIMES=2)
    assert acknowledged(folder / JOURNAL)[0] == len(STEPS)
    assert waiting(site_in(folder).buffer_path) == []
    undisturbed, found = (await undisturbed_run(whole, STEPS))[-1], content_of(folder)
    assert {name: found[name] for name in KEPT} == {name: undisturbed[name] for name in KEPT}


@pytest.mark.parametrize("where", ["first page", "a page in the middle", "the second half", "everything"])
async def test_p18_sectors_that_cannot_be_read_are_given_up_and_what_they_held_is_told(
    where: str, card: Path, tmp_path: Path
) -> None:
    """Ingest goes on in a new file without a person, and the rest of the old one comes back."""
    folder, whole = tmp_path / "run", tmp_path / "whole"
    folder.mkdir()
    whole.mkdir()
    contents = await undisturbed_run(whole, STEPS)
    undisturbed = contents[-1]
    run(card, performing(folder, 1, GOOD_STEPS))
    about = site_in(folder).buffer_path.stat()
    middle = about.st_size // 2 // PAGE * PAGE
    spans = {"first page": (0, PAGE), "a page in the middle": (middle, middle + PAGE)}
    spans |= {"the second half": (middle, 2**60), "everything": (0, 2**60)}
    start, end = spans[where]
    bad = {"BAD_INODE": about.st_ino, "BAD_FROM": start, "BAD_TO": end}
    run(card, performing(folder, GOOD_STEPS + 1, len(STEPS)), **bad)
    assert acknowledged(folder / JOURNAL)[0] == len(STEPS)
    is_needed = where in ("first page", "everything")
    assert len(waiting(site_in(folder).buffer_path)) >= is_needed
    live_on = [sys.executable, "-m", "tests.power_cuts.afterlife", str(folder), str(STEPS[-1].at + 60_000)]
    after = After(**json.loads(run(card, live_on, **bad).splitlines()[-1]))
    assert "buffer_unclean_end" not in after.events
    names = {row[0]: row[1] for row in undisturbed["point"]}
    assert after.untold(names, [row[:5] for row in undisturbed["reading"]], []) == []
    values = {(names[row[1]], row[0], row[3]) for content in contents for row in content["reading"]}
    assert {(name, at, value) for name, at, _, value, _ in after.readings} <= values
    if where == "a page in the middle":
        assert len(after.readings) > len(undisturbed["reading"]) / 2
