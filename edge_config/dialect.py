"""The shape of a dialect of 分项能耗数据传输: one YAML file that says how a platform frames, encrypts, names and answers.

Whatever differs between platforms in the field is data here and no branch in the code. A dialect carries examples, which
are tests. What STANDARDS does not give as read in a source is marked in the files as configuration. Pure but for reading
the packaged files, once each.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from edge_config.section import Section
from edge_config.yaml_marks import parse

Hex = Annotated[str, Field(pattern=r"^(?:[0-9A-F]{2}){0,8}$")]
Order = Literal["big", "little"]
Part = Literal["head", "type", "length", "sequence", "data"]
Word = Literal[
    "request", "sequence", "md5", "result", "notify", "time", "report", "report_ack", "continuous", "continuous_ack",
    "query", "reply", "period", "period_ack",
]  # fmt: skip
"""What a message means, in the words of the guideline; how it is written is the dialect's."""

NEEDED: tuple[Word, ...] = ("request", "sequence", "md5", "result", "notify", "report")
OURS: tuple[Word, ...] = ("request", "md5", "notify", "report", "continuous", "reply", "period_ack")
"""What a gateway says; all other words are the centre's."""


class Crc(Section):
    """CRC-16/XMODEM (polynomial 1021H, from 0) over the named parts as they stand in the frame."""

    over: tuple[Part, ...] = Field(min_length=1)
    order: Order


class FrameLayout(Section):
    """head | type byte | length (4) | sequence number (4) | data | CRC (2) | tail, each where the dialect has it. The length
    counts the sequence number and the data, or the data alone."""

    head: Hex = ""
    tail: Hex = ""
    has_type: bool = False
    length_order: Order = "little"
    length_counts: tuple[Literal["sequence", "data"], ...] = ("data",)
    sequence_order: Order | None = None
    crc: Crc | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "data" not in self.length_counts:
            raise ValueError("length_counts must name data")
        if "sequence" in self.length_counts and self.sequence_order is None:
            raise ValueError("length_counts names a sequence number the frame has not; set sequence_order")
        return self


class Cipher(Section):
    """AES-128-CBC of a message's text; the key is the 16-character secret. ``pad`` is what fills the last block when we
    write: zero bytes, the digit 0, spaces, or PKCS#7. Reading cuts after the last ``>`` and does not care."""

    pad: Literal["zeros", "digits", "spaces", "pkcs7"] = "zeros"
    iv: Literal["key", "zeros"] = "key"
    words: tuple[Word, ...] = OURS
    """Which of our messages are encrypted; what comes in shows by itself whether it is."""


class Auth(Section):
    """What the MD5 is of, in order."""

    md5: tuple[Literal["sequence", "key"], ...] = ("sequence", "key")
    attributes: dict[str, str] = Field(default_factory=dict)
    """Of our id_validate elements, such as ``version: "2"``."""

    @model_validator(mode="after")
    def _is_of_the_sequence(self) -> Self:
        if "sequence" not in self.md5:
            raise ValueError("md5 must name sequence, else every login is the same")
        return self


class Shape(Section):
    """One message: the text of ``<type>``, the element beside ``<common>``, its ``operation``, the frame's type byte."""

    type: str
    element: str
    operation: str
    byte: Hex = ""


class AlsoReadAs(Section):
    """Another face of a centre's message: the element and operation of a vendor, or any message that has the tag."""

    word: Word
    element: str | None = None
    operation: str | None = None
    tag: str | None = None


class Names(Section):
    """Element names and codes that differ."""

    building: str = "building_id"
    parse: str | None = "parse"
    good: str = "192"
    estimated: str = "64"


class Body(Section):
    """What a report carries besides time and meters."""

    sequence: bool = True
    conn: bool = True
    name: bool = False
    total: bool = False
    coding: bool = True
    sample_time: bool = True
    energy_items: bool = False


class ReceiptRule(Section):
    """Which answer counts for what. ``report``: for each report. ``continuous_each``: for each resent packet;
    ``continuous_end``: once, for all of a run, when its last is in. None: nothing ever answers."""

    report: Word | None = None
    continuous_each: Word | None = None
    continuous_end: Word | None = None
    heartbeat_is_answered: bool = True
    good_words: tuple[str, ...] = ("pass",)
    bad_words: tuple[str, ...] = ("fail",)
    on_bad: Literal["keep", "refuse"] = "keep"


class Example(Section):
    """A message of this gateway (or, ``from_centre``, of the centre) and the exact frame it is: secret, sequence number,
    plain XML, bytes."""

    name: str
    word: Word
    secret: str = ""
    sequence: int = 0
    xml: str
    frame: str
    from_centre: bool = False
    source: str


class Dialect(Section):
    """How one platform speaks."""

    title: str
    title_en: str
    checked: tuple[str, ...] = ()
    """What of this file was read in a public source or recomputed."""
    configured: tuple[str, ...] = ()
    """What is not, and has to be compared with the platform's own paper."""
    frame: FrameLayout
    cipher: Cipher | None = None
    zipped: tuple[Word, ...] = ()
    """Which of our messages are zlib-compressed, before they are encrypted."""
    encoding: Literal["utf-8", "gb2312", "utf-16-le"] = "utf-8"
    auth: Auth = Auth()
    names: Names = Names()
    body: Body = Body()
    messages: dict[Word, Shape]
    also_read: tuple[AlsoReadAs, ...] = ()
    receipt: ReceiptRule
    examples: tuple[Example, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [word for word in NEEDED if word not in self.messages]
        if missing:
            raise ValueError(f"messages lacks {', '.join(missing)}")
        if self.frame.has_type and any(not shape.byte for shape in self.messages.values()):
            raise ValueError("each message needs its byte, for the frame has a type byte")
        return self

    @property
    def has_receipt(self) -> bool:
        return self.receipt.report is not None


def names() -> list[str]:
    """The packaged dialects, sorted."""
    files = [entry.name for entry in (resources.files("edge_config") / "dialects").iterdir()]
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


@cache
def load(name: str) -> Dialect:
    """A packaged dialect; KeyError when there is none of that name."""
    return Dialect.model_validate(_values(name))


def with_changes(name: str, changes: dict[str, Any]) -> Dialect:
    """A packaged dialect in which ``changes`` differ, key by key. Its examples are those of the packaged one and go.
    KeyError as ``load``; pydantic.ValidationError for a change that fits nowhere."""
    return _changed(name, json.dumps(changes, sort_keys=True)) if changes else load(name)


@lru_cache(maxsize=16)
def _changed(name: str, changes: str) -> Dialect:
    return Dialect.model_validate(_merged(_values(name), json.loads(changes) | {"examples": []}))


def _values(name: str) -> dict[str, Any]:
    if name not in names():
        raise KeyError(name)
    text = (resources.files("edge_config") / "dialects" / f"{name}.yaml").read_text("utf-8")
    found: dict[str, Any] = parse(text, f"{name}.yaml").data
    based_on = found.pop("based_on", None)
    return found if based_on is None else _merged(_values(based_on), {"examples": [], **found})


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: (under[key], over[key]) for key in under.keys() & over.keys()}
    return (
        under
        | over
        | {
            key: _merged(low, high)
            for key, (low, high) in both.items()
            if isinstance(low, dict) and isinstance(high, dict)
        }
    )
