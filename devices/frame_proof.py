"""What the raw frames of a profile's examples really give, for the comparison in ``proof``. Pure."""

from __future__ import annotations

from devices import cjt188, dlt645
from devices.frame_profile import Cjt188Profile, Dlt645Profile, FrameExample
from devices.registers import DecodeError

FRAME = "frame"
"""The key in an example's ``errors`` for frames that are refused as a whole."""
Outcome = tuple[dict[str, float], dict[str, str]]
"""Readings and errors by point."""


def dlt645_outcome(profile: Dlt645Profile, example: FrameExample) -> Outcome:
    """``frame`` is ``no_frame``, ``refused: …`` with the meter's words, or ``unknown_identifier``."""
    readings: dict[str, float] = {}
    errors: dict[str, str] = {}
    for text in example.frames:
        found = list(dlt645.frames(bytes.fromhex(text)))
        if not found:
            errors[FRAME] = "no_frame"
        for frame in found:
            if frame.is_refusal:
                errors[FRAME] = f"refused: {dlt645.refusal(frame.data[0])[1]}"
                continue
            places = dlt645.places_of(profile, dlt645.di_of(frame))
            if not places:
                errors[FRAME] = "unknown_identifier"
            for name, at in places:
                try:
                    readings[name] = dlt645.decode(profile.points[name], dlt645.payload([frame]), at)
                except DecodeError as error:
                    errors[name] = error.reason
    return readings, errors


def cjt188_outcome(profile: Cjt188Profile, example: FrameExample) -> Outcome:
    """``frame`` is ``no_frame``, ``refused``, ``wrong_type`` or ``wrong_length``."""
    readings: dict[str, float] = {}
    errors: dict[str, str] = {}
    for text in example.frames:
        found = list(cjt188.frames(bytes.fromhex(text)))
        if not found:
            errors[FRAME] = "no_frame"
        for frame in found:
            reason = _trouble(profile, frame)
            if reason:
                errors[FRAME] = reason
                continue
            for name, point in profile.points_of(len(frame.data)).items():
                try:
                    readings[name] = cjt188.decode(point, frame.data[cjt188.DATA_HEADER :])
                except (DecodeError, cjt188.UnitError) as error:
                    errors[name] = error.reason
    return readings, errors


def _trouble(profile: Cjt188Profile, frame: cjt188.Frame) -> str:
    if frame.is_refusal:
        return "refused"
    if frame.meter_type != int(profile.meter_type, 16):
        return "wrong_type"
    return "" if len(frame.data) in profile.reply_lengths else "wrong_length"
