"""Colours can be read in both themes, and the style sheet asks nothing of anybody else."""

from __future__ import annotations

import re

import pytest

from dashboard.assets import STATIC

CSS = (STATIC / "app.css").read_text(encoding="utf-8")
TEXT_ON = [
    *((ink, ground) for ink in ("ink", "ink-2", "link") for ground in ("page", "card")),
    *((state, f"{state}-bg") for state in ("ok", "warn", "alarm", "off")),
    *((state, "card") for state in ("ok", "warn", "alarm", "off")),
    *(("ink", f"g{n}") for n in (1, 2, 3, 9)),
    ("ink-2", "rest"), ("g4-ink", "g4"), ("on-accent", "accent"),
]  # fmt: skip
GRAPHICS = ("electricity", "water", "heat", "solar", "air", "canteen", "disinfection", "base")


def tokens(theme: str) -> dict[str, str]:
    """The variables of a theme; dark ones stand over the light ones."""
    light = re.search(r":root \{(.*?)\n\}", CSS, re.DOTALL)
    dark = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', CSS, re.DOTALL)
    assert light is not None
    assert dark is not None
    text = light[1] + (dark[1] if theme == "dark" else "")
    return dict(re.findall(r"--([\w-]+): (#[0-9a-fA-F]{3,6})", text))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT_ON)
def test_text_has_the_contrast_that_wcag_aa_asks(theme: str, ink: str, ground: str) -> None:
    found = tokens(theme)
    assert contrast(found[ink], found[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("colour", GRAPHICS)
def test_lines_and_icons_stand_out_from_the_card(theme: str, colour: str) -> None:
    found = tokens(theme)
    assert contrast(found[colour], found["card"]) >= (3.0 if colour != "base" else 2.5)


def test_the_dark_theme_is_the_same_whether_asked_for_or_taken_from_the_system() -> None:
    themes = re.findall(r':root\[data-theme="(?:auto|dark)"\] \{(.*?)\}', CSS, re.DOTALL)
    assert len(themes) == 2
    assert sorted(themes[0].split()) == sorted(themes[1].split())


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.search(r"@import|url\(|https?:|@font-face", CSS)
