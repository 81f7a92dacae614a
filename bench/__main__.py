"""``make bench``: every benchmark, one after the other."""

from __future__ import annotations

from bench import (
    backlog,
    district_ingest,
    district_pages,
    full_buffer,
    modbus_poll,
    mqtt_ingest,
    reading_store,
    upload_leg,
)

TABLES = (
    reading_store, full_buffer, modbus_poll, mqtt_ingest, backlog, upload_leg, district_ingest, district_pages,
)  # fmt: skip

if __name__ == "__main__":
    for one in TABLES:
        print(one.table(), flush=True)
