"""``make bench``: every benchmark, one after the other."""

from __future__ import annotations

from bench import district_ingest, full_buffer, modbus_poll, mqtt_ingest, reading_store, upload_leg

if __name__ == "__main__":
    for one in (reading_store, full_buffer, modbus_poll, mqtt_ingest, upload_leg, district_ingest):
        print(one.table(), flush=True)
