"""YAML as an installer writes it: words stay words, every value has its place, mistakes have a cure, bombs have none (S20)."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_config.problems import Mark, SiteProblems
from edge_config.yaml_marks import Document, parse


def value(text: str) -> object:
    found = parse(f"key: {text}\n", "f.yaml").data
    assert isinstance(found, dict)
    return found["key"]


@pytest.mark.parametrize(
    "word",
    ["no", "yes", "on", "off", "N", "2026-09-01", "1:30", "010", "01E00", "1_000", "00000012345678", "0o17"],
)
def test_a_word_stays_a_word(word: str) -> None:
    assert value(word) == word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("", None),
        ('"12"', "12"),
    ],
)
def test_numbers_booleans_and_nothing_are_read(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_every_value_and_key_has_its_line_and_column() -> None:
    document = parse("a:\n  - {b: 1, c: 2}\n", "f.yaml")
    assert document.mark(("a", 0, "c")) == Mark(2, 15)
    assert document.key_mark(("a", 0, "c")) == Mark(2, 12)
    assert document.mark(("a", 0, "not", "there")) == Mark(2, 5)


def test_an_entry_is_named_by_its_id() -> None:
    document = parse("devices:\n  - {id: main, unit_id: 1}\n  - {unit_id: 2}\n", "f.yaml")
    assert document.name(("devices", 0, "unit_id")) == "devices[main].unit_id"
    assert document.name(("devices", 1, "unit_id")) == "devices[2].unit_id"


def test_a_key_written_twice_names_both_lines() -> None:
    document = parse("a: 1\nb: 2\na: 3\n", "f.yaml")
    assert [str(problem) for problem in document.problems] == [
        "f.yaml:3:1: a: is written twice (first in line 1), keep one of the two"
    ]
    assert document.data == {"a": 1, "b": 2}


def problems(text: str) -> list[str]:
    with pytest.raises(SiteProblems) as caught:
        parse(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_each_tab_in_the_indentation_is_named_with_its_cure() -> None:
    found = problems("a:\n\tb: 1\n\tc: 2\n")
    assert [text.split(": ")[0] for text in found] == ["f.yaml:2:1", "f.yaml:3:1"]
    assert "indent with spaces" in found[0]


def test_a_tab_where_yaml_allows_it_is_no_problem() -> None:
    assert parse("b: |\n  x\ty\n", "f.yaml").data == {"b": "x\ty\n"}


@pytest.mark.parametrize(
    ("text", "place", "cure"),
    [
        ("", "f.yaml:1:1", "docs/site-file.md"),
        ("# only a comment\n", "f.yaml:1:1", "docs/site-file.md"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:2", "bracket"),
        ("a:\t1\n\tb: 2\n", "f.yaml:2:1", "spaces"),
        ("a: 1\t# one\n", "f.yaml:1:5", "replace the tab"),
        ("a: b: c\n", "f.yaml:1:5", "quotes"),
        ("a: 'open\n", "f.yaml:2:1", "close the quote"),
        ("a: *nowhere\n", "f.yaml:1:4", "begins with *"),
        ("a: @home\n", "f.yaml:1:4", "quotes"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1", "one document"),
        ("a: 1\nb: \x07\n", "f.yaml:2:4", "delete it"),
        ("[" * 3000, "f.yaml:1:1", "levels"),
        ("a: &a [*a]\n", "f.yaml:1:4", "levels"),
    ],
)
def test_what_is_not_yaml_is_named_with_its_place_and_a_cure(text: str, place: str, cure: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"{place}: ")
    assert cure in found


def test_a_tag_or_a_list_as_a_key_constructs_nothing() -> None:
    document = parse("a: !!python/object/apply:os.getcwd []\n? [1, 2]\n: b\n", "f.yaml")
    assert document.data == {"a": []}
    assert parse("a: !secret x\n", "f.yaml").problems[0].wrong == "has the tag '!secret'"
    assert [problem.wrong for problem in document.problems] == ["has a list or mapping as a key"]


@given(st.text(max_size=60))
def test_any_text_gives_a_document_or_problems_and_never_another_error(text: str) -> None:
    with contextlib.suppress(SiteProblems):
        assert isinstance(parse(text, "f.yaml"), Document)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "9" * 5000,
        "a: 0x" + "f" * 5000,
        "a: 1e999",
        "a: -" + "9" * 400 + ".0",
        "? " + "9" * 5000 + "\n: 1e999",
    ],
    ids=["digits", "hexadecimal", "infinite", "long", "key"],
)
def test_s20_a_number_without_end_is_a_problem_with_its_place(text: str) -> None:
    problems = parse(text, "site.yaml").problems
    assert [problem.line for problem in problems] in ([1], [2])
    assert "too long or too large" in problems[0].wrong


def _bomb() -> str:
    """Nine lists of nine, each of the one before: 3.5 thousand million entries in 400 bytes."""
    names = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{this}: &{this} [{', '.join([f'*{last}'] * 9)}]" for last, this in pairwise(names)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text", [_bomb(), "a: &a [*a]", "a: &a {b: *a}", "[" * 5000], ids=["bomb", "itself", "mapping", "deep"]
)
def test_s20_aliases_are_counted_as_what_they_stand_for(text: str) -> None:
    with pytest.raises(SiteProblems, match="nested too deeply or holds too much"):
        parse(text, "site.yaml")
