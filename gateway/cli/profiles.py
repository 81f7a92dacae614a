"""``campus-gateway profiles list | show NAME | check [FILE…] | new NAME | schema``: the device profiles, for people.

Looks at files and prints; what a profile is and whether it is right is decided in ``devices``, the sentences about
a file's shape in ``edge_config``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from devices import profile as device_profile
from devices.profile import AnyProfile, ModbusProfile, Wire
from devices.proof import flaws
from edge_config.explain import explain
from edge_config.files import read_text
from edge_config.problems import Problem, SiteProblems, choices, nearest
from edge_config.yaml_marks import Document
from edge_config.yaml_marks import parse as parse_marks
from gateway.cli import profile_text
from gateway.errors import ConfigError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,47}")


@click.group()
def profiles() -> None:
    """List, show, check and begin device profiles (设备模板)."""


@profiles.command("list")
def list_profiles() -> None:
    """One line for each packaged profile: name, wire, maker, points, title."""
    found = [device_profile.load(name) for name in device_profile.names()]
    _print_table(
        (one.profile, one.wire.value, one.maker.en, profile_text.both(one.title), ", ".join(one.points))
        for one in found
    )


@profiles.command("show")
@click.argument("name")
def show_profile(name: str) -> None:
    """Everything one profile says: each point with its address or path, type and unit, and the caveats."""
    known = device_profile.names()
    if name not in known:
        raise ConfigError(
            f"there is no profile {name!r}; {nearest(name, known, f'there are {choices(known, 40)}')}"
        )
    one = device_profile.load(name)
    click.echo(f"{one.profile}: {profile_text.both(one.title)}")
    click.echo(f"maker:   {profile_text.both(one.maker)}; models: {', '.join(one.models)}")
    click.echo(f"wire:    {profile_text.wire(one)}")
    click.echo(f"source:  {one.source}")
    click.echo("points:")
    _print_table(profile_text.point_rows(one), indent="  ")
    for mark in one.identify if isinstance(one, ModbusProfile) else ():
        click.echo(f"known by: {profile_text.mark(mark)}")
    for caveat in one.caveats:
        click.echo(f"note:    {caveat}")


@profiles.command("check")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
def check_profiles(files: tuple[Path, ...]) -> None:
    """Check profile files and run their examples; without FILE, all packaged profiles. Exit code 1 when one is wrong."""
    wrong = 0
    paths = files or packaged_files()
    for path in paths:
        found = problems_of(path)
        wrong += bool(found)
        for problem in found:
            click.echo(str(problem))
        if not found:
            click.echo(f"{path}: right, every example gives what it says")
    if wrong:
        raise ConfigError(f"{wrong} of {len(paths)} profiles cannot be used; correct what is named above")


@profiles.command("new")
@click.argument("name")
@click.option(
    "--wire",
    type=click.Choice([Wire.MODBUS.value, Wire.MQTT.value]),
    default=Wire.MODBUS.value,
    show_default=True,
    help="How the device is spoken to.",
)
def new_profile(name: str, wire: str) -> None:
    """Write NAME.yaml into this folder: a profile to fill in, with a comment at each key; overwrites nothing."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no profile name; use lower-case letters, digits and hyphens, 2 to 48")
    skeleton = resources.files("devices") / "skeletons" / f"{wire}.yaml"
    path = Path(f"{name}.yaml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(skeleton.read_text(encoding="utf-8").replace("{{name}}", name))
    except FileExistsError as error:
        raise ConfigError(f"{path} is there already; choose another name, or move it away") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"{path} is written; fill it in, and look at what `campus-gateway profiles check {path}` says")


@profiles.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of a profile file, for editors that check while one writes."""
    click.echo(json.dumps(device_profile.schema(), ensure_ascii=False, indent=2))


def packaged_files() -> list[Path]:
    """The profiles that come with the gateway."""
    folder = Path(str(resources.files("devices"))) / "profiles"
    return [folder / f"{name}.yaml" for name in device_profile.names()]


def problems_of(path: Path) -> list[Problem]:
    """All that is wrong with a profile file, in file order; empty when it can be used."""
    try:
        text = read_text(path)
        document = parse_marks(text, str(path))
    except SiteProblems as problems:
        return list(problems.problems)
    return sorted({*document.problems, *_shape_problems(document, text, path.stem)})


def _shape_problems(document: Document, text: str, stem: str) -> list[Problem]:
    if not isinstance(document.data, dict):
        return [document.problem((), "is not a profile", "write keys such as `profile:` and `points:`")]
    shape = device_profile.SHAPES.get(str(document.data.get("wire")))
    if shape is None:
        right = f"write `wire: {' or '.join(device_profile.SHAPES)}`"
        return [document.problem(("wire",), f"{document.data.get('wire')!r} is no wire of a profile", right)]
    try:
        one = shape.model_validate(device_profile.values_of(text))
    except ValidationError as error:
        return _explained(error, document, shape)
    except (yaml.YAMLError, ValueError) as error:
        if document.problems:
            return []  # such as a key given twice; the document has said so, with its place
        # YAML 1.1 reads 2026-13-45 as a date, and numbers that YAML 1.2 has not
        right = "put text that looks like a date or a number in quotes"
        return [document.problem((), f"holds what cannot be read ({str(error).splitlines()[0]})", right)]
    found = [document.problem(flaw.path, flaw.wrong, flaw.right) for flaw in flaws(one)]
    if one.profile != stem:
        right = f"name the file {one.profile}.yaml, or write `profile: {stem}`"
        found.append(document.problem(("profile",), f"{one.profile!r} is not the file's name", right))
    return found


def _explained(error: ValidationError, document: Document, shape: type[AnyProfile]) -> list[Problem]:
    """pydantic's findings as sentences; what our own validators say is a sentence already."""
    details = error.errors(include_url=False)
    found = zip(explain(error, document, shape), details, strict=True)
    return [
        _own_words(problem, detail["ctx"]) if detail["type"] == "value_error" else problem
        for problem, detail in found
    ]


def _own_words(problem: Problem, context: dict[str, Any]) -> Problem:
    wrong, _, right = str(context["error"]).partition("; ")
    return replace(problem, wrong=wrong, right=right or "correct this entry")


def _print_table(rows: Iterable[Sequence[str]], indent: str = "") -> None:
    """Columns as wide as their widest cell on screen; Chinese characters fill two places."""
    lines = [list(row) for row in rows]
    widths = [max(_width(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)]
        click.echo(indent + "  ".join(cells).rstrip())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
