"""site.d/web.yaml and mappings join the site file, override nothing in it, and keep their own file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_config import web_file
from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from gateway.cli.check import check

SITE = """\
site: {id: s, name: 测试学校}
gateway: {id: gw-1}
spaces: [{id: a-101, name: "101", kind: classroom}]
brokers: [{id: local, host: 127.0.0.1, discover: [zigbee2mqtt, homeassistant]}]
devices:
  - {id: air-101, profile: zigbee2mqtt-air, broker: local, topic: zigbee2mqtt/air-101, space: a-101}
"""
BOX = {
    "id": "box-2",
    "profile": "zigbee2mqtt-air",
    "broker": "local",
    "topic": "site/box-2",
    "space": "a-101",
}


def site(folder: Path, more: str = "", *, web: str | None = None) -> Path:
    (folder / "site.yaml").write_text(SITE + more, encoding="utf-8")
    if web is not None:
        web_file.write(folder / "site.d" / "web.yaml", web)
    return folder / "site.yaml"


def wrong_in(path: Path) -> list[str]:
    with pytest.raises(SiteProblems) as found:
        load_site(path)
    return [str(one).removeprefix(f"{path.parent}/") for one in found.value.problems]


def test_adopted_devices_join_those_of_the_installer(tmp_path: Path) -> None:
    loaded = load_site(site(tmp_path, web=web_file.text_with([BOX])))
    assert [device.id for device in loaded.file.devices] == ["air-101", "box-2"]
    assert (loaded.adopted, loaded.warnings) == (("box-2",), ())


def test_check_names_the_adopted_devices(tmp_path: Path) -> None:
    done = CliRunner().invoke(check, [str(site(tmp_path, web=web_file.text_with([BOX])))])
    assert done.exit_code == 0
    assert done.output.rstrip().endswith("site.d/web.yaml: box-2")


@pytest.mark.parametrize("change", [{"id": "air-101"}, {"topic": "zigbee2mqtt/air-101"}])
def test_the_installers_word_stands_over_an_adopted_device(tmp_path: Path, change: dict[str, str]) -> None:
    loaded = load_site(site(tmp_path, web=web_file.text_with([{**BOX, **change}])))
    assert [device.id for device in loaded.file.devices] == ["air-101"]
    assert loaded.adopted == ()
    (warning,) = loaded.warnings
    assert "is in the site file too, which wins" in str(warning)
    assert warning.file.endswith("web.yaml")


def test_a_mistake_in_the_web_file_names_that_file_and_line(tmp_path: Path) -> None:
    path = site(tmp_path, web=web_file.text_with([{**BOX, "space": "nowhere"}]))
    (said,) = wrong_in(path)
    assert said.startswith("site.d/web.yaml:7:")
    assert "devices[box-2].space: no space has the id 'nowhere'" in said


@pytest.mark.parametrize(
    "web", ["devices: 7\n", "spaces: []\ndevices: []\n", "devices: [x]\n", "devices: [\n"]
)
def test_a_web_file_of_another_shape_is_refused(tmp_path: Path, web: str) -> None:
    (said,) = wrong_in(site(tmp_path, web=web))
    assert said.startswith("site.d/web.yaml:")


def test_a_mapping_stands_for_a_device_of_each_name(tmp_path: Path) -> None:
    more = "mappings:\n  - {broker: local, topic: site/+/air, profile: zigbee2mqtt-air, names: {b-1: a-101, b-2: }}\n"
    loaded = load_site(site(tmp_path, more))
    found = {device.id: (device.topic, device.space) for device in loaded.file.devices[1:]}
    assert found == {"b-1": ("site/b-1/air", "a-101"), "b-2": ("site/b-2/air", None)}
    assert loaded.adopted == ()


def test_mistakes_in_a_mapping_are_at_their_names_in_the_site_file(tmp_path: Path) -> None:
    more = (
        "mappings:\n  - {broker: local, topic: site/air, profile: zigbee2mqtt-air, names: {air-101: gone}}\n"
    )
    said = wrong_in(site(tmp_path, more))
    assert any(
        one.startswith("site.yaml:8:28: mappings[1].topic") and "one + in the place" in one for one in said
    )
    assert any("the id 'air-101' is used twice" in one for one in said)


def test_certificate_and_key_go_together_and_must_be_there(tmp_path: Path) -> None:
    path = site(tmp_path)
    text = path.read_text(encoding="utf-8").replace(
        "host: 127.0.0.1,", "host: h, ca_file: gone.crt, cert_file: gone2.crt,"
    )
    path.write_text(text, encoding="utf-8")
    said = wrong_in(path)
    assert any("cert_file: stands without `key_file`" in one for one in said)
    assert any("gone.crt cannot be read" in one for one in said)
    assert any("gone2.crt cannot be read" in one for one in said)


def test_f44_the_web_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site.d" / "web.yaml"
    web_file.write(path, "old\n")
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    web_file.write(path, "new\n")
    assert path.read_text(encoding="utf-8") == "new\n"
    assert synced == ["web.yaml.new", "site.d", tmp_path.name]

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        web_file.write(path, "newest\n")
    assert path.read_text(encoding="utf-8") == "new\n"
