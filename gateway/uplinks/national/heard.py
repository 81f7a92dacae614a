"""A centre's XML, read as a stranger's: no document type, no entity, nothing external, and every word may be doubled or new.

Pure. What it means shows by the element beside ``<common>`` and its ``operation``; ``<type>`` repeats it or names a class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError  # the types only; nothing is parsed with it
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from edge_config.dialect import OURS, Dialect, Word
from gateway.uplinks.national.trouble import NonsenseFromCentreError

NAME_LENGTH_MAX = 60
TIME_LENGTHS = (14, 19)
TIME_FORMS = ("%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Heard:
    """``word`` is None for an operation this dialect does not know, ``name`` what it was called. ``texts`` are of elements
    by tag; one that stands twice with two texts is in ``torn`` instead."""

    word: Word | None
    name: str
    texts: dict[str, str] = field(default_factory=dict)
    torn: frozenset[str] = frozenset()

    def text(self, tag: str) -> str:
        """The text of an element, empty where it has none. Raises NonsenseFromCentreError for one that is torn."""
        if tag in self.torn:
            raise NonsenseFromCentreError(f"{self.name} says {tag} twice, and not the same")
        return self.texts.get(tag, "")


def heard(dialect: Dialect, xml: str) -> Heard:
    """What ``xml`` says. Raises NonsenseFromCentreError for what is no message."""
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise NonsenseFromCentreError(f"XML that cannot be read: {type(error).__name__}") from error
    elements = [child for child in root if child.tag != "common"]
    if not elements:
        raise NonsenseFromCentreError("XML without a message in it")
    element = elements[0]
    operation = element.get("operation") or (root.findtext("common/type") or "").strip()
    tags = {str(one.tag) for one in element.iter()}
    texts, torn = _texts(element.iter())
    name = f"{element.tag}/{operation}"[:NAME_LENGTH_MAX]
    return Heard(_word(dialect, str(element.tag), operation, tags), name, texts, frozenset(torn))


def _word(dialect: Dialect, element: str, operation: str, tags: set[str]) -> Word | None:
    for word, shape in dialect.messages.items():
        if word not in OURS and (shape.element, shape.operation) == (element, operation):
            return word
    for face in dialect.also_read:
        if face.tag is not None and face.tag in tags:
            return face.word
        if face.tag is None and (face.element, face.operation) == (element, operation):
            return face.word
    return None


def _texts(elements: Iterable[Element]) -> tuple[dict[str, str], set[str]]:
    texts: dict[str, str] = {}
    torn: set[str] = set()
    for element in elements:
        text = (element.text or "").strip()
        if texts.setdefault(str(element.tag), text) != text:
            torn.add(str(element.tag))
    return texts, torn


def centre_time_ms(text: str, zone: ZoneInfo) -> int | None:
    """A centre's local time as UTC ms; None for what is no time."""
    if len(text) not in TIME_LENGTHS:
        return None  # strptime would read 13 digits as a time, too
    for form in TIME_FORMS:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=zone).timestamp() * 1000)
        except (ValueError, OverflowError):
            continue
    return None
