"""``python -m gateway.cli``: the same front door, for child processes that must not depend on PATH."""

from gateway.cli.main import main

main()
