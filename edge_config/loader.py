"""Reads one site: the site file and the files it names, checked, put together with the profiles.

With ``files`` the only I/O of this room. Either everything is right and a ``LoadedSite`` comes back, with what is
worth a warning, or ``SiteProblems`` names all that is wrong at once. Secrets are opened only to see whether they
can be read; none is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from devices import profile as device_profile
from edge_config import calendar_file, checks, files, measuring, national_checks, web_file
from edge_config.draft import Draft, Profile, draft
from edge_config.explain import NUMBERS, explain, path_of
from edge_config.problems import DocPath, Finding, Problem, SiteProblems
from edge_config.schema import LimitsFile, SiteFile
from edge_config.site import LoadedSite, SchoolCalendar
from edge_config.tariffs import TariffFile
from edge_config.tariffs import findings as tariff_findings
from edge_config.yaml_marks import Document, parse

M = TypeVar("M", bound=BaseModel)


def load_site(path: Path, *, with_secrets: bool = True, web: str | None = None) -> LoadedSite:
    """The site that ``path``, the files it names and ``site.d/web.yaml`` describe. Raises SiteProblems with all that is
    wrong. ``web`` stands in for the text of that file before it is written.

    A process that has no use for passwords and tokens passes ``with_secrets=False`` and needs no right to read them.
    """
    written = parse(files.read_text(path), str(path))
    document, warnings, adopted = web_file.merged(written, path, web or web_file.text_at(path))
    errors: list[Problem] = [*document.problems]
    file = _validated(document, SiteFile, errors)
    data = document.data if isinstance(document.data, dict) else {}
    found = replace(draft(data, document.marks), adopted=frozenset(adopted))
    found = _with_profiles(found, errors, document)
    _sort(document, checks.cross_check(found, data), errors, warnings)
    if with_secrets and not found.is_campus:
        _sort(document, files.secrets(found, path.parent), errors, warnings)
        _sort(document, national_checks.secrets(found, path.parent), errors, warnings)
    limits = _limits(document, path.parent, found, errors, warnings)
    calendar = _calendar(document, path.parent, errors)
    tariffs = _tariffs(document, path.parent, errors, warnings)
    if errors or file is None:
        raise SiteProblems(errors, warnings)
    return LoadedSite(
        file,
        path.parent,
        path,
        found.profiles,
        limits,
        calendar,
        tuple(sorted(set(warnings))),
        tuple(adopted),
        tariffs,
    )


def _validated(document: Document, model: type[M], errors: list[Problem]) -> M | None:
    errors.extend(_padded_numbers(document, model))
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        errors.extend(explain(error, document, model))
        return None


def _padded_numbers(document: Document, model: type[BaseModel]) -> list[Problem]:
    """Numbers written with a leading 0 where a number is due: 010 is ten to some readers and eight to others.

    Where text is due (01000) they are right; which is which shows when they are made unreadable as numbers.
    """
    if not document.padded:
        return []
    try:
        model.model_validate(_marked(document.data, (), document.padded))
    except ValidationError as error:
        found = [
            path_of(one, document.data) for one in error.errors(include_url=False) if one["type"] in NUMBERS
        ]
        wrong, right = "is a number that begins with 0", "write it without the leading 0"
        return [document.problem(path, wrong, right) for path in found if path in document.padded]
    return []


def _marked(here: object, path: DocPath, padded: frozenset[DocPath]) -> object:
    if isinstance(here, dict):
        return {key: _marked(value, (*path, key), padded) for key, value in here.items()}
    if isinstance(here, list):
        return [_marked(value, (*path, index), padded) for index, value in enumerate(here)]
    return f"text {here}" if path in padded else here


def _with_profiles(found: Draft, errors: list[Problem], document: Document) -> Draft:
    """The draft with every profile its devices name; a packaged profile may itself be wrong."""
    names = tuple(device_profile.names())
    profiles: dict[str, Profile] = {}
    for index, device in found.devices.items():
        if device.profile in profiles or device.profile not in names:
            continue
        try:
            profiles[device.profile] = device_profile.load(device.profile)
        except (ValueError, yaml.YAMLError) as error:
            wrong = f"the profile {device.profile!r} is itself wrong"
            right = f"`campus-gateway profiles check` says why ({str(error).splitlines()[0]})"
            errors.append(document.problem(("devices", index, "profile"), wrong, right))
    return replace(found, profiles=profiles, profile_names=names)


def _sort(
    document: Document, findings: Iterable[Finding], errors: list[Problem], warnings: list[Problem]
) -> None:
    """Give findings their place, and part errors from warnings."""
    for finding in findings:
        wrong = finding.wrong
        if finding.other is not None:
            wrong += f" (line {document.mark(finding.other).line})"
        problem = document.problem(finding.path, wrong, finding.right)
        (warnings if finding.is_warning else errors).append(problem)


def _named(document: Document, key: str, folder: Path, errors: list[Problem]) -> tuple[Path, str] | None:
    """Path and text of the file a top-level key names; None where no key or no readable file is."""
    name = document.data.get(key) if isinstance(document.data, dict) else None
    if not isinstance(name, str):
        return None
    try:
        return folder / name, files.read_text(folder / name)
    except SiteProblems as problems:
        for problem in problems.problems:
            wrong = f"{problem.file}: {problem.wrong}"
            errors.append(problem if problem.line > 1 else document.problem((key,), wrong, problem.right))
        return None


def _limits(
    document: Document, folder: Path, found: Draft, errors: list[Problem], warnings: list[Problem]
) -> LimitsFile | None:
    own = _own(document, "limits", folder, errors)
    if own is None:
        return None
    limits = _validated(own, LimitsFile, errors)
    if limits is not None:
        _sort(own, measuring.limits(limits, found), errors, warnings)
    return limits


def _calendar(document: Document, folder: Path, errors: list[Problem]) -> SchoolCalendar:
    named = _named(document, "calendar", folder, errors)
    if named is None:
        return SchoolCalendar()
    days, problems = calendar_file.parse(named[1], str(named[0]))
    errors.extend(problems)
    return SchoolCalendar(days)


def _tariffs(
    document: Document, folder: Path, errors: list[Problem], warnings: list[Problem]
) -> TariffFile | None:
    own = _own(document, "tariffs", folder, errors)
    tariffs = None if own is None else _validated(own, TariffFile, errors)
    if own is not None and tariffs is not None:
        _sort(own, tariff_findings(tariffs), errors, warnings)
    return tariffs


def _own(document: Document, key: str, folder: Path, errors: list[Problem]) -> Document | None:
    """The YAML document a top-level key names."""
    named = _named(document, key, folder, errors)
    if named is None:
        return None
    try:
        own = parse(named[1], str(named[0]))
    except SiteProblems as problems:
        errors.extend(problems.problems)
        return None
    errors.extend(own.problems)
    return own
