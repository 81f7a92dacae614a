"""A limits file names what can be measured, in a band that makes sense, in words that can be filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_config.loader import load_site
from tests.edge_config.conftest import Folder

LIMIT = "id: a, quantity: co2, above: 1000, text: x, source: y"


def sentences(folder: Folder, text: str) -> list[str]:
    folder.write(more="limits: limits.yaml\n")
    (folder.path / "limits.yaml").write_text(text, encoding="utf-8")
    return folder.sentences()


def test_a_limit_that_is_right_is_loaded(folder: Folder) -> None:
    assert sentences(folder, f"valid_from: 2026-09-01\nlimits: [{{{LIMIT}}}]\n") == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "quantity: co2",
            "quantity: co3",
            "limits[a].quantity: no quantity is called 'co3', did you mean 'co2'?",
        ),
        (
            "quantity: co2",
            "points: [air.co3]",
            "limits[a].points[1]: no device has the point 'air.co3', did you mean 'air.co2'?",
        ),
        (
            "quantity: co2",
            "points: [air.co2], quantity: co2",
            "limits[a]: must name either a quantity or points",
        ),
        ("quantity: co2, ", "", "limits[a]: must name either a quantity or points"),
        ("above: 1000, ", "", "limits[a]: says neither `above` nor `below`"),
        ("above: 1000", "above: 8, below: 9", "limits[a].below: 9 is not below 8"),
        (
            "above: 1000",
            "above: 1000, clear: 1100",
            "limits[a].clear: 1100 is beyond the limit, write 1000 or less",
        ),
        ("above: 1000", "below: 16, clear: 15", "limits[a].clear: 15 is beyond the limit, write 16 or more"),
        ("text: x", 'text: "{valeu}"', "limits[a].text: holds {valeu}, which nothing fills in"),
        ("text: x", 'text: "{value"', "limits[a].text: holds {{}, which nothing fills in"),
        (
            "id: a,",
            "id: a, during: lessons,",
            "limits[a].during: \"lessons\" is not one of the choices, did you mean 'lesson'?",
        ),
        (", source: y", "", "limits[a].source: is missing"),
    ],
)
def test_a_limit_that_is_wrong_is_named(folder: Folder, old: str, new: str, sentence: str) -> None:
    assert old in LIMIT
    found = sentences(folder, f"valid_from: 2026-09-01\nlimits:\n  - {{{LIMIT.replace(old, new)}}}\n")
    assert [one for one in found if sentence in one], found


def test_two_limits_of_one_id_and_a_wrong_date_are_named(folder: Folder) -> None:
    found = sentences(folder, f"valid_from: September\nlimits:\n  - {{{LIMIT}}}\n  - {{{LIMIT}}}\n")
    assert found == [
        "limits.yaml:1:13: valid_from: 'September' is no date, write it as 2026-09-01",
        "limits.yaml:4:10: limits[a].id: the id 'a' is used twice (line 3), give one of the two another id",
    ]


def test_every_limit_of_the_demo_school_is_said_in_both_languages_with_advice_and_source(demo: Path) -> None:
    limits = load_site(demo).limits
    assert limits is not None
    for limit in limits.limits:
        assert all((limit.text, limit.text_en, limit.advice, limit.advice_en, limit.source)), limit.id
    assert {"co2-advise", "co2-ventilate", "co2-act", "fridge", "freezer", "hot-holding"} <= {
        limit.id for limit in limits.limits
    }


def test_every_cold_point_of_the_demo_school_has_exactly_one_limit(demo: Path) -> None:
    site = load_site(demo)
    assert site.limits is not None
    cold = [
        f"{device.id}.{name}"
        for device in site.file.devices
        for name, point in site.profiles[device.profile].points.items()
        if point.quantity == "cold_temperature"
    ]
    watched = [name for limit in site.limits.limits for name in limit.points]
    assert sorted(watched) == sorted(cold)
