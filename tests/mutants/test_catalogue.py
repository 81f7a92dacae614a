"""The catalogue fits the code: each bug can be planted, and what comes of it is a program."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import ROOT, Mutant


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own() -> None:
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_shipped_code_and_is_asked_of_tests_that_exist(mutant: Mutant) -> None:
    text = (ROOT / mutant.path).read_text(encoding="utf-8")
    ast.parse(mutant.applied(text))
    for asked in mutant.tests:
        path, _, name = asked.partition("::")
        assert (ROOT / path).exists(), asked
        assert name.partition("[")[0] in (ROOT / path).read_text(encoding="utf-8") if name else True, asked
