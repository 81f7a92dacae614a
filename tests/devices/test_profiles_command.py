"""``campus-gateway profiles`` says what there is, and names every mistake of a profile in a sentence with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devices import profile
from gateway.cli.profiles import packaged_files, problems_of, profiles
from gateway.errors import ConfigError

SOUND = """\
profile: test-meter
maker: {en: Test}
models: [T1]
title: {en: Test meter, zh: 试验表}
wire: modbus
source: test
points:
  volume: {quantity: water_volume, address: 0, type: u32, scale: 0.001}
examples:
  - name: one litre
    registers: {0x0000: [0, 1]}
    readings: {volume: 0.001}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(profiles, list(arguments))


def mistakes(folder: Path, text: str, name: str = "test-meter.yaml") -> list[str]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return [str(problem).removeprefix(f"{path}:") for problem in problems_of(path)]


def test_list_names_every_profile_with_maker_wire_titles_and_points() -> None:
    lines = run("list").output.splitlines()
    assert [line.split()[0] for line in lines] == profile.names()
    growatt = next(line for line in lines if line.startswith("growatt"))
    assert all(
        word in growatt for word in ("modbus", "Growatt", "Solar inverter", "光伏逆变器", "energy_yield")
    )


def test_show_prints_registers_with_address_type_ratio_and_unit() -> None:
    output = run("show", "chint-dtsu666").output
    assert "0x101E (4126), function 3" in output
    assert "f32 ABCD × 0.0001 × CT × PT" in output
    assert "kWh" in output
    assert "note:" in output


def test_show_prints_fields_with_topic_path_and_words() -> None:
    assert "/SENSOR ENERGY.Power" in run("show", "tasmota-uv-lamp").output
    assert "open=1, closed=0" in run("show", "disinfection-cabinet").output
    assert "/sensor/temperature/state" in run("show", "esphome-cold").output


@pytest.mark.parametrize("name", profile.names())
def test_show_works_for_every_profile(name: str) -> None:
    assert run("show", name).exit_code == 0


def test_show_of_an_unknown_name_says_which_is_near() -> None:
    result = run("show", "chint-dtsu66")
    assert isinstance(result.exception, ConfigError)
    assert "did you mean 'chint-dtsu666'?" in str(result.exception)


def test_check_without_files_finds_all_packaged_profiles_right() -> None:
    result = run("check")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(packaged_files()) == len(profile.names())


def test_check_of_a_wrong_file_prints_each_mistake_and_fails(tmp_path: Path) -> None:
    path = tmp_path / "test-meter.yaml"
    path.write_text(SOUND.replace("address: 0", "adress: 0"), encoding="utf-8")
    result = run("check", str(path))
    assert result.exit_code == 1
    assert "points.volume.address: is missing" in result.output
    assert "points.volume.adress: is not a key of this place, did you mean 'address'?" in result.output
    assert isinstance(result.exception, ConfigError)
    assert "1 of 1 profiles" in str(result.exception)


def test_a_sound_file_has_no_mistakes(tmp_path: Path) -> None:
    assert mistakes(tmp_path, SOUND) == []


