"""The NATS JetStream stream between the web and the database: names, limits, publish, fetch. Foreign exceptions end here.

A stream replicated over the cluster holds each batch until a consumer has committed it. Gateways are spread over a few
subjects, each with one durable consumer that has one message in flight: batches of one gateway take effect in the order they
came, also when one is delivered again, for the first batch of a later epoch closes the earlier one.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ClusterInfo,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from district.contract import Fault
from district.parcel import Parcel
from district.queue.setting import QueueSetting
from district.queue.standing import QueueStanding
from district.records import Batch
from district.refusal import DistrictError, Refusal
from runtime import logs
from runtime.addresses import without_secrets

STREAM, SUBJECT = "CAMPUS_BATCHES", "campus.batches"
LANES = 8
"""Subjects that gateways are spread over; never changed while anything waits, or one gateway would have two."""
DUPLICATES_S = 600.0
"""How long the cluster knows a batch again; after that the database does."""
CONNECT_S, PUBLISH_S, FETCH_S, ACK_S = 10.0, 10.0, 5.0, 10.0
LOOK_S = 2.0
UNHEARD_S = 10.0
"""A follower answers its leader's beat each second."""
ACK_WAIT_S, BEAT_S = 20.0, 5.0
"""When a consumer's silence means that it died, and how often one that is at work says so."""
HEAD_BYTES = 4096
"""Of a message, beside the body."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch that a consumer has in hand. ``relay`` is the one that vouched for its gateway, empty when none did."""

    message: Msg
    parcel: Parcel
    relay: str

    @property
    def name(self) -> str:
        """Which batch it is, for a log."""
        return (self.message.headers or {}).get("Nats-Msg-Id", "?")


