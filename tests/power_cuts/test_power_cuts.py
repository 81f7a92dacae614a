"""Power cuts on the shipped SQLite, door and accounts (P1, P2, P3; faults F3 and F4).

One run is recorded, thousands of cuts are made of it, and each is opened as the collector opens it. Nothing that was
acknowledged may be missing, nothing may be half there, no file may be unusable; and the same question must find the faults
planted here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.door import ingest
from gateway.store import high_water
from tests.power_cuts.afterlife import live_on, started_anew
from tests.power_cuts.images import Image, images
from tests.power_cuts.perform import SMALL, perform
from tests.power_cuts.recording import Op, build_recorder, record
from tests.power_cuts.recount import recount
from tests.power_cuts.script import LIFE_STEPS, script
from tests.power_cuts.verdict import Content, Verdict, judge, open_once, undisturbed_run

pytestmark = pytest.mark.real("gcc")

CUTS = int(os.environ.get("CAMPUS_CUTS", "2000"))
SEED = int(os.environ.get("CAMPUS_CUTS_SEED", "1"))
PLANTED_CUTS, LYING_CUTS = 100, 300
STEPS = script(3 * LIFE_STEPS)
PERFORM = "tests.power_cuts.perform"


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "RETRY_S", 0.0)


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: opening an image syncs a lot, and here nothing is to be survived."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Content]:
    return asyncio.run(undisturbed_run(tmp_path_factory.mktemp("undisturbed"), STEPS))


def recorded(recorder: Path, folder: Path, *plants: str) -> list[Op]:
    """Three lives: the first ends, the second is killed, so that the third begins with a hot log."""
    killed = 2 * LIFE_STEPS
    ops = record(recorder, folder, PERFORM, "1", str(killed), *plants)
    return ops + record(recorder, folder, PERFORM, str(killed + 1), str(len(STEPS)), *plants)


async def judged(
    cuts: Sequence[Image], folder: Path, undisturbed: list[Content]
) -> list[tuple[Image, Verdict]]:
    found = []
    for image in cuts:
        image.write(folder)
        with started_anew(folder.parent):
            found.append((image, await judge(folder, STEPS, image.step, image.head, undisturbed)))
    return found


def test_the_recorded_run_does_all_that_a_buffer_does_to_its_files(recorder: Path, tmp_path: Path) -> None:
    ops = recorded(recorder, tmp_path / "run")
    done = {(op.kind, op.name) for op in ops}
    main, log, limit = "buffer.db", "buffer.db-wal", int(SMALL["journal_size_limit"])
    assert {("C", main), ("W", main), ("S", main), ("C", log), ("W", log), ("S", log), ("U", log)} <= done
    assert ("S", "") in done
    assert any(op.kind == "T" and op.name == log and 0 < op.offset <= limit for op in ops)
    assert sum(op.kind == "W" and op.name == log and op.offset == 0 for op in ops) > 10  # begun anew


async def test_the_intervals_of_every_step_equal_a_recount_from_raw(quick: Path) -> None:
    """So an image whose content is that of a step has intervals that balance."""
    compared = 0

    def told(step: int, head: int) -> None:
        nonlocal compared
        running, counted = recount(quick, scratch, STEPS[step - 1].at)
        assert running == counted, f"after step {step}"
        compared += len(running)

    scratch = quick / "scratch"
    scratch.mkdir()
    await perform(quick, STEPS, told)
    assert compared > 10 * len(STEPS)


@pytest.mark.timeout(max(900, CUTS))
async def test_a_power_cut_loses_nothing_acknowledged_and_leaves_no_buffer_unusable(
    recorder: Path, tmp_path: Path, quick: Path, undisturbed: list[Content]
) -> None:
    print(f"SEED={SEED} CUTS={CUTS}")
    cuts = images(recorded(recorder, tmp_path / "run"), CUTS, SEED)
    steps: set[int] = set()
    for image in cuts:
        [(_, verdict)] = await judged([image], quick / "image", undisturbed)
        assert verdict.faults == (), f"cut {image.seed} after {image.at} operations"
        steps.add(image.step)
    assert len(steps) > min(CUTS, len(STEPS)) * 0.5


@pytest.mark.parametrize("plant", ["normal", "early"])
async def test_a_planted_fault_is_found(
    plant: str, recorder: Path, tmp_path: Path, quick: Path, undisturbed: list[Content]
) -> None:
    """synchronous=NORMAL, and an acknowledgement before COMMIT."""
    cuts = list(images(recorded(recorder, tmp_path / "run", plant), PLANTED_CUTS, SEED))
    found = await judged(cuts, quick / "image", undisturbed)
    assert sum(verdict.lost > 0 for _, verdict in found) > PLANTED_CUTS // 10


@pytest.mark.timeout(900)
async def test_p3_of_what_a_flash_that_lies_about_syncing_loses_every_reading_is_told(
    recorder: Path, quick: Path, undisturbed: list[Content]
) -> None:
    """F4. The collector comes up at the first start whatever is left, goes on, and each accepted reading is there or lies in
    the span of a gap record."""
    names = {row[0]: row[1] for row in undisturbed[-1]["point"]}
    lost = 0
    for image in images(recorded(recorder, quick / "run"), LYING_CUTS, SEED, lies=0.3):
        image.write(quick / "image")
        with started_anew(quick):
            after = await live_on(quick / "image", at_the_next_start(image))
        accepted = [row[:5] for row in undisturbed[image.step]["reading"]]
        under_way = [row[:5] for row in undisturbed[min(image.step + 1, len(STEPS))]["reading"]]
        assert after.untold(names, accepted, under_way) == [], f"cut {image.seed}"
        held = {(name, at) for name, at, *_ in after.readings}
        lost += any((names[row[1]], row[0]) not in held for row in accepted)
    print(f"{lost} of {LYING_CUTS} cuts lost accepted readings")
    assert lost > LYING_CUTS // 10


async def test_a_power_cut_is_told_as_a_span_in_which_readings_may_be_gone(quick: Path) -> None:
    """Once, also where the power goes again before it was told, and with the last reading as its beginning."""
    await perform(quick, STEPS[:3], lambda step, head: None, ended=partial(copied, quick, quick / "cut"))
    at = STEPS[3].at
    with started_anew(quick):
        await open_once(quick / "cut", at)
        unended(quick / "cut")
    with started_anew(quick):
        after = await live_on(quick / "cut", at)
        again = await live_on(quick / "cut", at + 3_600_000)
    [(point, start, end, reason)] = after.gaps
    newest = max(reading.received_at for step in STEPS[:3] for reading in step.readings)
    assert (point, reason) == ("*", "unclean_end")
    assert newest - 45 * 60_000 <= start < newest < at <= end <= at + 10_000
    assert after.events.count("buffer_unclean_end") == 1
    assert again.gaps == after.gaps


async def test_an_end_in_order_and_a_kill_without_a_power_cut_are_told_of_no_loss(quick: Path) -> None:
    await perform(quick, STEPS[:3], lambda step, head: None, ended=partial(copied, quick, quick / "killed"))
    assert (await live_on(quick / "killed", STEPS[3].at)).gaps == []
    with started_anew(quick):
        assert (await live_on(quick, STEPS[3].at)).gaps == []
    with started_anew(quick):
        assert (await live_on(quick / "killed", STEPS[4].at)).gaps == []


async def test_an_end_that_only_one_of_the_two_files_knows_is_not_believed(quick: Path) -> None:
    """Either may be an older copy of itself."""
    await perform(quick, STEPS[:3], lambda step, head: None)
    unended(quick)
    with started_anew(quick):
        assert [gap[3] for gap in (await live_on(quick, STEPS[3].at)).gaps] == ["unclean_end"]


def copied(folder: Path, to: Path) -> None:
    """What a kill at this moment would leave."""
    shutil.copytree(folder, to)


def unended(folder: Path) -> None:
    """As if the second witness had fallen back to before the end."""
    path = high_water.path_of(folder / "buffer.db")
    path.write_bytes(path.read_bytes()[: high_water.LINE] + bytes(high_water.LINE))


def at_the_next_start(image: Image) -> int:
    """A minute after the step that was under way."""
    return STEPS[min(image.step, len(STEPS) - 1)].at + 60_000
