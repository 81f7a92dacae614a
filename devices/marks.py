"""What stands at a device's identification registers, and whether it is the device's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices.profile import Mark, ModbusProfile, Registers
from devices.raw_numbers import DecodeError, raw_numbers


def text_of(words: Sequence[int]) -> str:
    """The text in registers, two characters each, the first in the high byte; it ends at the first zero byte."""
    data = b"".join(word.to_bytes(2, "big") for word in words)
    return data.partition(b"\0")[0].decode("ascii", "replace").strip()


def shown(mark: Mark, words: Sequence[int]) -> str | int | float:
    """What stands at an identification mark, from exactly its words. Raises DecodeError or ValueError."""
    if mark.type is None:
        return text_of(words)
    return raw_numbers(Registers(address=mark.address, type=mark.type, order=mark.order))(words)


def fits(mark: Mark, words: Sequence[int]) -> bool:
    """Whether a telling mark is found in its words: its text is part of theirs, or their number is one of its."""
    if mark.type is None:
        return mark.text is not None and mark.text.casefold() in text_of(words).casefold()
    try:
        return shown(mark, words) in mark.numbers
    except DecodeError:
        return False


def is_identified(profile: ModbusProfile, words: Mapping[tuple[int, int], Sequence[int]]) -> bool | None:
    """Whether all telling marks of a profile are found; None when it has none.

    ``words`` are those read at each mark, by its function code and address; a mark that could not be read is
    not in it, and is not found."""
    telling = [mark for mark in profile.identify if mark.is_telling]
    if not telling:
        return None
    return all(_is_found(mark, words.get((mark.function, mark.address))) for mark in telling)


def _is_found(mark: Mark, words: Sequence[int] | None) -> bool:
    return words is not None and len(words) == mark.end - mark.address and fits(mark, words)
