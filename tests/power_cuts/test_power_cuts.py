"""Power cuts on the shipped SQLite, door and accounts (P1, P2, P3; faults F3 and F4).

One run is recorded, thousands of cuts are made of it, and each is opened as the collector opens it. Nothing that was
acknowledged may be missing, nothing may be half there, no file may be unusable; and the same question must find the faults
planted here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.store import high_water
from tests.power_cuts.images import Image, images
from tests.power_cuts.perform import SMALL, perform
from tests.power_cuts.recording import Op, build_recorder, record
from tests.power_cuts.recount import recount
from tests.power_cuts.script import LIFE_STEPS, script
from tests.power_cuts.verdict import Content, Verdict, judge, open_once, undisturbed_run

pytestmark = pytest.mark.real("gcc")

CUTS = int(os.environ.get("CAMPUS_CUTS", "2000"))
SEED = int(os.environ.get("CAMPUS_CUTS_SEED", "1"))
PLANTED_CUTS = LYING_CUTS = 100
STEPS = script(3 * LIFE_STEPS)
PERFORM = "tests.power_cuts.perform"


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_recorder(tmp_path_factory.mktemp("recorder"))


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


async def test_a_flash_that_lies_makes_no_crash_loop_and_what_the_second_witness_saw_is_missed_aloud(
    recorder: Path, quick: Path, undisturbed: list[Content]
) -> None:
    """Syncs that did nothing may cost readings (F4). The collector comes up at the first start, or at the second where the
    first found damage; where the high-water file outlived the end of the feed, a gap or an event tells of it. What is
    lost together with the witness, or from the middle of the file, is not noticed yet."""
    seen = 0
    for image in images(recorded(recorder, quick / "run"), LYING_CUTS, SEED, lies=0.3):
        image.write(quick / "image")
        witness = high_water.read(quick / "image" / "buffer.db")
        verdict = await judge(quick / "image", STEPS, image.step, image.head, undisturbed)
        if not verdict.is_usable:
            await open_once(quick / "image", STEPS[-1].at)
        elif witness is not None and verdict.lost and verdict.head < witness.head:
            assert verdict.is_told, f"cut {image.seed}"
            seen += 1
    print(f"{seen} of {LYING_CUTS} cuts took an end that the witness had seen")