def lane_of(site: str, gateway: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{site}.{gateway}".encode()).digest()[:8], "big") % LANES


def has_quorum(cluster: ClusterInfo | None) -> bool:
    """The leader that answered hears from enough followers to take a batch; a stream of one server has none."""
    followers = (cluster.replicas if cluster else None) or []
    heard = sum(not one.offline and (one.active or 0) < UNHEARD_S * 1e9 for one in followers)
    return 2 * (1 + heard) > 1 + len(followers)


class Stream:
    """Open from ``opened`` to ``aclose``."""

    def __init__(self, client: Client, js: JetStreamContext) -> None:
        self._client, self._js = client, js
        self._is_silent = False
        self._pulls: dict[int, JetStreamContext.PullSubscription] = {}

    @classmethod
    async def opened(cls, setting: QueueSetting) -> Stream:
        """Makes the stream when it is missing. Raises DistrictError when there is no cluster, or one without JetStream."""
        client = Client()
        try:
            async with asyncio.timeout(
                CONNECT_S
            ):  # by itself it would go on trying for ever, as it does later
                await client.connect(
                    list(setting.servers),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    error_cb=_note,
                    disconnected_cb=_note_gone,
                    reconnected_cb=_note_back,
                    name="district",
                )
        except (NatsError, OSError) as error:
            await client.close()
            raise DistrictError(
                f"no NATS server of {without_secrets(', '.join(setting.servers))} answers; check --ingest"
            ) from error
        js = client.jetstream(timeout=PUBLISH_S)
        try:
            await _make(js, setting)
        except (NatsError, OSError) as error:
            await client.close()
            raise DistrictError(
                f"the stream {STREAM} cannot be had: {error}; JetStream needs {setting.replicas} servers that agree"
            ) from error
        return cls(client, js)

    async def aclose(self) -> None:
        await self._client.close()

    async def publish(self, batch: Batch, parcel: Parcel, relay: str) -> bool:
        """Returns when the quorum has it; True when the cluster had it before. Raises Refusal when that is not known."""
        if len(parcel.raw) + HEAD_BYTES > self._client.max_payload:
            raise Refusal(
                Fault.TOO_LARGE,
                f"the body is larger than the {self._client.max_payload} bytes of the cluster",
            )
        headers = {
            "Nats-Msg-Id": f"{batch.site}.{batch.gateway}/{batch.epoch}/{batch.from_seq}-{batch.to_seq}/{batch.sha256}",
            "Campus-Encoding": parcel.encoding or "identity",
        }
        if relay:
            headers["Campus-Relay"] = relay
        subject = f"{SUBJECT}.{lane_of(batch.site, batch.gateway)}"
        try:
            told = await self._js.publish(
                subject, parcel.raw, timeout=PUBLISH_S, stream=STREAM, headers=headers
            )
        except (NatsError, OSError) as error:
            logs.get("district").warning(
                "the cluster did not take a batch", error=f"{type(error).__name__}: {error}"
            )
            raise Refusal(Fault.UNAVAILABLE, "the queue did not answer; try again in a moment") from error
        return bool(told.duplicate)

    async def fetch(self, lane: int) -> Waiting | None:
        """The next batch of a lane; None when none came for a while, or the cluster could not be asked."""
        try:
            if lane not in self._pulls:
                self._pulls[lane] = await self._subscribe(lane)
            (message,) = await self._pulls[lane].fetch(1, timeout=FETCH_S)
        except (NatsError, OSError) as error:
            if not isinstance(error, TimeoutError):
                self._say_silent(error)
            return None
        self._is_silent = False
        named = message.headers or {}
        parcel = Parcel(message.data, named.get("Campus-Encoding", ""))
        return Waiting(message, parcel, named.get("Campus-Relay", ""))

    def _say_silent(self, error: Exception) -> None:
        """Once, and again only after it answered."""
        say = logs.get("district").debug if self._is_silent else logs.get("district").warning
        say("the cluster does not answer", error=f"{type(error).__name__}: {error}")
        self._is_silent = True

    async def done(self, waiting: Waiting) -> None:
        """Let go of a batch that is committed. One that comes again all the same has no second effect."""
        with suppress(NatsError, OSError):
            await waiting.message.ack_sync(timeout=ACK_S)

    async def still_at_it(self, waiting: Waiting) -> None:
        with suppress(NatsError, OSError):
            await waiting.message.in_progress()

    async def count(self) -> int:
        """Batches that wait or are in hand."""
        return int((await self._js.stream_info(STREAM)).state.messages)

    async def standing(self) -> QueueStanding:
        """What the cluster says of the stream within 2 s. A leader that lost its followers answers all the same, and takes
        nothing."""
        if not self._client.is_connected:
            return QueueStanding(is_reachable=False)
        try:
            async with asyncio.timeout(LOOK_S):
                info = await self._js.stream_info(STREAM)
        except (NatsError, OSError):
            return QueueStanding(is_reachable=False)
        if not has_quorum(info.cluster):
            return QueueStanding(is_reachable=False)
        return QueueStanding(True, int(info.state.messages), int(info.state.bytes))

    async def _subscribe(self, lane: int) -> JetStreamContext.PullSubscription:
        return await self._js.pull_subscribe(
            f"{SUBJECT}.{lane}",
            durable=f"district-{lane}",
            stream=STREAM,
            config=ConsumerConfig(
                ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_ack_pending=1, max_deliver=-1
            ),
        )


async def _make(js: JetStreamContext, setting: QueueSetting) -> None:
    try:
        await js.stream_info(STREAM)
    except NotFoundError:
        await js.add_stream(
            StreamConfig(
                name=STREAM, subjects=[f"{SUBJECT}.*"], retention=RetentionPolicy.WORK_QUEUE,
                discard=DiscardPolicy.NEW, max_bytes=setting.bytes_max, storage=StorageType.FILE,
                num_replicas=setting.replicas, duplicate_window=DUPLICATES_S,
            )
        )  # fmt: skip


async def _note(error: Exception) -> None:
    """Each attempt at a server that is away; that it went and came back is said once."""
    logs.get("district").debug("a NATS server", error=f"{type(error).__name__}: {error}")


async def _note_gone() -> None:
    logs.get("district").warning("the connection to the cluster is gone")


async def _note_back() -> None:
    logs.get("district").info("connected to the cluster again")
