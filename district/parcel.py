"""A request's body as it travelled: what was signed, and what a relay hands on unchanged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parcel:
    """``raw`` is compressed as ``encoding`` (the Content-Encoding header) says; both empty and ``identity`` mean not."""

    raw: bytes
    encoding: str
