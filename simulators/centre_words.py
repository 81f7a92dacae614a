"""What an energy centre says and understands, as XML. Own lines, from STANDARDS section 1; a gateway's are not looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError  # the types only; nothing is parsed with it

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from simulators.centre_ledger import Item, Report

HEAD = '<?xml version="1.0" encoding="utf-8"?>'
ENERGY, LOGIN, BEAT = 0x03, 0x01, 0x02


class BadXmlError(Exception):
    """A message that is none, or lacks what it must have."""


@dataclass(frozen=True, slots=True)
class Question:
    """A collector's message: its operation, who says it, and the element that has it."""

    operation: str
    building: str
    gateway: str
    body: Element

    @property
    def is_data(self) -> bool:
        return self.operation in {"report", "continuous", "reply"}

    def text(self, path: str) -> str:
        return (self.body.findtext(path) or "").strip()

    def report(self) -> Report:
        return Report(
            self.building, self.gateway, self.text("sequence"), self.text("time"), tuple(self._items()),
            tuple((item.get("code", ""), (item.text or "").strip()) for item in self.body.iter("energy_item")),
        )  # fmt: skip

    def _items(self) -> Iterable[Item]:
        for meter in self.body.iter("meter"):
            for function in meter.iter("function"):
                yield Item(
                    meter.get("id", ""), function.get("id", ""), function.get("coding", ""), function.get("error", ""),
                    (function.text or "").strip(),
                )  # fmt: skip


def read(xml: bytes, is_shanghai: bool) -> Question:
    """Raises BadXmlError. In dialect A the type is the operation, in B the class of the message."""
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise BadXmlError(str(error)) from error
    common, *bodies = list(root)
    if root.tag != "root" or common.tag != "common" or len(bodies) != 1:
        raise BadXmlError("not a root with common and one element more")
    operation = bodies[0].get("operation", "")
    kind = common.findtext("type") or ""
    wanted = {"id_validate": "id_validate", "heart_beat": "heart_beat", "data": "energy_data"}
    if kind != (wanted.get(bodies[0].tag) if is_shanghai else operation):
        raise BadXmlError(f"type {kind!r} with {bodies[0].tag}/{operation}")
    return Question(
        operation, common.findtext("building_id") or "", common.findtext("gateway_id") or "", bodies[0]
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the centre says: XML, and dialect B's type byte."""

    xml: bytes
    kind: int


@dataclass(frozen=True, slots=True)
class Voice:
    """A centre's own words to one collector."""

    building: str
    gateway: str
    is_shanghai: bool

    def sequence(self, text: str) -> Answer:
        return self._say("id_validate", "sequence", f"<sequence>{text}</sequence>", "id_validate", LOGIN)

    def result(self, word: str, stamp: str) -> Answer:
        return self._say(
            "id_validate", "result", f"<result>{word}</result><time>{stamp}</time>", "id_validate", LOGIN
        )

    def time(self, stamp: str) -> Answer:
        return self._say("heart_beat", "time", f"<time>{stamp}</time>", "heart_beat", BEAT)

    def ack(self, word: str) -> Answer:
        if self.is_shanghai:
            return self._say("data", "report", f"<ack>{word}</ack>", "energy_data", ENERGY)
        return self._say("report_config", "report_ack", f"<report_ack>{word}</report_ack>", "", 0)

    def continuous_ack(self) -> Answer:
        return self._say("data", "continuous_ack", "", "", 0)

    def record_arrive(self) -> Answer:
        return self._say("supcon", "record_arrive", "", "", 0)

    def query(self) -> Answer:
        return self._say("data", "query", "", "", 0)

    def period(self, minutes: int) -> Answer:
        return self._say("config", "period", f"<period>{minutes}</period>", "", 0)

    def strange(self) -> Answer:
        """An operation of some vendor that no collector of another knows."""
        return self._say("vendor_extension", "auto_history", "<x>1</x>", "vendor", 0xF1)

    def _say(self, element: str, operation: str, inside: str, shanghai_type: str, kind: int) -> Answer:
        kind_text = shanghai_type if self.is_shanghai else operation
        xml = (
            f"{HEAD}<root><common><building_id>{self.building}</building_id><gateway_id>{self.gateway}</gateway_id>"
            f'<type>{kind_text}</type></common><{element} operation="{operation}">{inside}</{element}></root>'
        )
        return Answer(xml.encode(), kind)
