"""Enrolment, keys and moves as an operator and an installer type them."""

from __future__ import annotations

import asyncio
import gzip
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner, Result

from district import enrolment
from district.accept import accept
from district.app import create_app
from district.body import parse
from district.contract import REPLY_BYTES_MAX
from district.serve import listen, serving
from district.service import Service
from district.store.database import open_database
from gateway.cli.district import district
from gateway.errors import GatewayError
from tests.district import campus
from tests.district.campus import METER, NOW
from tests.district.conftest import StillClock
from tests.district.test_district_serve import enrolled


def run(database: Path, *words: str) -> Result:
    return CliRunner().invoke(district, [*words, "--database", str(database)])


def printed(database: Path, *words: str) -> str:
    result = run(database, *words)
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.output.strip()


async def test_an_installer_turns_the_token_into_the_key_file(tmp_path: Path) -> None:
    database, key_file = tmp_path / "d.db", tmp_path / "secrets" / "key"
    with closing(open_database(database)) as store:
        token = enrolment.issue_token(store, "demo", "gw-1", "x", NOW)
    with closing(listen("127.0.0.1", 0)) as listener, closing(Service(database, StillClock())) as service:
        async with serving(create_app(service), listener):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
            command = ["redeem", url, token, "--to", str(key_file)]
            first, second, third = [
                await asyncio.to_thread(CliRunner().invoke, district, command[:3] if n == 2 else command)
                for n in range(3)
            ]
    assert first.exit_code == 0, first.exception
    assert key_file.read_text().startswith("demo.gw-1.")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert "name a new file" in str(second.exception)  # asked before the token is used up
    assert "was used" in str(third.exception)


@pytest.mark.parametrize(
    ("url", "said"), [("http://192.0.2.1/v1", "write https://"), ("http://127.0.0.1:1/v1", "no answer")]
)
def test_a_token_does_not_travel_in_the_clear_or_to_nobody(url: str, said: str) -> None:
    result = CliRunner().invoke(district, ["redeem", url, "demo.gw-1." + "x" * 43])
    assert isinstance(result.exception, GatewayError)
    assert said in str(result.exception)


def test_s19_a_token_need_not_stand_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(url: str, token: str) -> str:
        asked.append(token)
        return f"key from {url}"

    monkeypatch.setattr("gateway.uplinks.enrol.redeem", ask)
    result = CliRunner().invoke(district, ["redeem", "https://d.example/v1", "-"], input="demo.gw-1.secret\n")
    assert result.output == "key from https://d.example/v1\n"
    assert asked == ["demo.gw-1.secret"]


@pytest.mark.parametrize("is_packed", [False, True], ids=["endless", "bomb"])
def test_s20_an_answer_without_end_is_cut_off_and_a_bomb_is_never_unpacked(
    monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    taken: list[int] = []
    chunk = gzip.compress(bytes(50_000_000)) if is_packed else bytes(1 << 16)

    def body() -> Iterator[bytes]:
        for _ in range(1000):
            taken.append(len(chunk))
            yield chunk

    def answer(_: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "application/json"} | ({"content-encoding": "gzip"} if is_packed else {})
        return httpx2.Response(200, headers=headers, content=body())

    client = httpx2.Client
    monkeypatch.setattr(
        "gateway.uplinks.enrol.httpx2.Client",
        lambda **more: client(transport=httpx2.MockTransport(answer), **more),
    )
    result = CliRunner().invoke(district, ["redeem", "https://d.example/v1", "demo.gw-1." + "x" * 43])
    assert "is no district's answer" in str(result.exception)
    assert sum(taken) <= REPLY_BYTES_MAX + len(chunk)


def test_keys_are_listed_rotated_and_revoked(tmp_path: Path) -> None:
    database = tmp_path / "d.db"
    old = enrolled(database).split(".")[2]
    assert printed(database, "key", "list", "demo", "gw-1").startswith(f"{old}  made 20")
    new = printed(database, "key", "rotate", "demo", "gw-1").split(".")[2]
    first, second = printed(database, "key", "list", "demo", "gw-1").splitlines()
    assert (first.split()[0], second.split()[0]) == (old, new)
    assert not first.endswith("ends -")
    assert second.endswith("ends -")
    printed(database, "key", "revoke", "demo", "gw-1", old)
    assert printed(database, "key", "list", "demo", "gw-1").split()[0] == new
    assert "has no key" in str(run(database, "key", "revoke", "demo", "gw-1", old).exception)


def test_a_token_is_printed_and_no_key(tmp_path: Path) -> None:
    assert printed(tmp_path / "d.db", "enrol", "demo", "gw-1").count(".") == 2


def test_a_point_is_moved_and_says_from_where_to_where(tmp_path: Path) -> None:
    database = tmp_path / "d.db"
    enrolled(database)
    with closing(open_database(database)) as store:
        changes = [campus.change(n, body) for n, body in enumerate(campus.day_slots(), 1)]
        accept(store, parse(campus.envelope(changes, 0, 10)), NOW)
    assert "no gateway gw-2" in str(run(database, "move-point", "demo", METER, "gw-2").exception)
    printed(database, "enrol", "demo", "gw-2")
    assert printed(database, "move-point", "demo", METER, "gw-2", "--by", "li") == f"{METER}: gw-1 → gw-2"
    with closing(open_database(database)) as store, store.snapshot() as connection:
        assert connection.rows("SELECT moved_by, from_gateway, to_gateway FROM point_move") == [
            ("li", "gw-1", "gw-2")
        ]


def test_s19_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    result = CliRunner().invoke(
        district, ["enrol", "--database", "postgresql://u:geheim@[bad/x", "demo", "gw-1"]
    )
    assert "cannot open the PostgreSQL database" in str(result.exception)
    assert "geheim" not in str(result.exception)
