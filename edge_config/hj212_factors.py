"""Factor codes of HJ 212 as dated configuration: the packaged table, and what a site file puts before it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources

import yaml
from pydantic import Field

from edge_config.section import Section


class Factor(Section):
    """What a quantity is called on the wire. A value is multiplied by ``scale`` to be in ``unit`` and written with ``decimals``
    places."""

    code: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]{1,9}$")
    unit: str = Field(min_length=1)
    scale: Decimal = Field(default=Decimal(1), gt=0)
    decimals: int = Field(default=1, ge=0, le=6)
    is_checked: bool = False
    """The code was read in a public source, and is not from memory."""


class FactorTable(Section):
    valid_from: str
    factors: dict[str, Factor]


@cache
def packaged() -> FactorTable:
    """The table that comes with the gateway."""
    text = (resources.files("edge_config") / "factors" / "hj212.yaml").read_text("utf-8")
    return FactorTable.model_validate(yaml.safe_load(text))


def factors(own: Mapping[str, Factor]) -> dict[str, Factor]:
    """By quantity; what the site file says comes first."""
    return {**packaged().factors, **own}
