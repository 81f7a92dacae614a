"""Sensors for the benchmark: fifty devices that publish six fields each with QoS 1, at a steady rate, on one connection."""

from __future__ import annotations

import sys
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

DEVICES, RATE, BURST = 50, 2_000, 100


def publish(port: int, count: int) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-sensors")
    client.max_inflight_messages_set(10_000)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.wait(10)
    started = time.monotonic()
    for number in range(count):
        last = client.publish(f"z/air-{number % DEVICES}", payload(number), qos=1)
        if number % BURST == BURST - 1:
            time.sleep(max(0.0, started + (number + 1) / RATE - time.monotonic()))
    last.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def payload(number: int) -> str:
    """About 135 bytes; no two that follow each other on a topic are alike."""
    wave = number // DEVICES % 400
    return (
        f'{{"co2":{500 + wave},"temperature":{20 + wave / 100:.2f},"humidity":{40 + wave / 100:.2f},"pm25":{wave % 90},'
        f'"voc":{100 + wave},"battery":{wave % 100},"linkquality":{wave % 255},"update":{{"state":"idle"}}}}'
    )


if __name__ == "__main__":
    publish(int(sys.argv[1]), int(sys.argv[2]))