@pytest.mark.parametrize(
    ("written", "instead", "sentence"),
    [
        ("models: [T1]", "models: [T1]\ncolour: red", "4:1: colour: is not a key of this place"),
        ("u32", "u31", "8:54: points.volume.type: "),
        ("water_volume", "watter", "8:11: points.volume: unknown quantity 'watter', known are "),
        (
            "wire: modbus",
            "wire: pigeon",
            "5:7: wire: 'pigeon' is no wire of a profile, write `wire: modbus or mqtt",
        ),
        ("wire: modbus\n", "", "1:1: wire: None is no wire of a profile"),
        ("scale: 0.001", "scale: 1, scale: 2", "8:69: points.volume.scale: is written twice"),
        (
            "scale: 0.001",
            "width: 8, rollover: 9",
            "8:11: points.volume: gives both width and rollover, keep the one",
        ),
        ("{volume: 0.001}", "{volume: 0.002}", "says 0.002, decodes to 0.001"),
        ("[0, 1]", "[0, 70000]", "says nothing, decodes to u32 is 2 words of 16 bits"),
        ("test-meter\n", "other-meter\n", "1:10: profile: 'other-meter' is not the file's name"),
        ("models: [T1]", "models: [T1", "not YAML"),
        ("    registers", "\tregisters", "a tab in the indentation"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_place(
    tmp_path: Path, written: str, instead: str, sentence: str
) -> None:
    assert written in SOUND
    found = mistakes(tmp_path, SOUND.replace(written, instead))
    assert any(sentence in one for one in found), found


def test_a_profile_without_examples_is_a_mistake(tmp_path: Path) -> None:
    found = mistakes(tmp_path, SOUND[: SOUND.index("examples:")])
    assert found == ["1:1: examples: is missing, add the line `examples: …` to this entry"]


@pytest.mark.parametrize("text", ["", "- a\n", "word\n", "{" * 100, "a: &a [1]\nb: [*a, *a]\n", "\x00"])
def test_what_is_no_profile_at_all_is_a_sentence_too(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text)


def test_a_file_that_is_not_there_is_a_sentence_too(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "none.yaml")
    assert "no such file" in str(problem)


def test_show_prints_what_a_number_of_several_registers_is_made_of() -> None:
    output = run("show", "sunspec-inverter").output
    assert "i16 ABCD × 0.001 × 10^(i16 at 40084), if 101..103 at 40069" in output
    assert "known by: 0x9C85 (40069), function 3: u16, one of 101, 102, 103" in output
    assert "SunSpec block of model 101, 102, 103" in output
    assert "i32 CDAB × 1 + f32 at 10 × 1, if 82..82 at 91 bits 8-15" in run("show", "tuf-2000m-water").output


@pytest.mark.parametrize("wire", ["modbus", "mqtt"])
def test_a_new_profile_is_open_only_where_its_writer_must_look_things_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wire: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("new", "my-device", "--wire", wire).exit_code == 0
    path = tmp_path / "my-device.yaml"
    text = path.read_text(encoding="utf-8")
    assert {problem.key.rpartition(".")[2] for problem in problems_of(path)} <= {"source", "address", "path"}
    filled = text.replace("source: ", "source: sheet ").replace("path: ", "path: air.co2 ")
    filled = filled.replace("address:  ", "address: 0  ", 1).replace("address:\n", "address: 10\n", 1)
    path.write_text(filled, encoding="utf-8")
    assert problems_of(path) == []


def test_a_new_profile_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("precious", encoding="utf-8")
    assert isinstance(run("new", "mine").exception, ConfigError)
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("name", ["../mine", "Mine", "m", "a b", "x" * 49])
def test_a_name_that_no_profile_may_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(run("new", name).exception, ConfigError)
    assert list(tmp_path.iterdir()) == []


def test_the_schema_is_printed_as_json_and_names_every_wire() -> None:
    schema = json.loads(run("schema").output)
    assert set(schema["discriminator"]["mapping"]) == set(profile.SHAPES)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("models: [" + ", ".join(["&a [" + "x, " * 60 + "x]", *["*a"] * 9]) + "]", "models"),
        ("models: &m [*m]", "nested too deeply"),
        ("models: [2026-13-45]", "holds what cannot be read"),
        ("models: [" + "9" * 5000 + "]", "too long or too large"),
        ("models: [0b" + "1" * 20_000 + "_1]", "cannot be read"),
    ],
    ids=["aliases", "itself", "date", "digits", "binary"],
)
def test_s20_a_profile_from_a_stranger_is_refused_in_words(tmp_path: Path, written: str, wrong: str) -> None:
    said = mistakes(tmp_path, SOUND.replace("models: [T1]", written))
    assert any(wrong in one for one in said), said
