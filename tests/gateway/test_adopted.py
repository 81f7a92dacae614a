"""Devices that staff adopt join a running site, once, and nothing else of the files does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_config import web_file
from edge_config.loader import load_site
from edge_config.site import LoadedSite
from gateway.adopted import Adopted

BOX = {"id": "box-2", "profile": "zigbee2mqtt-air", "broker": "local", "topic": "site/box-2"}
TEXT = """\
site: {id: s, name: S}
gateway: {id: gw-1}
brokers:
  - {id: local, host: 127.0.0.1}
"""


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> LoadedSite:
    path = tmp_path / "site.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return load_site(path)


def adopt(site: LoadedSite, *entries: dict[str, str]) -> None:
    web_file.write(site.web_path, web_file.text_with(entries))


def test_a_site_without_the_file_stays_the_very_same(site: LoadedSite) -> None:
    assert Adopted().grown(site) is site


def test_a_device_joins_once_and_one_adopted_before_the_start_is_not_missed(site: LoadedSite) -> None:
    adopt(site, BOX)
    adopted = Adopted()
    grown = adopted.grown(site)
    assert grown.adopted == ("box-2",)
    assert adopted.grown(grown) is grown
    assert Adopted().grown(grown) is grown


def test_a_change_within_one_tick_of_the_file_systems_clock_is_seen(site: LoadedSite) -> None:
    adopt(site, BOX)
    adopted, stamp = Adopted(), site.web_path.stat()
    grown = adopted.grown(site)
    adopt(site, BOX, {**BOX, "id": "box-3", "topic": "site/box-3"})
    os.utime(site.web_path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert adopted.grown(grown).adopted == ("box-2", "box-3")


def test_what_the_installer_edits_waits_for_the_next_start(site: LoadedSite) -> None:
    site.path.write_text(
        TEXT + "devices:\n  - {id: box-1, profile: zigbee2mqtt-air, broker: local, topic: x}\n", "utf-8"
    )
    adopt(site, BOX)
    assert set(Adopted().grown(site).devices) == {"box-2"}


def test_a_file_that_does_not_load_takes_nothing_away_and_is_tried_again(site: LoadedSite) -> None:
    adopted = Adopted()
    adopt(site, BOX)
    site.path.write_text(TEXT + "devices: 7\n", encoding="utf-8")
    assert adopted.grown(site) is site
    site.path.write_text(TEXT, encoding="utf-8")
    assert adopted.grown(site).adopted == ("box-2",)
