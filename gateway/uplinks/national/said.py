"""Our messages as XML, in the words of a dialect. Pure.

Every element is closed in full, for there are centres that search the text; times are 14 digits of the site's local time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring  # nothing is parsed here
from zoneinfo import ZoneInfo

from edge_config.dialect import Dialect, Word
from gateway.uplinks.national.packets import Meter, Packet

DECLARED = {"utf-8": "utf-8", "gb2312": "gb2312", "utf-16-le": "utf-16"}


@dataclass(frozen=True, slots=True)
class Speaking:
    """As whom we speak, and how."""

    dialect: Dialect
    building: str
    gateway: str
    zone: ZoneInfo

    def stamp(self, ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, self.zone).strftime("%Y%m%d%H%M%S")


def request(speaking: Speaking) -> str:
    root, element = _message(speaking, "request")
    element.attrib.update(speaking.dialect.auth.attributes)
    return _text(speaking, root)


def md5(speaking: Speaking, digest: str) -> str:
    root, element = _message(speaking, "md5")
    element.attrib.update(speaking.dialect.auth.attributes)
    SubElement(element, "md5").text = digest
    return _text(speaking, root)


def notify(speaking: Speaking) -> str:
    return _text(speaking, _message(speaking, "notify")[0])


def period_ack(speaking: Speaking) -> str:
    root, element = _message(speaking, "period_ack")
    SubElement(element, "period")
    return _text(speaking, root)


def report(speaking: Speaking, packet: Packet) -> str:
    return _data(speaking, "report", packet, None)


def continuous(speaking: Speaking, packet: Packet, total: int, current: int) -> str:
    """One of ``total`` packets that waited; ``current`` counts from 1. Its time stays that of the registers."""
    return _data(speaking, "continuous", packet, (total, current))


def reply(speaking: Speaking, packet: Packet) -> str:
    """The newest registers known, for a centre that asks."""
    return _data(speaking, "reply", packet, None)


def _message(speaking: Speaking, word: Word) -> tuple[Element, Element]:
    shape = speaking.dialect.messages[word]
    root = Element("root")
    common = SubElement(root, "common")
    SubElement(common, speaking.dialect.names.building).text = speaking.building
    SubElement(common, "gateway_id").text = speaking.gateway
    SubElement(common, "type").text = shape.type
    return root, SubElement(root, shape.element, operation=shape.operation)


def _text(speaking: Speaking, root: Element) -> str:
    declared = DECLARED[speaking.dialect.encoding]
    body = tostring(root, "unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="{declared}"?>\n{body}'


def _data(speaking: Speaking, word: Word, packet: Packet, resumed: tuple[int, int] | None) -> str:
    dialect = speaking.dialect
    root, data = _message(speaking, word)
    if dialect.body.sequence:
        SubElement(data, "sequence").text = str(packet.sequence)
    if dialect.names.parse is not None:
        SubElement(data, dialect.names.parse).text = "yes"
    SubElement(data, "time").text = speaking.stamp(packet.at_ms)
    if resumed is not None:
        SubElement(data, "total").text, SubElement(data, "current").text = map(str, resumed)
    if dialect.body.energy_items:
        items = SubElement(data, "energy_items")
        for code, value in packet.energy:
            SubElement(items, "energy_item", code=code).text = value
        data = SubElement(data, "meters", total=str(len(packet.meters)))
    _meters(speaking, data, packet.meters)
    return _text(speaking, root)


def _meters(speaking: Speaking, parent: Element, meters: Sequence[Meter]) -> None:
    names, body = speaking.dialect.names, speaking.dialect.body
    for meter in meters:
        element = SubElement(parent, "meter", id=meter.meter)
        if body.name:
            element.set("name", meter.name)
        if body.conn:
            element.set("conn", "conn")
        for function in meter.functions:
            item = SubElement(element, "function", id=function.function)
            if body.coding:
                item.set("coding", function.code)
            item.set("error", names.estimated if function.is_estimated else names.good)
            if body.sample_time:
                item.set("sample_time", speaking.stamp(function.at_ms))
            item.text = function.value
