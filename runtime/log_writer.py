"""Log lines on their way out: written by a thread of their own, so that a full disk or pipe behind stderr holds up nobody.

Lines wait in a bounded queue; what does not fit, or cannot be written, is dropped and counted, and the count is the next line
that goes out.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from queue import Full, Queue
from threading import Thread
from typing import TextIO

LINES_MAX = 1000
LAST_WORDS_S = 1.0
"""How long the end of a process waits for its last lines to be taken."""


class LogWriter(logging.Handler):
    """A handler that never waits. ``close`` is called at the end of the process by itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: Queue[str | None] = Queue(LINES_MAX)
        self._dropped = 0
        self._thread = Thread(target=self._write, name="log", daemon=True)
        self._thread.start()
        super().__init__()  # last: a handler that could not begin is none
        atexit.register(self.close)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the line over, or count it as dropped."""
        try:
            self._lines.put_nowait(self.format(record))
        except Full:
            self._dropped += 1

    def close(self) -> None:
        """Give the last lines ``LAST_WORDS_S`` to go out."""
        atexit.unregister(self.close)
        try:
            self._lines.put(None, timeout=LAST_WORDS_S)
        except Full:  # nobody has read for a thousand lines
            return
        self._thread.join(LAST_WORDS_S)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line = f"{dropped} log lines were dropped: nobody took them\n{line}"
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # closed, or nowhere to go
                self._dropped += dropped + 1


def stderr() -> TextIO:
    """Where log lines go. A process that was started with stderr closed gets one that leads nowhere, before a socket takes
    its number."""
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    return sys.stderr
