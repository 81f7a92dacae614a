"""In what step the buffer counts a point: stored integers keep their meaning for ever."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from edge_config.schema import Device
from gateway.errors import ConfigError
from gateway.model import Point
from gateway.store import points, replacements


def kept_step(connection: sqlite3.Connection, device: Device, point: Point) -> Point:
    """The point in the step the buffer counts it in: stored integers keep their meaning. Only a meter that was replaced by
    one with the device's present ratios may have another step of its own. Raises ConfigError for any other change."""
    known = points.step_of(connection, point.name)
    if known is None or Decimal(known) == point.step:
        return point
    if replacements.newest_ratios(connection, device.id) != (device.ct_ratio, device.pt_ratio):
        raise ConfigError(
            f"{point.name}: the buffer counts it in steps of {known} {point.unit}, the site file and profile now make it "
            f"{point.step}; give the device a new id, put ct_ratio, pt_ratio and the profile back as they were, or if the meter "
            "was replaced say so first: campus-gateway meter replace"
        )
    modulus = (
        None if point.modulus_steps is None else point.modulus_steps * Fraction(point.step) / Fraction(known)
    )
    whole = modulus.numerator if modulus is not None and modulus.denominator == 1 else None
    return replace(point, step=Decimal(known), modulus_steps=whole)
