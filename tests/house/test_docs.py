"""Nothing undocumented: every command and option, every key of a site file and of a profile, every dependency."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from collections.abc import Iterator

import click
import pytest
from pydantic import BaseModel

from devices.profile import Cjt188Profile, Dlt645Profile, ModbusProfile, MqttProfile
from edge_config.dialect import Dialect
from edge_config.keys import walk
from edge_config.schema import LimitsFile, SiteFile
from edge_config.tariffs import TariffFile
from gateway.cli.main import COMMANDS
from tests.house.source import ROOT


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    """The parts of a page by their second-level heading."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _command(name: str) -> click.Command:
    module, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    return command


def _words(command: click.Command) -> Iterator[str]:
    """What a user may type after a command: its options, and the subcommands with theirs."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield from (word for word in parameter.opts if word.startswith("--"))
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield name
            yield from _words(child)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    section = _sections(_text("docs/commands.md")).get(name, "")
    assert section, f"docs/commands.md has no section {name}"
    missing = [
        word
        for word in _words(_command(name))
        if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", section)
    ]
    assert missing == []


def test_no_command_is_documented_that_does_not_exist() -> None:
    assert set(_sections(_text("docs/commands.md"))) == set(COMMANDS)


def test_every_command_says_in_chinese_what_it_is_for() -> None:
    assert [name for name, (_, text) in COMMANDS.items() if not re.search(r"[一-鿿]", text)] == []


def _documented(page: str) -> set[str]:
    """Words in code marks, also inside `{a: 1, b: 2}` examples."""
    return {word for code in re.findall(r"`([^`]+)`", page) for word in re.findall(r"[a-z][a-z0-9_]*", code)}


def _keys(*models: type[BaseModel]) -> set[str]:
    return {key for model in models for _, key in walk(model)}


def test_every_key_of_the_site_limits_and_tariff_files_is_documented() -> None:
    assert _keys(SiteFile, LimitsFile, TariffFile) - _documented(_text("docs/site-file.md")) == set()


def test_every_key_of_a_profile_is_documented() -> None:
    assert (
        _keys(ModbusProfile, MqttProfile, Dlt645Profile, Cjt188Profile)
        - _documented(_text("devices/profiles/README.md"))
        == set()
    )


def test_every_key_of_a_dialect_is_documented() -> None:
    assert _keys(Dialect) - _documented(_text("edge_config/dialects/README.md")) == set()


def _project() -> dict[str, list[str]]:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return {"core": project["dependencies"], **{name: extras[name] for name in extras if name != "dev"}}


def test_every_run_time_dependency_is_documented_with_licence_reason_and_wheel() -> None:
    rows = [
        line.strip("| ").split(" | ")
        for line in _text("docs/dependencies.md").splitlines()
        if line.startswith("|")
    ]
    complete = {row[0] for row in rows if len(row) == 4 and all(row)}
    declared = {
        re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0] for texts in _project().values() for text in texts
    }
    assert declared - complete == set()
    assert complete - declared <= {"package", "---", "pyserial"}


def test_every_npm_dependency_is_documented() -> None:
    package = json.loads(_text("frontend/package.json"))
    names = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    page = _text("docs/dependencies.md")
    assert [name for name in names if f"| {name} |" not in page] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "edge_config").rglob("*.md"), ROOT / "README.md"]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
