"""What goes wrong on the way to an energy centre. Each carries the code pages translate and what a person can do."""

from __future__ import annotations

from gateway.errors import UplinkError
from gateway.uplinks.verdict import Trouble


class LinkError(UplinkError):
    """Nothing was let go: what was on its way is sent again. ``wait_s`` is how long there is no use in trying."""

    def __init__(self, trouble: Trouble, message: str, cure: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.trouble, self.cure, self.wait_s = trouble, cure, wait_s

    def again(self, wait_s: float | None = None) -> LinkError:
        """The same trouble to be raised once more: one and the same error would gather a longer trace each time."""
        return LinkError(self.trouble, str(self), self.cure, self.wait_s if wait_s is None else wait_s)


class NonsenseFromCentreError(LinkError):
    """Bytes that are no message of this dialect."""

    def __init__(self, message: str) -> None:
        super().__init__(
            Trouble.NOT_A_RECEIPT, message, "compare dialect, host and port with the platform's paper"
        )


def no_answer(message: str) -> LinkError:
    return LinkError(Trouble.NO_ANSWER, message, "check network, host and port; it goes on by itself")
