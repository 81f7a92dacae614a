"""``campus-gateway simulate`` as processes of their own, and ten ports in a row that are free just now for them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

COMMAND = [sys.executable, "-m", "gateway.cli", "simulate"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def get(url: str, process: subprocess.Popen[bytes]) -> str:
    """The page, once the process serves it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing at {url}: {process.stderr.read().decode() if process.stderr else ''}")


def free_port_base() -> int:
    """The first of ten neighbours, all of which could be bound a moment ago."""
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(_bound(0))
            base = int(first.getsockname()[1])
            try:
                for offset in range(1, 10):
                    stack.enter_context(_bound(base + offset))
            except (OSError, OverflowError):
                continue
            return base


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.bind(("127.0.0.1", port))
    except BaseException:
        bound.close()
        raise
    return bound
