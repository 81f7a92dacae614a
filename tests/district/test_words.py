from __future__ import annotations

import re
from pathlib import Path

import pytest

import district
from district.contract.answers import Trouble
from district.pages.reader import Reader
from district.pages.words import WORDS

BY_GATEWAYS = (
    "kind_",
    "gap_",
    "code_",
    "item_",
    "level_",
    "check_",
    "content_",
    "apart_",
    "statement_",
    "trouble_",
    "cure_",
    "refused_",
    "remedy_",
    "state_",
)
"""Words whose name is put together with what a gateway, a rule or a district above said."""
OF_GATEWAYS_ALONE = {Trouble.FOLDER, Trouble.NAME, Trouble.TLS}
"""A relay says no_answer, and why in a sentence, where a gateway tells these apart."""
ROOM = Path(district.__file__).parent


@pytest.mark.parametrize("name", WORDS)
def test_both_languages_have_the_same_places(name: str) -> None:
    zh, en = WORDS[name]
    assert zh
    assert en
    assert sorted(re.findall(r"\{\w+\}", zh)) == sorted(re.findall(r"\{\w+\}", en))


def test_no_word_is_left_over() -> None:
    files = [*ROOM.rglob("*.py"), *ROOM.rglob("*.html")]
    text = "".join(path.read_text(encoding="utf-8") for path in files if not path.name.startswith("words"))
    unused = [name for name in WORDS if not re.search(rf"['\"]{re.escape(name)}['\"]", text)]
    assert [name for name in unused if not name.startswith(BY_GATEWAYS)] == []


@pytest.mark.parametrize("trouble", sorted(set(Trouble) - OF_GATEWAYS_ALONE))
def test_every_trouble_has_its_cause_and_its_cure(trouble: Trouble) -> None:
    assert WORDS[f"trouble_{trouble}"]
    assert WORDS[f"cure_{trouble}"]


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "—"), (0.00001, "<0.1%"), (0.001, "0.1%"), (0.5, "50.0%"), (1.0, "100.0%")]
)
def test_a_share_that_is_there_is_never_rounded_to_nothing(share: float | None, shown: str) -> None:
    assert Reader("zh", 0).share(share) == shown
    assert Reader("zh", 0).shown(share) == (share is not None)


def test_reasons_and_codes_are_words_where_we_know_them_and_what_came_where_not() -> None:
    reader = Reader("en", 0)
    assert reader.reason("tail_lost 4-7") == "The last stretch of the buffer was lost"
    assert reader.reason("aliens") == "aliens"
    assert (reader.code("01B2E"), reader.code("01000"), reader.code("02A00"), reader.code("99000")) == (
        "Air conditioning", "Electricity", "Water", "99000"
    )  # fmt: skip
    assert (reader.kind("primary"), reader.kind(None), reader.kind("academy")) == (
        "Primary", "kind not given", "academy"
    )  # fmt: skip
