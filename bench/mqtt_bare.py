"""The bare side of ``mqtt_ingest``, and the size of the job: paho alone, so that its memory is its own."""

from __future__ import annotations

import sys

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.child import Meter

WINDOW = 4_000
"""Two seconds of messages (ARCHITECTURE 2: twice the commit interval times the rate)."""

MESSAGES, WARM_UP = 10_000, 1_000


def bare(port: int, messages: int, protocol: MQTTProtocolVersion) -> None:
    """paho's own loop in this thread; PUBACK goes out when the callback returns."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-bare", protocol=protocol)
    seen, meter = 0, Meter()

    def count(*_: object) -> None:
        nonlocal seen, meter
        seen += 1
        if seen == WARM_UP:
            meter = Meter()
        if seen == WARM_UP + messages:
            meter.report(messages)
            client.disconnect()

    def subscribe(*_: object) -> None:
        client.subscribe("z/#", 1)

    client.on_message = count
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_connect = subscribe
    client.connect(
        "127.0.0.1", port, properties=_window() if protocol == MQTTProtocolVersion.MQTTv5 else None
    )
    client.loop_forever()


def _window() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own omission
    properties.ReceiveMaximum = WINDOW
    return properties


if __name__ == "__main__":
    version = MQTTProtocolVersion.MQTTv5 if sys.argv[1] == "5" else MQTTProtocolVersion.MQTTv311
    bare(int(sys.argv[2]), int(sys.argv[3]), version)
