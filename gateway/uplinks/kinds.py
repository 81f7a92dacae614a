"""Which sender serves which kind of uplink. A kind's own libraries are imported only where a site file asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from edge_config.site import LoadedSite
from edge_config.uplinks import Uplink
from gateway.model import Point
from gateway.uplinks.feed import FeedReads, Identity
from gateway.uplinks.sender import Sender
from runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, and what a kind may ask: the site, its points by name as they are now, the feed, the time."""

    identity: Identity
    site: LoadedSite
    points: Callable[[], Mapping[str, Point]]
    feed: FeedReads
    clock: Clock


@asynccontextmanager
async def sender_of(uplink: Uplink, speaker: Speaker) -> AsyncIterator[Sender]:
    """The receiver of an uplink, with its connection for as long as the context lasts. Relative paths in ``uplink``
    start at the working directory: the composition root hands in resolved ones."""
    match uplink.kind:
        case "district-http":
            from gateway.uplinks.district_http import DistrictHttp, DistrictSender

            async with DistrictHttp(uplink.url, uplink.token_file) as wire:
                yield DistrictSender(wire, speaker.identity, speaker.clock)
        case "national-tcp":
            from gateway.uplinks.national.sender import NationalSender

            yield NationalSender(uplink, speaker)
        case "line-protocol":
            from gateway.uplinks.line_http import line_sender

            async with line_sender(uplink, speaker) as sender:
                yield sender
        case "hj212":
            from gateway.uplinks.hj212_sender import hj212_sender

            async with hj212_sender(uplink, speaker) as sender:
                yield sender
        case "mqtt":
            from gateway.uplinks.mqtt_sender import mqtt_sender

            async with mqtt_sender(uplink, speaker) as sender:
                yield sender
        case "export":
            from gateway.uplinks.export_sender import ExportSender

            yield ExportSender(uplink, speaker)
