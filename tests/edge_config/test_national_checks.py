"""Site files with an uplink of kind national-tcp: what is not mapped is named, and so is a key that is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_config import national_checks
from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from tests.uplinks.national.rig import SITE, site_of

NATIONAL = (
    SITE.replace("DIALECT", "mohurd")
    .replace("DIFFERS", "{}")
    .replace("HOST", "192.0.2.7")
    .replace("PORT", "7202")
)


def sentences(folder: Path, *changes: tuple[str, str], secret: str = "1234567890abcdef") -> list[str]:
    text = NATIONAL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "secret").write_text(secret, "utf-8")
    (folder / "secret").chmod(0o600)
    (folder / "site.yaml").write_text(text, "utf-8")
    try:
        load_site(folder / "site.yaml")
    except SiteProblems as found:
        return [str(problem).replace(f"{folder}/", "") for problem in found.problems]
    return []


def test_a_site_that_is_right_has_nothing_to_say(tmp_path: Path) -> None:
    assert sentences(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            '      hvac-2a: {id: "1004", functions: {energy_import: "1"}}\n', "",
            "uplinks[centre].meters: the meter 'hvac-2a' (01B00) is not mapped, add `hvac-2a: {id: …, functions: {…}}`, or",
        ),
        ("dialect: mohurd", "dialect: mohurt", "uplinks[centre].dialect: no dialect is called 'mohurt', did you mean 'mohurd'?"),
        ("differs: {}", "differs: {auth: {md5: [key]}}", "uplinks[centre].differs.auth"),
        ("differs: {}", "differs: {frame: {hed: x}}", "'hed' is no key of a dialect, see edge_config/dialects/README.md"),
        ("differs: {}", "differs: {names: {good: 0}}", "0 is a number where text belongs, put it in quotes"),
        ("      hvac:", "      hvacc:", "no device has the id 'hvacc', did you mean 'hvac'?"),
        ('energy_import: "1", energy_export', 'energie: "1", energy_export', "acrel-adl400 has no counter 'energie'"),
        ('energy_import: "1", energy_export', 'power: "1", energy_export', "acrel-adl400 has no counter 'power'"),
        ('id: "1003"', 'id: "1002"', "the meter id '1002' is that of 'hvac' already"),
        ('energy_export: "2"', 'energy_export: "1"', "two counters have the same function id"),
        (", energy_code: 01000", "", "the device 'main-e' has no energy code, add `energy_code:` to the device"),
        ('gateway_id: "01"', 'gateway_id: "01"\n    leave_out: [hvac]', "'hvac' is mapped as well, keep one of the two"),
        ('gateway_id: "01"', 'gateway_id: "01"\n    leave_out: [nobody]', "no device has the id 'nobody'"),
        ('gateway_id: "01"', 'gateway_id: "01"\n    only: {periods: [hour]}', "lets no quarter-hour through"),
        ("port: 7202", "port: 72020", "72020 is out of range"),
        ("building_id: 310101A064", "building_id: 310101 A064", "has the wrong form, write letters, digits"),
        ('gateway_id: "01"', 'gateway_id: "01"\n    period_min: 20', "20 is not one of the choices"),
        ("    secret_file: secret\n", "", "uplinks[centre].secret_file: is missing"),
        ("secret_file: secret", "secret_file: nowhere", "nowhere cannot be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_cure(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    found = sentences(tmp_path, (old, new))
    assert any(sentence in one for one in found), found
    assert len(found) == 1, found


@pytest.mark.parametrize(
    ("secret", "wrong"),
    [
        ("short", "holds 5 characters"),
        ("x" * 17, "holds 17 characters"),
        ("密钥密钥密钥密钥", "holds no ASCII text"),
    ],
)
def test_a_secret_that_is_no_key_is_told_without_the_secret(tmp_path: Path, secret: str, wrong: str) -> None:
    (found,) = sentences(tmp_path, secret=secret)
    assert wrong in found
    assert "write the 16 characters the platform gave out" in found
    assert secret not in found


def test_a_library_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(national_checks, "LIBRARIES", ("cryptography", "no_such_library"))
    (found,) = sentences(tmp_path)
    assert "uplinks[centre].kind: needs no_such_library, which is not installed" in found
    assert "campus-gateway[upload-legacy]" in found


def test_a_meter_left_out_by_name_is_left_out(tmp_path: Path) -> None:
    without = ('      hvac-2a: {id: "1004", functions: {energy_import: "1"}}\n', "    leave_out: [hvac-2a]\n")
    assert sentences(tmp_path, without) == []


def test_a_meter_that_staff_adopted_does_not_keep_the_site_from_loading(tmp_path: Path) -> None:
    assert sentences(tmp_path) == []
    (tmp_path / "site.d").mkdir()
    adopted = "{id: new, profile: acrel-adl400, bus: east, unit_id: 9, energy_code: 01000}"
    (tmp_path / "site.d" / "web.yaml").write_text(f"devices:\n  - {adopted}\n")
    site = load_site(tmp_path / "site.yaml")
    assert site.adopted == ("new",)
    assert any("the meter 'new' (01000) is not mapped" in str(warning) for warning in site.warnings)


def test_what_the_filter_holds_back_need_not_be_mapped(tmp_path: Path) -> None:
    without = ('      hvac-2a: {id: "1004", functions: {energy_import: "1"}}\n', "")
    assert (
        sentences(
            tmp_path, without, ('gateway_id: "01"', 'gateway_id: "01"\n    only: {quantities: [water]}')
        )
        == []
    )


def test_the_plan_shows_where_it_goes_and_how_it_speaks(tmp_path: Path) -> None:
    site_of(tmp_path)
    command = [sys.executable, "-m", "gateway.cli", "check", str(tmp_path / "site.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "centre  national-tcp  127.0.0.1:7202 (mohurd, 310101A064/01)  everything" in done.stdout
