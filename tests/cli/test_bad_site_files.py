"""F44: a site file that is wrong is refused with its line, before anything of the buffer is touched; what staff changed over the
web is written whole or not at all (``edge_config/test_web_file.py``)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check
from gateway.cli.collect import collect
from gateway.errors import ConfigError
from gateway.store.database import open_writer

Spoil = Callable[[str], str]


def a_typo(text: str) -> str:
    return text.replace("profile: acrel-adl400", "profil: acrel-adl400")


def the_same_id_twice(text: str) -> str:
    return text.replace("{id: air,", "{id: main-e,")


def no_yaml(text: str) -> str:
    return text.replace("gateway: {id: gw-1}", "gateway: {id: gw-1")


def written_by_half(text: str) -> str:
    """As a copy that was cut off leaves it: inside a word of the devices."""
    return text[: text.index("acrel-adl400") + 5]


def empty(_: str) -> str:
    return ""


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".yaml"
    }


@pytest.fixture
def buffer(site_file: Path) -> Path:
    """A buffer that holds something, closed in order."""
    path = site_file.parent / "var" / "buffer.db"
    path.parent.mkdir()
    connection = open_writer(path)
    connection.execute("INSERT INTO meta VALUES ('test', 'what was accepted')")
    connection.close()
    return path


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (a_typo, r"site\.yaml:10:\d+: .*profil\b"),
        (the_same_id_twice, r"site\.yaml:11:\d+: .*main-e.*twice"),
        (no_yaml, r"site\.yaml:\d+:\d+: "),
        (written_by_half, r"site\.yaml:\d+:\d+: "),
        (empty, r"site\.yaml"),
    ],
)
def test_f44_a_wrong_site_file_is_refused_with_its_line_and_the_buffer_is_untouched(
    site_file: Path, buffer: Path, spoil: Spoil, says: str
) -> None:
    before = digests(site_file.parent)
    assert buffer.name in before
    site_file.write_text(spoil(site_file.read_text()), encoding="utf-8")
    refused = CliRunner().invoke(collect, [str(site_file)]).exception
    assert isinstance(refused, ConfigError)
    assert re.search(says, str(refused)), refused
    assert digests(site_file.parent) == before


def test_f44_a_secret_that_everybody_can_read_is_told(site_file: Path) -> None:
    (site_file.parent / "token").chmod(0o644)
    said = CliRunner().invoke(check, [str(site_file)]).output
    assert re.search(r"token can be read by every user of this machine.*chmod 600", said, re.DOTALL), said
