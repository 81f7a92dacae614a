"""Who has no such uplink does not pay for it."""

from __future__ import annotations

import subprocess
import sys


def test_a_collector_without_such_an_uplink_loads_neither_cryptography_nor_an_xml_parser() -> None:
    code = (
        "import sys, gateway.app, gateway.uplinks.kinds; "
        "print(sorted({'cryptography', 'defusedxml', 'pyexpat', 'gateway.query.reader'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
