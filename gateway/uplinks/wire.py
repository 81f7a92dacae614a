"""What a wire says when it did not get through. Foreign exceptions become this at the edge."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import UplinkError
from gateway.uplinks.verdict import Keep, Trouble

SECRET_LENGTH_MAX = 4096


class WireFault(UplinkError):  # noqa: N818 - what the wire met, not a mistake of ours
    """Nothing that can be judged came back, or nothing could be sent."""

    def __init__(self, trouble: Trouble, message: str, cure: str) -> None:
        super().__init__(message)
        self.trouble, self.cure = trouble, cure

    def keep(self) -> Keep:
        return Keep(self.trouble, str(self), self.cure)


def secret_in(name: str) -> str:
    """The one line of a password or token file, read anew each time: one that changes needs no restart. Raises WireFault."""
    path = Path(name)
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        cure = "let the gateway's user read it, one line of UTF-8"
        raise WireFault(Trouble.TOKEN, f"cannot read {path}: {reason}", cure) from error
    if not secret or len(secret) > SECRET_LENGTH_MAX or not secret.isprintable():
        raise WireFault(
            Trouble.TOKEN, f"{path} does not hold a secret", "write it into the file, on one line"
        )
    return secret
