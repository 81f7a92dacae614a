"""What one change is on the wire, for people: the plain XML, and the very bytes of its frame. Pure.

The frame is what the sender writes for the change alone; in a stretch with others of the same instant they share one.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_config.site import LoadedSite
from edge_config.uplinks import NationalUplink
from gateway.model import Change
from gateway.uplinks.national import said, text
from gateway.uplinks.national.frames import Frame, written
from gateway.uplinks.national.mapping import mapped_of, speaking_of
from gateway.uplinks.national.packets import Slot, SlotKey, packets, slots_of

NOTHING: Mapping[SlotKey, Slot] = {}


def explained(
    site: LoadedSite,
    uplink: NationalUplink,
    change: Change,
    secret: bytes,
    before: Mapping[SlotKey, Slot] = NOTHING,
) -> list[tuple[str, bytes]]:
    """(label, bytes) in the order in which one becomes the other; a label alone where the change is not told. ``secret`` are
    the 16 bytes of the platform, ``before`` other meters' quarter-hours that sums want."""
    speaking, mapped = speaking_of(site, uplink), mapped_of(site, uplink, uplink.period_min)
    told = packets(slots_of([change], mapped.points), before, mapped)
    if not told:
        reason = "not a quarter-hour of a mapped counter whose register is known, at an instant that is told"
        return [(f"不上传 Not sent: {reason}", b"")]
    (packet,) = told
    xml = said.report(speaking, packet)
    data = text.packed(speaking.dialect, "report", xml, secret)
    kind = int(speaking.dialect.messages["report"].byte or "0", 16)
    frame = written(speaking.dialect.frame, Frame(data, packet.sequence, kind))
    return [("XML 明文 plain XML", xml.encode()), ("帧 frame", frame)]
