"""What people are shown of one change is what the centre gets."""

from __future__ import annotations

from pathlib import Path

from gateway.uplinks.national.explain import explained
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered
from simulators.centre_frames import Line
from tests.uplinks.national.rig import SECRET, change, interval, missing, rig, site_of, uplink_of


async def test_the_frame_that_is_shown_is_the_one_a_centre_reads(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    (_, xml), (_, frame) = explained(
        site, uplink_of(site), change(5, interval("hvac.energy_import", 1)), SECRET.encode()
    )
    assert b"<sequence>5</sequence>" in xml
    line = Line("mohurd", SECRET.encode())
    assert line.opened(frame[12:-6]).rstrip(b"\0") == xml
    assert int.from_bytes(frame[8:12], "little") == 5


async def test_the_xml_that_is_shown_is_booked_when_it_is_sent(tmp_path: Path) -> None:
    one = change(5, interval("hvac.energy_import", 1))
    async with rig(tmp_path) as found:
        xml = explained(found.site, uplink_of(found.site), one, SECRET.encode())[0][1]
        assert await found.sender.send(Stretch(4, 5, [one])) == Delivered(())
        (report,) = found.centre.ledger.packets.values()
        assert f">{report.items[0].value}</function>".encode() in xml


def test_a_change_that_is_not_told_says_why(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    ((label, data),) = explained(
        site, uplink_of(site), change(1, missing("hvac.energy_import", 1)), SECRET.encode()
    )
    assert "不上传" in label
    assert data == b""
