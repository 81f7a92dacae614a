"""What people are shown of one change is what the centre gets."""

from __future__ import annotations

from pathlib import Path

from gateway.uplinks.national.explain import explained
from gateway.uplinks.national.sender import NationalSender
from gateway.uplinks.sender import Stretch, probed
from gateway.uplinks.sender import explained as explained_by
from gateway.uplinks.verdict import Delivered
from simulators.centre_frames import Line
from tests.ports import free_port
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


async def test_a_sender_shows_its_bytes_and_probes_without_a_login(tmp_path: Path) -> None:
    one = change(5, interval("hvac.energy_import", 1))
    async with rig(tmp_path) as found:
        logins = len(found.centre.faults), found.sender.link.connections
        quiet = NationalSender(uplink_of(found.site), found.speaker)
        assert explained_by(quiet, one) == explained(found.site, uplink_of(found.site), one, SECRET.encode())
        probe = await probed(quiet)
        assert probe is not None
        assert probe.is_well, probe.answer
        assert quiet.link.connections == 0
        assert (len(found.centre.faults), found.sender.link.connections) == logins
        assert found.centre.ledger.packets == {}


async def test_a_port_where_nobody_listens_and_a_key_that_is_missing_are_said(tmp_path: Path) -> None:
    async with rig(tmp_path) as found:
        uplink = uplink_of(found.site)
        for changed, says in (
            ({"port": free_port()}, "没有应答"),
            ({"secret_file": str(tmp_path / "no")}, "密钥"),
        ):
            probe = await probed(NationalSender(uplink.model_copy(update=changed), found.speaker))
            assert probe is not None
            assert not probe.is_well
            assert says in probe.answer
        ((label, _),) = explained_by(
            NationalSender(uplink.model_copy(update={"secret_file": "no"}), found.speaker),
            change(5, interval("hvac.energy_import", 1)),
        )
        assert "密钥" in label
