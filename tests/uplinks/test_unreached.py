from __future__ import annotations

import asyncio
import socket
import ssl

import httpx2
import pytest

from gateway.uplinks.unreached import unreached
from gateway.uplinks.verdict import Trouble
from gateway.uplinks.words import WORDS_ZH, words_of


def wrapped(cause: BaseException, is_explicit: bool) -> BaseException:
    """As a library hands it on: raised from, or raised while handling."""
    outer = httpx2.ConnectError("")
    if is_explicit:
        outer.__cause__ = cause
    else:
        outer.__context__ = cause
    return outer


@pytest.mark.parametrize("is_explicit", [True, False])
@pytest.mark.parametrize(
    ("cause", "trouble"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Trouble.NAME),
        (ssl.SSLCertVerificationError("expired"), Trouble.TLS),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), Trouble.TLS),
        (ssl.SSLEOFError(8, "EOF"), Trouble.NO_ANSWER),
        (ssl.SSLWantReadError(), Trouble.NO_ANSWER),
        (ConnectionRefusedError(111, "refused"), Trouble.NO_ANSWER),
        (asyncio.CancelledError(), Trouble.NO_ANSWER),
    ],
)
def test_the_cause_is_told_from_the_deepest_that_knows(
    cause: BaseException, trouble: Trouble, is_explicit: bool
) -> None:
    found = unreached(wrapped(cause, is_explicit), "the district")
    assert found.trouble is trouble
    assert found.message
    assert "by itself" in found.cure


def test_an_error_that_is_its_own_cause_ends() -> None:
    one, other = OSError("a"), OSError("b")
    one.__context__, other.__context__ = other, one
    assert unreached(one, "the district").trouble is Trouble.NO_ANSWER


def test_every_trouble_has_its_words_and_a_cure() -> None:
    assert WORDS_ZH.keys() == set(Trouble)
    for trouble in Trouble:
        assert all(words_of(f"{trouble}: whatever came"))
    assert words_of("strange: a code of a kind's own") == ("", "")
