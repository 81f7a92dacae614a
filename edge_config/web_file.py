"""``site.d/web.yaml``: what staff added on the pages, merged into the installer's file and overriding nothing in it.

Knows the shape of that file, how it is written (whole: temporary file, fsync, rename, fsync of the folder) and how its
entries, and those a mapping stands for, join the devices of the site file, each problem keeping its own file and line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from edge_config import files
from edge_config.problems import DocPath, Mark, Problem, SiteProblems
from edge_config.yaml_marks import Document, parse

HEAD = "# 由看板写入,请勿手改 / written by the pages: edit the site file instead, it wins over this one\n"


@dataclass(slots=True)
class _Merge:
    """The devices of a site file and what joins them."""

    document: Document
    devices: list[Any]
    marks: dict[DocPath, Mark]
    key_marks: dict[DocPath, Mark]
    elsewhere: dict[DocPath, str]
    problems: list[Problem] = field(default_factory=list)

    def add(self, entry: Mapping[str, Any], marks: Mapping[DocPath, Mark], file: str) -> None:
        """``marks`` by their path inside the entry."""
        place: DocPath = ("devices", len(self.devices))
        self.devices.append(dict(entry))
        for inside, mark in marks.items():
            self.marks[*place, *inside] = mark
        self.elsewhere[place] = file


def text_at(site_path: Path) -> str | None:
    """The text of the web file beside a site file, None where there is none. Raises SiteProblems."""
    path = site_path.parent / "site.d" / "web.yaml"
    return files.read_text(path) if path.exists() else None


def merged(
    document: Document, site_path: Path, text: str | None
) -> tuple[Document, list[Problem], list[str]]:
    """The site file with mapped and adopted devices among its own; warnings; ids of the adopted.

    Raises SiteProblems when the web file cannot be read. An adopted device whose id or topic the installer has used
    since is left out with a warning: the installer's word stands."""
    data = document.data if isinstance(document.data, dict) else {}
    listed = data.get("devices", [])
    if not isinstance(listed, list):
        return document, [], []
    merge = _Merge(
        document, list(listed), dict(document.marks), dict(document.key_marks), dict(document.elsewhere)
    )
    for path, entry in _mapped(data):
        mark = document.key_mark(path)
        merge.add(entry, {(): mark, **{(key,): mark for key in entry}}, document.file)
    adopted = [] if text is None else _adopted(merge, site_path.parent / "site.d" / "web.yaml", text)
    if len(merge.devices) == len(listed):
        return document, merge.problems, adopted
    whole = replace(
        document, data={**data, "devices": merge.devices}, marks=merge.marks, key_marks=merge.key_marks,
        elsewhere=merge.elsewhere,
    )  # fmt: skip
    return whole, merge.problems, adopted


def _mapped(data: Mapping[str, Any]) -> Iterator[tuple[DocPath, dict[str, Any]]]:
    """A device for each name of each mapping; what is wrong in a mapping itself its own validation says."""
    mappings = data.get("mappings")
    for index, one in enumerate(mappings if isinstance(mappings, list) else []):
        names = one.get("names") if isinstance(one, dict) else None
        topic = one.get("topic") if isinstance(one, dict) else None
        if not isinstance(names, dict) or not isinstance(topic, str):
            continue
        for name, space in names.items():
            entry = {"id": name, "profile": one.get("profile"), "broker": one.get("broker")}
            entry["topic"] = topic.replace("+", str(name), 1)
            yield ("mappings", index, "names", name), entry | ({} if space is None else {"space": space})


def _adopted(merge: _Merge, path: Path, text: str) -> list[str]:
    own = parse(text, str(path))
    if own.problems:
        raise SiteProblems(own.problems)
    found = own.data.get("devices") if isinstance(own.data, dict) else None
    if not isinstance(found, list) or set(own.data) != {"devices"}:
        raise SiteProblems(
            [own.problem((), "is not a list under `devices:`", "delete the file and adopt again")]
        )
    taken = [entry for entry in merge.devices if isinstance(entry, dict)]
    adopted: list[str] = []
    for index, entry in enumerate(found):
        if not isinstance(entry, dict):
            raise SiteProblems([own.problem(("devices", index), "is no device", "delete this entry")])
        if any(_same(entry, other) for other in taken):
            wrong, right = "is in the site file too, which wins", f"delete this entry from {path}"
            merge.problems.append(own.problem(("devices", index), wrong, right))
            continue
        here: DocPath = ("devices", index)
        merge.add(entry, {at[2:]: mark for at, mark in own.marks.items() if at[:2] == here}, str(path))
        adopted.append(str(entry.get("id")))
    return adopted


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two entries would be one device: by id, or by topic on one broker."""
    if one.get("id") == other.get("id"):
        return True
    return one.get("topic") is not None and all(one.get(key) == other.get(key) for key in ("broker", "topic"))


def devices_in(text: str | None) -> list[dict[str, Any]]:
    """The entries of a web file that ``merged`` took."""
    found = parse(text, "web.yaml").data if text else {}
    return list(found.get("devices", []))


def text_with(devices: Sequence[Mapping[str, Any]]) -> str:
    """The whole web file with these devices."""
    body = yaml.safe_dump(
        {"devices": [dict(one) for one in devices]}, allow_unicode=True, sort_keys=False, width=1000
    )
    return HEAD + body


def write(path: Path, text: str) -> None:
    """Put the whole file in place: after a power cut there is the old one or the new one. Raises OSError."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    for folder in (path.parent, path.parent.parent):  # the second holds the name of a folder just made
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
