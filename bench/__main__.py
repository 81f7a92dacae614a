"""``make bench``: every benchmark, one after the other."""

from __future__ import annotations

from bench import reading_store

if __name__ == "__main__":
    print(reading_store.table())
