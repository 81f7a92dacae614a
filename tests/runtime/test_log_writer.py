"""Log lines go out in order; what nobody takes holds up nobody and is counted."""

from __future__ import annotations

import io
import logging
import os
import threading

from runtime.log_writer import LINES_MAX, LogWriter


def record(words: str) -> logging.LogRecord:
    return logging.LogRecord("t", logging.INFO, __file__, 1, words, None, None)


def test_lines_go_out_in_order_and_all_of_them_before_the_end() -> None:
    out = io.StringIO()
    writer = LogWriter(out)
    for number in range(50):
        writer.emit(record(str(number)))
    writer.close()
    assert out.getvalue().split() == [str(number) for number in range(50)]


def test_a_reader_that_stands_still_holds_up_nobody_and_hears_how_much_it_missed() -> None:
    gate, out = threading.Event(), io.StringIO()

    class Stuck(io.StringIO):
        def write(self, words: str) -> int:
            gate.wait()
            return out.write(words)

    writer = LogWriter(Stuck())
    for number in range(LINES_MAX + 100):
        writer.emit(record(str(number)))
    gate.set()
    writer.close()
    lines = out.getvalue().splitlines()
    said = [line for line in lines if "were dropped" in line]
    assert said
    dropped = sum(int(line.split()[0]) for line in said)
    assert dropped + len(lines) - len(said) == LINES_MAX + 100


def test_a_pipe_that_nobody_holds_any_more_is_no_trouble() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8")
    writer = LogWriter(stream)
    for number in range(3):
        writer.emit(record(str(number)))
    writer.close()
    try:
        stream.close()
    except BrokenPipeError:
        assert stream.closed
