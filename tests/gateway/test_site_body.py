"""What a site file says of the school arrives in the terms of the district's contract."""

from __future__ import annotations

import json

import pytest

from district.contract import SiteBody
from edge_config.schema import SiteFile
from gateway.store import bodies

PLAIN = {"site": {"id": "demo", "name": "示例中学"}, "gateway": {"id": "gw-1"}}


def sent(**more: object) -> SiteBody:
    file = SiteFile.model_validate({**PLAIN, **more})
    return SiteBody.model_validate_json(bodies.site(file.site, file.quota), strict=True)


def test_kind_and_quota_are_sent_as_the_site_file_says() -> None:
    found = sent(
        site={"id": "demo", "name": "x", "students": 7, "area_m2": 9.5, "school_kind": "nine-year"},
        quota={2026: {"electricity_kwh": 320_000, "water_m3": 14_500}, 2027: {"water_m3": 1.5}},
    )
    assert (found.students, found.area_m2, found.school_kind) == (7, 9.5, "nine-year")
    assert {year: one.model_dump() for year, one in found.quota.items()} == {
        "2026": {"electricity_kwh": 320_000, "water_m3": 14_500},
        "2027": {"electricity_kwh": None, "water_m3": 1.5},
    }


def test_what_the_site_file_does_not_say_is_not_known() -> None:
    found = sent()
    assert (found.school_kind, found.quota) == (None, {})


def test_a_site_of_before_kinds_and_quotas_is_still_a_site() -> None:
    old = {"kind": "site", "name": "x", "timezone": "Asia/Shanghai", "students": None, "area_m2": None}
    assert SiteBody.model_validate_json(json.dumps(old)).quota == {}


@pytest.mark.parametrize("kind", ["school", "小学", ""])
def test_a_kind_that_does_not_exist_is_refused_at_the_school(kind: str) -> None:
    with pytest.raises(ValueError, match="school_kind"):
        SiteFile.model_validate({**PLAIN, "site": {"id": "demo", "name": "x", "school_kind": kind}})
