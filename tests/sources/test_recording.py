"""Raw traffic is written down as it passes, bounded, and never in the way."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError, NoAnswerError, NonsenseError, RefusedError, WireError
from gateway.sources.intake import Ingest, Intake
from gateway.sources.mapping import TopicMap
from gateway.sources.presence import Presence
from gateway.sources.recording import Recorder
from gateway.sources.seam import Delivery
from tests.sources.fakes import T0, Clock, Sink
from tests.sources.slave import registers

READ = bytes((1, 3, 0, 100, 0, 2))


class Wire:
    """Answers with what it is given, in turn."""

    def __init__(self, *answers: bytes | WireError) -> None:
        self.answers, self.is_closed = list(answers), False

    async def exchange(self, request: bytes) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, WireError):
            raise answer
        return answer

    async def close(self) -> None:
        self.is_closed = True


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_s19_a_recording_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Recorder(tmp_path / "traffic.jsonl", 1000, Clock()):
            assert (tmp_path / "traffic.jsonl").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


async def test_every_exchange_is_a_line_with_its_end(tmp_path: Path) -> None:
    path = tmp_path / "traffic.jsonl"
    inner = Wire(registers(READ), RefusedError("no", 2), NoAnswerError("silent"), NonsenseError("?"))
    with Recorder(path, 10_000, Clock()) as recorder:
        wire = recorder.wire("east", inner)
        assert await wire.exchange(READ) == registers(READ)
        for kind in (RefusedError, NoAnswerError, NonsenseError):
            with pytest.raises(kind):
                await wire.exchange(READ)
        await wire.close()
    assert inner.is_closed
    head, answered, refused, silent, nonsense = lines(path)
    assert head == {"record": 1, "at": T0}
    assert (answered["bus"], answered["request"], answered["reply"]) == (
        "east",
        READ.hex(),
        registers(READ).hex(),
    )
    assert (refused["outcome"], refused["code"], refused["reply"]) == ("refused", 2, None)
    assert (silent["outcome"], silent["detail"]) == ("no_answer", "silent")
    assert nonsense["outcome"] == "nonsense"


def test_a_message_is_kept_byte_for_byte(tmp_path: Path) -> None:
    payload = b'\xff\x00 {"a": 1}'
    with Recorder(tmp_path / "r", 10_000, Clock()) as recorder:
        recorder.tap("local")(Delivery("z/a", payload, True, lambda: None))
    row = lines(tmp_path / "r")[1]
    assert (row["broker"], row["topic"], row["retained"]) == ("local", "z/a", True)
    assert base64.b64decode(row["payload"]) == payload


def test_a_recording_ends_at_its_bound_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "r"
    with Recorder(path, 1000, Clock()) as recorder:
        for _ in range(50):
            recorder.tap("local")(Delivery("z/a", b"x" * 50, False, lambda: None))
    assert 800 < path.stat().st_size <= 1000
    assert len(lines(path)) > 3


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the recorder closes it
    with Recorder(tmp_path / "r", 10_000, Clock()) as recorder:
        recorder._file.close()
        recorder._file = full
        for _ in range(2):
            recorder.tap("local")(Delivery("z/a", b"x", False, lambda: None))
    assert len(lines(tmp_path / "r")) == 1


def test_messages_of_a_broker_are_written_down_before_they_are_understood(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r", 10_000, Clock()) as recorder:
        ingest = Ingest("b", TopicMap(()), Presence((), 0.0), Sink(), Clock(), tap=recorder.tap("b"))
        Intake(ingest, 10).put(Delivery("z/nobody", b"\xff", False, lambda: None))
    assert lines(tmp_path / "r")[1]["topic"] == "z/nobody"


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r", 1000, Clock()):
        pass
    with pytest.raises(ConfigError, match="exists"):
        Recorder(tmp_path / "r", 1000, Clock())
    with pytest.raises(ConfigError, match="cannot be written"):
        Recorder(tmp_path / "none" / "r", 1000, Clock())
