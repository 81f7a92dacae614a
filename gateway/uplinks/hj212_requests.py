"""What is answered when the centre asks. Pure: a request in, frames to send and what to do out.

A request is first judged (9011 with QnRtn), then carried out and its outcome told (9012 with ExeRtn). The clock of this machine
is not the centre's to set, and history is sent by the change feed alone: such requests are refused, not carried out by halves.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from zoneinfo import ZoneInfo

from gateway.uplinks.hj212 import time_text
from gateway.uplinks.hj212_frame import ACK, Heard, Message

INTERVAL_S = (30, 3600)
SYSTEM = "91"
REFUSED = {
    "1000",
    "1012",
    "2021",
    "2022",
    "2031",
    "2041",
    "2051",
    "2061",
    "2071",
    "3011",
    "3012",
    "3019",
    "3021",
}
"""Commands we know and do not serve."""
_QN = re.compile(r"^\d{17}$")


class QnRtn(IntEnum):
    READY = 1
    REJECTED = 2
    PASSWORD = 3
    MN = 4
    ST = 5
    FLAG = 6
    QN = 7
    CN = 8
    CRC = 9
    UNKNOWN = 100


class ExeRtn(IntEnum):
    OK = 1
    CONDITION = 3
    NO_DATA = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """What we are when a request comes. ``present`` are the real-time messages by MN, as they would go up now."""

    password: str
    st: str
    mns: frozenset[str]
    realtime_interval_s: int
    zone: ZoneInfo
    now_ms: int
    present: Mapping[str, Message]


@dataclass(frozen=True, slots=True)
class Answer:
    """Messages to send, in order, and what changes here."""

    messages: tuple[Message, ...]
    realtime_interval_s: int | None = None
    sends_realtime: bool | None = None


def answer(request: Heard, standing: Standing) -> Answer:
    """The answer to any frame that is a request, however wrong it is."""
    verdict = judged(request, standing)
    flag = request["Flag"]
    wants_ack = flag.isascii() and flag.isdigit() and bool(int(flag) & ACK)
    if request["CN"] == "2012" and verdict is QnRtn.READY:  # a notice: it is acknowledged, and has no outcome
        return Answer((_reply(request, "9013", ()),) if wants_ack else (), sends_realtime=False)
    ready = _reply(request, "9011", (f"QnRtn={verdict}",))
    if verdict is not QnRtn.READY:
        return Answer((ready,))
    done = _carried_out(request, standing)
    return Answer(
        ((ready, *done.messages) if wants_ack else done.messages),
        done.realtime_interval_s,
        done.sends_realtime,
    )


def judged(request: Heard, standing: Standing) -> QnRtn:
    """Whether a request may be carried out; the first thing that is wrong with it."""
    flag = request["Flag"]
    checks = (
        (request.is_intact, QnRtn.CRC),
        (_QN.match(request["QN"]) is not None, QnRtn.QN),
        (request["MN"] in standing.mns, QnRtn.MN),
        (hmac.compare_digest(request["PW"].encode(), standing.password.encode()), QnRtn.PASSWORD),
        (request["ST"] in {standing.st, SYSTEM}, QnRtn.ST),
        (flag.isascii() and flag.isdigit() and int(flag) < 256, QnRtn.FLAG),
        (request["CN"] in {"1011", "1061", "1062", "2011", "2012", *REFUSED}, QnRtn.CN),
        (request["CN"] not in REFUSED, QnRtn.REJECTED),
    )
    return next((wrong for is_right, wrong in checks if not is_right), QnRtn.READY)


def _carried_out(request: Heard, standing: Standing) -> Answer:
    match request["CN"]:
        case "1011":
            now = time_text(standing.now_ms, standing.zone)
            return Answer((_data(request, standing, f"SystemTime={now}"), _outcome(request, ExeRtn.OK)))
        case "1061":
            said = f"RtdInterval={standing.realtime_interval_s}"
            return Answer((_data(request, standing, said), _outcome(request, ExeRtn.OK)))
        case "1062":
            return _new_interval(request)
        case _:
            present = standing.present.get(request["MN"])
            if present is None:
                return Answer((_outcome(request, ExeRtn.NO_DATA),), sends_realtime=True)
            return Answer((present, _outcome(request, ExeRtn.OK)), sends_realtime=True)


def _new_interval(request: Heard) -> Answer:
    text = request.cp.get("RtdInterval", "")
    lowest, highest = INTERVAL_S
    if text.isascii() and text.isdigit() and len(text) <= 6 and lowest <= int(text) <= highest:
        return Answer((_outcome(request, ExeRtn.OK),), realtime_interval_s=int(text))
    return Answer((_outcome(request, ExeRtn.CONDITION),))


def _data(request: Heard, standing: Standing, said: str) -> Message:
    return Message(request["QN"], standing.st, request["CN"], request["MN"], wants_ack=False, parts=(said,))


def _outcome(request: Heard, code: ExeRtn) -> Message:
    return _reply(request, "9012", (f"ExeRtn={code}",))


def _reply(request: Heard, cn: str, parts: tuple[str, ...]) -> Message:
    """Under the request's own QN and MN, as far as they can be repeated: neither is trusted to be short."""
    return Message(request["QN"][:20], SYSTEM, cn, request["MN"][:24], wants_ack=False, parts=parts)
