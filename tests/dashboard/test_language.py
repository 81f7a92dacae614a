"""One catalogue, whole in both languages, and no word outside it."""

from __future__ import annotations

import re
import string
from pathlib import Path

import dashboard
from dashboard.language import Language, catalogue, choose

ROOT = Path(dashboard.__file__).parent
TEMPLATES = ROOT / "templates"
SCRIPTS = ROOT.parent / "frontend" / "src"
HAN = re.compile(r"[\u3400-\u9fff]")


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    assert zh.keys() == en.keys()
    for key, words in zh.items():
        assert _fields(words) == _fields(en[key]), key


def _fields(words: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(words) if field is not None}


def test_no_template_or_script_holds_bare_chinese() -> None:
    files = [*TEMPLATES.glob("*.html"), *SCRIPTS.glob("*.js")]
    assert len(files) > 15
    assert [file.name for file in files if HAN.search(file.read_text(encoding="utf-8"))] == []


def test_english_words_hold_no_chinese_but_the_name_of_the_language() -> None:
    assert [key for key, words in catalogue("en").items() if HAN.search(words)] == ["nav.other_language"]


def test_every_key_that_is_written_out_in_code_or_template_exists() -> None:
    sources = [*TEMPLATES.glob("*.html"), *ROOT.rglob("*.py")]
    asked = {
        key
        for source in sources
        for key in re.findall(r'(?:\bt|words|language)\("([a-z0-9_.]+)"', source.read_text(encoding="utf-8"))
        if not key.endswith(".")
    }
    assert len(asked) > 100
    assert asked - catalogue("zh").keys() == set()


def test_the_address_wins_over_the_cookie_and_chinese_is_the_default() -> None:
    assert choose("en", "zh") == Language("en")
    assert choose(None, "en") == Language("en")
    assert choose("fr", None) == Language("zh")
