"""Something that speaks on a broker and is no device of the site: what staff are shown before they adopt it. A leaf."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """``topic`` is where the device would be adopted, without the suffixes of a profile. ``fits`` are the profiles that read
    something in what it sent, the likeliest first; ``title`` is what it says of itself. ``count`` messages came from
    ``first_at`` to ``last_at``, UTC ms; ``sample`` is the beginning of the last."""

    broker: str
    topic: str
    title: str
    fits: tuple[str, ...]
    sample: str
    first_at: int
    last_at: int
    count: int

    @property
    def profile(self) -> str | None:
        """The likeliest profile, None when none reads anything."""
        return self.fits[0] if self.fits else None
