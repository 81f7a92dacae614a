"""The one catalogue of words: every string a page shows, in Chinese and English, by the same keys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

Code = Literal["zh", "en"]
CODES: tuple[Code, ...] = ("zh", "en")
HTML_LANG: dict[Code, str] = {"zh": "zh-CN", "en": "en"}


@cache
def catalogue(code: Code) -> dict[str, str]:
    text = (resources.files("dashboard") / "i18n" / f"{code}.json").read_text(encoding="utf-8")
    words: dict[str, str] = json.loads(text)
    return words


@dataclass(frozen=True, slots=True)
class Language:
    code: Code

    @property
    def html(self) -> str:
        return HTML_LANG[self.code]

    def __call__(self, key: str, /, **values: object) -> str:
        """The words under ``key`` with ``{names}`` filled in; KeyError for a key that is not in the catalogue."""
        words = catalogue(self.code)[key]
        return words.format(**values) if values else words

    def has(self, key: str) -> bool:
        return key in catalogue(self.code)

    def pick(self, zh: str, en: str) -> str:
        """One of two names that came with the data; the other when it is empty."""
        return (zh or en) if self.code == "zh" else (en or zh)


def choose(asked: str | None, remembered: str | None) -> Language:
    """The address wins over the cookie; anything else is Chinese."""
    for code in (asked, remembered):
        if code in CODES:
            return Language(code)
    return Language("zh")
