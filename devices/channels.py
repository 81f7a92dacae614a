"""Bytes that a LoRaWAN network server hands on in an object: channel, type and value over and over.

Knows the forms a profile gives its channels. A message that is cut short is refused as a whole; a channel that
the profile does not know ends the reading, because nobody knows how long it is, and what came before it counts.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from devices.profile import Channels
from devices.strict_json import PayloadError

HISTORY = "history_record"
PAIR = 2
"""Bytes of channel and type before each value."""


def channel_values(channels: Channels, root: dict[str, Any]) -> tuple[dict[str, int], str | None]:
    """Raw numbers by their pair of channel and type, and what is to be said of the rest: ``unknown_channel`` where the
    reading ended early, ``history_record`` where records from the device's memory were passed over.

    Nothing at all for an object without data, or from another port. Raises PayloadError."""
    data, port = _at(root, channels.data_keys), _at(root, channels.port_keys)
    if data is None or (port is not None and port != channels.port):
        return {}, None
    return _split(channels, _bytes_of(data))


def _split(channels: Channels, data: bytes) -> tuple[dict[str, int], str | None]:
    found: dict[str, int] = {}
    at, said = 0, None
    while at < len(data):
        known = channels.forms.get(data[at : at + PAIR])
        if known is None:
            if len(data) - at < PAIR:
                raise PayloadError("cut_short")
            return found, "unknown_channel"
        pair, length, form = known
        value = data[at + PAIR : at + PAIR + length]
        if len(value) < length:
            raise PayloadError("cut_short")
        if pair in channels.history:
            said = HISTORY
        if pair in found:
            raise PayloadError("duplicate_key")
        if form is not None:
            found[pair] = int.from_bytes(value, "little", signed=form[0] == "i")
        at += PAIR + length
    return found, said


def _bytes_of(data: Any) -> bytes:
    if type(data) is not str:
        raise PayloadError("not_base64")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadError("not_base64") from error


def _at(root: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        root = root.get(key) if type(root) is dict else None
    return root
