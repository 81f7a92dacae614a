"""What an operator does with batches that were refused after their receipt: list, save, take once more, let go."""

from __future__ import annotations

import gzip
import hashlib
import json
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from district.accept import Passage, accept
from district.body import inflate, parse
from district.parcel import Parcel
from district.queue import refused
from district.queue.again import cut_out
from district.refusal import Refusal
from district.relay.outbox import Onward
from district.store.database import open_database
from gateway.cli.district import district
from gateway.errors import GatewayError
from tests.district import campus
from tests.district.campus import METER, NOW
from tests.district.tiers import rows

VALUES = "SELECT start, value FROM interval WHERE site_id = 'demo' ORDER BY start"


def run(where: Path | str, *words: str) -> Result:
    return CliRunner().invoke(district, ["refused", *words, "--database", str(where)])


def printed(where: Path | str, *words: str) -> str:
    result = run(where, *words)
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.output.strip()


def kept(where: Path | str, raw: bytes, *, at: int = NOW) -> str:
    """A batch that the consumer tried, and that was refused as ``accept`` refuses it; its name."""
    batch = parse(inflate(raw, "gzip"))
    with closing(open_database(where)) as store:
        with pytest.raises(Refusal) as caught:
            accept(store, batch, at)
        with store.transaction() as connection:
            refused.keep(connection, batch, Parcel(raw, "gzip"), caught.value.problem, at)
            return str(refused.newest(connection)[0].name)


def taken(where: Path | str, raw: bytes, onward: Onward | None = None) -> None:
    with closing(open_database(where)) as store:
        accept(store, parse(inflate(raw, "gzip")), NOW, Passage(Parcel(raw, "gzip"), onward=onward))


def test_the_rest_of_a_batch_that_is_held_in_part_is_taken_to_the_letter(where: Path | str) -> None:
    """A receipt was lost, the gateway grew its batch, and both got through the queue: six of ten records would be missing."""
    campus.enrolled(where)
    bodies = campus.day_slots()
    taken(where, campus.batch(bodies[:4]))
    name = kept(where, campus.batch(bodies))
    assert name.startswith("demo.gw-1/e-1/0-10/")
    assert "covered: a part of (0, 10) was received before" in printed(where, "list")
    assert len(rows(where, VALUES)) == 2
    assert printed(where, "retry", name) == "taken 已入库 6  refused 拒收 0  held before 原已有 4"
    assert rows(where, VALUES) == [(campus.MIDNIGHT + n * campus.QUARTER, 1.0) for n in range(8)]
    assert rows(where, "SELECT from_seq, to_seq FROM received WHERE site_id = 'demo'") == [(0, 10)]
    assert printed(where, "list") == ""


def test_what_is_taken_late_is_kept_for_the_district_above(where: Path | str) -> None:
    campus.enrolled(where)
    bodies = campus.day_slots()
    taken(where, campus.batch(bodies[:4]), Onward(("city",), 10**6))
    name = kept(where, campus.batch(bodies))
    printed(where, "retry", name)
    waiting = rows(where, "SELECT from_seq, to_seq, encoding, body FROM relay_batch ORDER BY number")
    assert [row[:3] for row in waiting] == [(0, 4, "gzip"), (4, 10, "gzip")]
    assert len(parse(gzip.decompress(bytes(waiting[1][3]))).changes) == 6


def test_a_cut_batch_has_the_very_bytes_of_its_records() -> None:
    changes = [campus.change(seq, campus.slot(METER, seq, 0.1 + seq)) for seq in (3, 5, 6, 9)]
    plain = campus.envelope(changes, 2, 9)
    cut = cut_out(plain, (4, 8))
    batch = parse(cut)
    assert (batch.from_seq, batch.to_seq, [one.seq for one in batch.changes]) == (4, 8, [5, 6])
    for change in changes[1:3]:
        # As sent, ``envelope`` indents by one: the record stands in the array to the letter.
        assert json.dumps(change, ensure_ascii=False, indent=1).replace("\n", "\n ").encode() in cut
    array = cut.partition(b'"changes":')[2][:-1]
    assert hashlib.sha256(array).hexdigest() == batch.sha256


def test_a_gateway_that_is_enrolled_now_gets_its_batch_taken(where: Path | str) -> None:
    raw = campus.batch(campus.day_slots(), gateway="gw-2")
    campus.enrolled(where)
    name = kept(where, raw)
    again = run(where, "retry", name)
    assert isinstance(again.exception, GatewayError)
    assert "is refused as before: unauthorized" in str(again.exception)
    assert name in printed(where, "list")
    campus.enrolled(where, gateway="gw-2")
    assert printed(where, "retry", name) == "taken 已入库 10  refused 拒收 0  held before 原已有 0"
    assert "no batch" in str(run(where, "retry", name).exception)


def test_a_batch_that_came_by_itself_meanwhile_has_no_second_effect(where: Path | str) -> None:
    raw = campus.batch(campus.day_slots(), gateway="gw-2")
    campus.enrolled(where)
    name = kept(where, raw)
    campus.enrolled(where, gateway="gw-2")
    taken(where, raw)
    assert printed(where, "retry", name) == "taken 已入库 0  refused 拒收 0  held before 原已有 10"
    assert rows(where, "SELECT count(*), max(revision) FROM interval") == [(8, 1)]


@pytest.mark.parametrize("fault", ["fenced", "cloned"])
def test_another_machines_batch_is_never_taken_but_saved_and_let_go(
    where: Path | str, tmp_path: Path, fault: str
) -> None:
    campus.enrolled(where)
    epochs = ("e-1", "e-2") if fault == "fenced" else ("e-1",)
    for epoch in epochs:
        taken(where, campus.batch([campus.site()], epoch=epoch))
    after = 1 if fault == "fenced" else 0
    raw = campus.batch([campus.site("别的中学")], after, epoch="e-1")
    name = kept(where, raw)
    incidents = rows(where, "SELECT kind, count FROM incident")
    assert "is not taken" in str(run(where, "retry", name).exception)
    assert rows(where, "SELECT kind, count FROM incident") == incidents  # asking again is no second incident
    file = tmp_path / "kept.json"
    printed(where, "save", name, str(file))
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (gzip.decompress(raw), 0o600)
    assert "cannot write the new file" in str(run(where, "save", name, str(file)).exception)
    assert printed(where, "discard", name) == f"{name}: discarded 已删除"
    assert "no batch" in str(run(where, "discard", name).exception)
    assert rows(where, "SELECT name FROM site") == [("示例中学",)]


def test_the_list_reads_as_lines_of_json_too(tmp_path: Path) -> None:
    where = tmp_path / "d.db"
    campus.enrolled(where)
    taken(where, campus.batch([campus.site()]))
    name = kept(where, campus.batch([campus.site("x")]))
    line = json.loads(printed(where, "list", "--json"))
    assert (line["name"], line["error"], line["at"]) == (name, "cloned", NOW)
    assert "is no batch's name" in str(run(where, "save", "x", "y").exception)


def test_a_name_is_read_back_whatever_its_epoch() -> None:
    name = refused.RefusedName("demo", "gw-1", "a/b.c/1-2", 0, 7, "0" * 64)
    assert refused.named(str(name)) == name
    assert refused.named("demo.gw-1/e/0-7/short") is None
