"""``make bench``: every benchmark, one after the other."""

from __future__ import annotations

from bench import district_ingest, district_pages, full_buffer, modbus_poll, mqtt_ingest, reading_store

if __name__ == "__main__":
    for one in (reading_store, full_buffer, modbus_poll, mqtt_ingest, district_ingest, district_pages):
        print(one.table(), flush=True)
