"""What a running collector has loaded. Each name here costs 0.2 to 40 MB or belongs to another process (docs/decisions/0019)."""

from __future__ import annotations

import subprocess
import sys

LOADED = (
    "gateway.cli.main", "gateway.cli.collect", "gateway.app", "gateway.cli.sites", "gateway.sources.recording",
    "gateway.sources.poll", "gateway.uplinks.kinds", "gateway.uplinks.district_http",
)  # fmt: skip
"""The command, and what it imports for a site of meters on Modbus and a district."""
ABSENT = {
    "aiomqtt", "amqtt", "cryptography", "ctypes", "dashboard", "defusedxml", "difflib", "edge_config.dialect", "fastapi",
    "gateway.commissioning", "gateway.query", "gateway.reports", "gateway.sources.mqtt", "gateway.uplinks.hj212",
    "gateway.uplinks.line_http", "gateway.uplinks.mqtt_sender", "gateway.worker", "greenlet", "httpx2", "jinja2",
    "numpy", "openpyxl", "paho", "pandas", "pyexpat", "rich", "simulators", "sqlite_utils", "starlette", "uvicorn",
    "xlsxwriter",
}  # fmt: skip


def test_a_collector_loads_nothing_that_its_site_does_not_ask_for() -> None:
    code = f"import sys, {', '.join(LOADED)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.split())
    assert set(LOADED) <= loaded
    assert loaded & ABSENT == set()
