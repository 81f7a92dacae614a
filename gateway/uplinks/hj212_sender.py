"""A centre of HJ 212: intervals by the change feed, real-time data by the clock, answers when it asks.

9014 under our QN and MN is the receipt of a message, unless it says in its CP that the message was wrong. A message is sent
once for each stretch: one that was acknowledged before another failed is not said again while the process lives.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge_config.uplinks import Hj212Uplink
from gateway.errors import QueryError
from gateway.model import Change
from gateway.uplinks.hj212 import Place, encode, places, realtime
from gateway.uplinks.hj212_frame import Heard, Message, frames
from gateway.uplinks.hj212_link import Link
from gateway.uplinks.hj212_requests import Answer, QnRtn, Standing, answer
from gateway.uplinks.kinds import Speaker
from gateway.uplinks.probe import Probe, unwell
from gateway.uplinks.reaching import reach
from gateway.uplinks.records import busy, standing
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Trouble, Verdict
from gateway.uplinks.wire import WireFault, secret_in
from runtime import logs

DEFAULT_PASSWORD = "123456"  # noqa: S105 - the standard's own
PASSWORD_LENGTH_MAX = 20
ACKNOWLEDGED = "9014"

_CURES = {
    QnRtn.PASSWORD: "check the password file: the centre does not know this PW",
    QnRtn.MN: "check the station's mn: the centre does not know it",
    QnRtn.ST: "check st: the centre expects another system type",
    QnRtn.CRC: "something on the way changes what is sent",
}


HIDDEN_PW = "******"


class Hj212Sender:
    """The centre behind its link; ``present`` is the task that sends real-time data."""

    def __init__(self, uplink: Hj212Uplink, speaker: Speaker) -> None:
        self._uplink, self._speaker = uplink, speaker
        self._zone = speaker.site.zone
        self._realtime_interval_s, self._sends_realtime = uplink.realtime_interval_s, True
        self._stretch: tuple[int, int] | None = None
        self._acknowledged: set[bytes] = set()
        self._is_troubled = False
        self._log = logs.get("uplink").bind(uplink=uplink.id, to=uplink.destination)
        self.name = uplink.destination
        self.link = Link(uplink.host, uplink.port, uplink.timeout_s, self._asked)

    async def send(self, stretch: Stretch) -> Verdict:
        if self._stretch != (stretch.from_seq, stretch.to_seq):
            self._stretch, self._acknowledged = (stretch.from_seq, stretch.to_seq), set()
        try:
            changes = await standing(self._speaker.feed, stretch.changes)
            told, refused = encode(self._uplink, await self._places(), self._zone, changes)
            password = self._password()
            for one in told:
                trouble = await self._send(one.message, password)
                if trouble is not None:
                    return trouble
        except WireFault as fault:
            return fault.keep()
        except QueryError as error:
            return busy(error)
        return Delivered(refused)

    def explain(self, change: Change) -> list[tuple[str, bytes]]:
        """Label and bytes of every frame, exact but for the site's own PW, which a sample for the centre's support must not tell
        (the CRC is that of what is shown); nothing is sent."""
        quantities = {name: point.quantity for name, point in self._speaker.points().items()}
        told, refused = encode(self._uplink, places(self._uplink, quantities), self._zone, [change])
        try:
            password = self._password()
        except WireFault as fault:
            return [("no frame without its PW 缺少口令", str(fault).encode())]
        label = "frame 报文"
        if self._uplink.password_file is not None:
            password, label = HIDDEN_PW, "frame, its PW hidden 报文（口令已隐去）"
        return [
            *((label, packet) for one in told for packet in frames(one.message, password)),
            *(("refused 无法表示", reason.encode()) for _, reason in refused),
        ]

    async def probe(self) -> Probe:
        """The port alone: whatever is said to a centre is data or an answer to it."""
        try:
            self._password()
            await reach(self._uplink.host, self._uplink.port, self._uplink.timeout_s)
        except WireFault as fault:
            return unwell(fault.trouble, str(fault), fault.cure)
        return Probe(
            True,
            "端口有应答, 没有发送任何报文; the port answers, nothing was said, so PW and MN are not tried",
        )

    async def _send(self, message: Message, password: str) -> Keep | None:
        """Every packet of a message that is not acknowledged yet."""
        for packet in frames(message, password):
            if packet in self._acknowledged:
                continue
            heard = await self.link.exchange(packet, message.qn, message.mn)
            if not is_receipt(heard):
                return refusal(heard)
            self._acknowledged.add(packet)
        return None

    async def present(self) -> None:
        """Real-time data until cancelled. Its trouble is told once; the change feed's own is the uplink's state."""
        while True:
            if self._sends_realtime:
                await self._send_present()
            await self._speaker.clock.sleep(self._realtime_interval_s)

    async def _send_present(self) -> None:
        try:
            password = self._password()
            messages = await self._present()
            packets = [packet for message in messages.values() for packet in frames(message, password)]
            if packets:
                await self.link.tell(packets)
            self._is_troubled = False
        except (WireFault, QueryError) as error:
            say = self._log.debug if self._is_troubled else self._log.warning
            say("real-time data was not sent", error=str(error))
            self._is_troubled = True

    async def _asked(self, request: Heard) -> list[bytes]:
        try:
            password = self._password()
            messages = await self._present() if request["CN"] == "2011" else {}
        except (WireFault, QueryError) as error:
            self._log.warning("a request of the centre was not answered", error=str(error))
            return []
        standing = Standing(
            password=password,
            st=self._uplink.st,
            mns=frozenset(station.mn for station in self._uplink.stations),
            realtime_interval_s=self._realtime_interval_s,
            zone=self._zone,
            now_ms=self._speaker.clock.now_ms(),
            present=messages,
        )
        given = answer(request, standing)
        self._take(request, given)
        return [packet for message in given.messages for packet in frames(message, password)]

    def _take(self, request: Heard, given: Answer) -> None:
        if given.realtime_interval_s is not None:
            self._realtime_interval_s = given.realtime_interval_s
        if given.sends_realtime is not None:
            self._sends_realtime = given.sends_realtime
        self._log.info(
            "the centre asked",
            cn=request["CN"][:8],
            realtime_interval_s=self._realtime_interval_s,
            sends_realtime=self._sends_realtime,
        )

    async def _present(self) -> dict[str, Message]:
        now = self._speaker.clock.now_ms()
        latest = await self._speaker.feed.latest()
        messages = realtime(self._uplink, await self._places(), self._zone, latest, now)
        return {message.mn: message for message in messages}

    async def _places(self) -> dict[str, Place]:
        return places(self._uplink, await self._speaker.feed.quantities())

    def _password(self) -> str:
        name = self._uplink.password_file
        if name is None:
            return DEFAULT_PASSWORD
        password = secret_in(name)
        if not password.isascii() or not password.isalnum() or len(password) > PASSWORD_LENGTH_MAX:
            wrong = f"{name} does not hold a PW of HJ 212"
            raise WireFault(Trouble.TOKEN, wrong, "write letters and digits, as the centre gave it out")
        return password


def is_receipt(heard: Heard) -> bool:
    """A 9014, and no code in it that says otherwise: there are centres that put QnRtn and ExeRtn into each 9014, and answer a
    message whose CRC they found wrong with ``QnRtn=9;ExeRtn=3``."""
    codes = {heard.cp[name] for name in ("QnRtn", "ExeRtn") if name in heard.cp}
    return heard["CN"] == ACKNOWLEDGED and codes <= {"1"}


def refusal(heard: Heard) -> Keep:
    """What the centre refuses is kept: its word condemns no record. Of two codes the one that says no."""
    codes = [heard.cp[name] for name in ("QnRtn", "ExeRtn") if heard.cp.get(name)]
    code = next((one for one in codes if one != "1"), (codes or ["?"])[0])
    known = (
        QnRtn(int(code)) if code.isascii() and code.isdigit() and int(code) in list(QnRtn) else QnRtn.UNKNOWN
    )
    trouble = {QnRtn.PASSWORD: Trouble.UNAUTHORIZED, QnRtn.MN: Trouble.FORBIDDEN, QnRtn.CRC: Trouble.DAMAGED}
    cure = _CURES.get(known, "ask the centre what it misses")
    said = f"the centre answered {heard['CN']} with code {code[:10]}"
    return Keep(trouble.get(known, Trouble.REFUSED), said, cure)


@asynccontextmanager
async def hj212_sender(uplink: Hj212Uplink, speaker: Speaker) -> AsyncIterator[Hj212Sender]:
    """The centre, with its connection for as long as the context lasts; it is made when there is something to say."""
    sender = Hj212Sender(uplink, speaker)
    async with sender.link:
        yield sender
