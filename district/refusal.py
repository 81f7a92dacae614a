"""How the district says no: ``Refusal`` to a request, ``DistrictError`` to whoever started the service."""

from __future__ import annotations

from collections.abc import Sequence

from district.contract import Fault, Problem, Rejected

STATUS = {
    Fault.INVALID: 422,
    Fault.DAMAGED: 400,
    Fault.TOO_LARGE: 413,
    Fault.COVERED: 409,
    Fault.FENCED: 409,
    Fault.CLONED: 409,
    Fault.TOO_MANY: 429,
    Fault.UNAUTHORIZED: 401,
    Fault.FORBIDDEN: 403,
    Fault.NOT_FOUND: 404,
    Fault.UNAVAILABLE: 503,
}


class DistrictError(Exception):
    """The service cannot do what its operator asked; the message names the thing and the cure."""


class Refusal(Exception):  # noqa: N818 - an answer to give, not an error to mend
    """A request that is not answered with what it asked for; raised before any effect, or rolling it back."""

    def __init__(
        self,
        fault: Fault,
        detail: str,
        covered: Sequence[tuple[int, int]] = (),
        retry_after_s: int = 0,
        invalid: Sequence[Rejected] = (),
    ) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.status = STATUS[fault]
        self.problem = Problem(error=fault, detail=detail, covered=list(covered), invalid=list(invalid))
