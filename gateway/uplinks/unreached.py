"""Why a receiver was not reached, told from the exceptions of whatever library was on the way. Pure.

Three things that want three people: a name without an address (the gateway's network), somebody who cannot prove who it is
(the receiver's certificate, or our clock), and no answer at all.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.uplinks.verdict import Trouble

_ENDED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""The other side is gone or silent, of which TLS says nothing."""
GOES_ON = "it goes on by itself"


@dataclass(frozen=True, slots=True)
class Unreached:
    trouble: Trouble
    message: str
    cure: str


def unreached(error: BaseException, receiver: str) -> Unreached:
    """``receiver`` as a person calls it: the district, InfluxDB."""
    for one in _chain(error):
        if isinstance(one, socket.gaierror):
            return Unreached(
                Trouble.NAME,
                f"its name leads to no address: {one.strerror or one}",
                f"check the gateway's DNS and the name in the url; {GOES_ON}",
            )
        if isinstance(one, ssl.SSLCertVerificationError):
            return _unproven(
                f"its certificate is not to be trusted: {getattr(one, 'verify_message', '') or one}"
            )
        if isinstance(one, ssl.SSLError) and not isinstance(one, _ENDED):
            return _unproven(f"no secure connection: {getattr(one, 'reason', '') or one}")
    return no_answer(f"{type(error).__name__}: {error}".rstrip(": "), receiver)


def no_answer(message: str, receiver: str) -> Unreached:
    return Unreached(
        Trouble.NO_ANSWER,
        message,
        f"check the network, its name server (DNS) and that {receiver} runs; {GOES_ON}",
    )


def _unproven(message: str) -> Unreached:
    return Unreached(
        Trouble.TLS,
        message,
        f"check this machine's clock, then the receiver's certificate: its dates, its name, who signed it; {GOES_ON}",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it came from; libraries wrap once or twice."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
