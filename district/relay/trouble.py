"""Why nothing goes up: a code that pages translate, health names and logs carry the sentence of."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    NO_ANSWER = "no_answer"
    TOKEN = "token"  # noqa: S105 - a code, no secret
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    NOT_A_RECEIPT = "not_a_receipt"
    DAMAGED = "damaged"
    FENCED = "fenced"
    CLONED = "cloned"
    COVERED = "covered"
    REFUSED = "refused"
