from __future__ import annotations

from decimal import Decimal

from devices.profile import FieldPoint, RegisterPoint, RegisterType
from edge_config.schema import Device
from simulators.faces import field_face, register_face

KWH = 1_000_000


def device(**ratios: Decimal) -> Device:
    return Device(id="m", profile="p", **ratios)


def counter(**keys: object) -> RegisterPoint:
    return RegisterPoint.model_validate({"quantity": "active_energy_import", "address": 0, **keys})


def test_a_counter_is_cut_off_never_rounded_up() -> None:
    face = register_face(counter(type="u32", scale="0.1"), device())
    assert face.counter_raw(12_345_699_999) == 123_456
    assert face.shown(123_456) == 12345.6


def test_a_counter_wraps_where_its_bits_end_and_its_truth_does_not() -> None:
    face = register_face(counter(type="u16", scale="1"), device())
    assert face.counter_raw(65_535 * KWH) == 65_535
    assert face.counter_raw(65_536 * KWH) == 0
    assert face.counter_unwrapped(65_537 * KWH) == 65_537


def test_a_counter_wraps_at_the_rollover_of_its_profile() -> None:
    face = register_face(counter(type="u32", scale="0.01", rollover="100000000"), device())
    assert face.counter_raw(1_000_000 * KWH + 20_000) == 2


def test_a_ratio_makes_the_steps_coarser() -> None:
    face = register_face(counter(type="u32", scale="0.01", ratio="ct"), device(ct_ratio=Decimal(40)))
    assert face.resolution == Decimal("0.4")
    assert face.shown(face.counter_raw(10 * KWH + 399_999)) == 10.0
    assert face.shown(face.counter_raw(10 * KWH + 400_000)) == 10.4


def test_a_float_register_shows_what_32_bits_can_hold() -> None:
    face = register_face(counter(type="f32", step="0.01"), device())
    raw = face.counter_raw(123_456_789_000)
    assert raw == 123456.78125
    assert face.shown(raw) == 123456.78


def test_a_gauge_is_held_at_the_ends_of_its_register() -> None:
    spec = RegisterPoint(quantity="temperature", address=0, type=RegisterType.I16, scale=Decimal("0.1"))
    face = register_face(spec, device())
    assert face.gauge_raw(21.26) == 213
    assert face.gauge_raw(-1e6) == -32768


def test_a_payload_field_undoes_scale_and_offset() -> None:
    face = field_face(
        FieldPoint(quantity="temperature", scale=Decimal("0.5"), offset=Decimal(-40), step=Decimal("0.5"))
    )
    assert face.gauge_raw(21.3) == 123
    assert face.shown(123) == 21.5
