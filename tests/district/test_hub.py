"""The role of a hub: for the gateways of one campus, on a file, and for nobody else."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from district import enrolment, hub
from district.accept import Passage, accept
from district.app import create_app
from district.contract import Fault
from district.parcel import Parcel
from district.refusal import DistrictError, Refusal
from district.service import Service
from district.store.database import open_database
from gateway.cli.district import district
from gateway.errors import ConfigError
from tests.district import campus
from tests.district.campus import NOW
from tests.district.conftest import StillClock
from tests.district.test_accept import batch, numbered


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A hub with two gateways of one campus."""
    where = tmp_path / "hub.db"
    for gateway in ("gw-1", "gw-2"):
        campus.enrolled(where, gateway=gateway)
    with closing(open_database(where)) as database:
        assert hub.take_role(database, NOW) == "demo"
        assert hub.take_role(database, NOW + 1) == "demo"
    return where


def test_a_hub_lets_in_gateways_of_its_campus_and_of_no_other(path: Path) -> None:
    assert campus.enrolled(path, gateway="gw-3").startswith("demo.gw-3.")
    with pytest.raises(DistrictError, match="the hub of demo alone; a gateway of other"):
        campus.enrolled(path, site="other")
    with closing(open_database(path)) as database, database.snapshot() as connection:
        assert connection.rows("SELECT DISTINCT site_id FROM gateway") == [("demo",)]


def test_a_batch_of_another_site_that_a_relay_brings_is_refused(path: Path) -> None:
    changes = numbered(campus.day_slots())
    found = batch(changes, 0, len(changes), site="other")
    with closing(open_database(path)) as database, pytest.raises(Refusal) as caught:
        accept(database, found, NOW, Passage(Parcel(b"", "gzip"), is_vouched=True))
    assert caught.value.problem.error is Fault.FORBIDDEN


def test_a_district_of_several_schools_does_not_become_a_hub(tmp_path: Path) -> None:
    where = tmp_path / "district.db"
    with (
        closing(open_database(where)) as database,
        pytest.raises(DistrictError, match="are those of none; `district enrol`"),
    ):
        hub.take_role(database, NOW)
    for site in ("demo", "other"):
        campus.enrolled(where, site=site)
    with closing(open_database(where)) as database:
        with pytest.raises(DistrictError, match="demo, other; use a database of its own"):
            hub.take_role(database, NOW)
        with database.snapshot() as connection:
            assert hub.site_of(connection) is None
        assert enrolment.issue_token(database, "third", "gw-1", "第三中学", NOW)


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", "校区汇总:本机只接收 demo"), ("en", "the campus demo alone")]
)
def test_its_page_names_its_campus(path: Path, lang: str, words: str) -> None:
    with closing(Service(path, StillClock())) as service, TestClient(create_app(service)) as client:
        assert words in client.get("/", params={"lang": lang}).text


def test_a_districts_page_says_nothing_of_a_hub(tmp_path: Path) -> None:
    campus.enrolled(tmp_path / "d.db")
    with (
        closing(Service(tmp_path / "d.db", StillClock())) as service,
        TestClient(create_app(service)) as client,
    ):
        assert 'id="hub"' not in client.get("/").text


def test_a_hub_is_a_file(tmp_path: Path) -> None:
    with (
        closing(open_database("postgresql://nobody@127.0.0.1:1/none")) as database,
        pytest.raises(DistrictError, match="keeps its data in a file"),
    ):
        hub.take_role(database, NOW)


def test_the_command_refuses_the_role_where_no_gateway_is_enrolled(tmp_path: Path) -> None:
    found = CliRunner().invoke(
        district, ["--role", "hub", "--database", str(tmp_path / "d.db"), "--port", "0"]
    )
    assert isinstance(found.exception, ConfigError)
    assert "`district enrol` the first one" in str(found.exception)
