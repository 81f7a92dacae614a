"""``campus-gateway centre``: it listens, ends in order with its audit, and says what is wrong with its options."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.centre import ACTS, DIALECTS, _acts, centre
from gateway.errors import ConfigError
from simulators.centre import Act
from simulators.centre_frames import DIALECTS as SPOKEN


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("1234567890abcdef\n")
    return path


def test_the_choices_are_what_the_centre_has() -> None:
    assert DIALECTS == SPOKEN
    assert {str(act) for act in Act} == set(ACTS)


def test_acts_may_be_repeated() -> None:
    assert _acts("drop:2") == [Act.DROP, Act.DROP]
    assert _acts("lose-ack") == [Act.LOSE_ACK]


def test_it_listens_and_ends_in_order_with_its_audit(secret: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli", "centre", "--port", "0", "--secret-file", str(secret)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        assert "能耗中心 Centre (mohurd) listens on 127.0.0.1 port " in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "包 packets 0, 重复 repeated 0" in rest


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--act", "explode"], "--act 'explode' must be one of"),
        (["--act", "drop:many"], "--act 'drop:many' must be one of"),
        (["--timezone", "Mars/Olympus"], "no time zone is called 'Mars/Olympus'"),
    ],
)
def test_what_is_wrong_with_an_option_is_one_sentence(secret: Path, options: list[str], says: str) -> None:
    done = CliRunner().invoke(centre, ["--secret-file", str(secret), *options])
    assert done.exit_code != 0
    assert says in done.output + str(done.exception)


def test_a_secret_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short")
    done = CliRunner().invoke(centre, ["--secret-file", str(tmp_path / "secret")])
    assert isinstance(done.exception, ConfigError)
    assert "holds 5 characters" in str(done.exception)
