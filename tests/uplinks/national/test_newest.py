"""The answer to a centre's query: what the buffer holds, each register with its own time, doubt told as doubt."""

from __future__ import annotations

from pathlib import Path

from gateway.query.views import Latest
from gateway.uplinks.national import said
from gateway.uplinks.national.mapping import mapped_of, speaking_of
from gateway.uplinks.national.newest import newest, packet_of
from tests.uplinks.national.rig import NOW, RigClock, site_of, uplink_of


def latest(point: str, value: float | None, *, quality: str = "good", is_delayed: bool = False) -> Latest:
    return Latest(
        point, point.partition(".")[0], None, "active_energy_import", "kWh", value, quality, None,
        None if value is None else NOW - 8000, 10.0, is_delayed, "", "",
    )  # fmt: skip


def test_registers_go_with_their_own_times_and_what_is_old_or_doubtful_as_estimates(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    uplink = uplink_of(site)
    found = [
        latest("main-e.energy_import", 13362.2),
        latest("main-e.energy_export", None, quality="bad"),
        latest("hvac.energy_import", 12.0, is_delayed=True),
        latest("hvac-2.energy_import", 13.5, quality="uncertain"),
    ]
    packet = packet_of(found, mapped_of(site, uplink, 15), 339822, NOW)
    xml = said.reply(speaking_of(site, uplink), packet)
    assert (
        '<data operation="reply"><sequence>339822</sequence><parse>yes</parse><time>20261122140000</time>'
        in xml
    )
    assert (
        '<meter id="1001" conn="conn"><function id="1" coding="01000" error="192" sample_time="20261122135952">13362.2'
        "</function></meter>" in xml
    )
    assert '<function id="1" coding="01B00" error="64" sample_time="20261122135952">12</function>' in xml
    assert xml.count("<function") == 3


async def test_a_buffer_that_is_not_there_yet_has_no_registers(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    packet = await newest(site, RigClock(), mapped_of(site, uplink_of(site), 15), 1)
    assert packet is not None
    assert packet.meters == ()


async def test_a_buffer_that_cannot_be_read_leaves_the_query_without_reply(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    site.buffer_path.write_bytes(b"this is no database" * 1000)
    assert await newest(site, RigClock(), mapped_of(site, uplink_of(site), 15), 1) is None
