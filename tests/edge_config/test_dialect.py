"""Dialects of the national protocol as data: they load, say what is not certain, and differ key by key."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge_config import dialect


@pytest.mark.parametrize("name", dialect.names())
def test_a_dialect_loads_carries_examples_and_says_what_is_configuration(name: str) -> None:
    found = dialect.load(name)
    assert found.examples
    assert found.checked
    assert found.configured
    assert any("一" <= letter <= "鿿" for letter in found.title)


def test_the_field_s_dialects_are_all_there() -> None:
    assert {"mohurd", "mohurd-swapped", "mohurd-bare", "shanghai"} <= set(dialect.names())


def test_a_change_leaves_the_keys_beside_it() -> None:
    found = dialect.with_changes("mohurd", {"cipher": {"pad": "spaces"}, "names": {"parse": "parser"}})
    plain = dialect.load("mohurd")
    assert found.cipher is not None
    assert (found.cipher.pad, found.cipher.iv) == ("spaces", "key")
    assert (found.names.parse, found.names.building) == ("parser", "building_id")
    assert found.frame == plain.frame


def test_a_variant_is_its_base_but_for_what_it_names() -> None:
    base, swapped = dialect.load("mohurd"), dialect.load("mohurd-swapped")
    assert swapped.messages == base.messages
    assert (swapped.frame.head, swapped.frame.tail) == (base.frame.tail, base.frame.head)


@pytest.mark.parametrize(
    "wrong",
    [
        {"frame": {"hed": "6868"}},
        {"frame": {"head": "6868161"}},
        {"frame": {"sequence_order": None}},
        {"frame": {"length_counts": ["sequence"]}},
        {"auth": {"md5": ["key"]}},
        {"cipher": {"pad": "none"}},
        {"receipt": {"report": "thanks"}},
        {"messages": {"request": {"type": "request"}, "hello": {"type": "x"}}},
    ],
)
def test_a_change_that_fits_nowhere_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        dialect.with_changes("mohurd", wrong)


def test_a_dialect_nobody_wrote_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        dialect.load("../../etc/passwd")


def test_each_receipt_rule_is_what_the_page_shows() -> None:
    assert dialect.load("mohurd").has_receipt
    assert not dialect.with_changes("mohurd", {"receipt": {"report": None}}).has_receipt
