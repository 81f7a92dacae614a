"""Structured logs: one JSON line per event on stderr, or a readable line on a terminal."""

from __future__ import annotations

import logging

from runtime.log_writer import LogWriter, stderr
from runtime.memory import without
from runtime.plain import plain

# structlog takes both where they are installed: rich is 8 MB and a tenth of a second for traces we never draw, greenlet 1 MB for
# threads we have none of.
with without("greenlet", "rich"):
    import structlog

QUIET_LIBRARIES = {
    "pymodbus": logging.CRITICAL,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "amqtt": logging.WARNING,
    "transitions": logging.WARNING,
    "aiosqlite": logging.WARNING,
}


TRACES = ("exception", "stack")
_render = structlog.processors.JSONRenderer(ensure_ascii=False)


def configure(process: str, *, verbose: bool = False) -> None:
    """Route structlog and stdlib logging to stderr; every line carries the ``process`` that wrote it."""
    stream = stderr()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderers = (_seen, structlog.dev.ConsoleRenderer(colors=True)) if stream.isatty() else (_json,)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = LogWriter(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name, level in QUIET_LIBRARIES.items():
        logging.getLogger(name).setLevel(level)
    structlog.contextvars.bind_contextvars(process=process)


def _seen(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """For a terminal, whose renderer writes most texts as they are; a trace keeps its lines."""
    return {
        name: plain(value, "\n" if name in TRACES else "") if isinstance(value, str) else value
        for name, value in event.items()
    }


def _json(logger: object, method: str, event: structlog.typing.EventDict) -> str:
    """One line, whatever is in it: JSON escapes what is below U+0020 only."""
    return plain(str(_render(logger, method, event)))


def get(room: str) -> structlog.stdlib.BoundLogger:
    """The logger of a room; bind device_id, bus, uplink and the like where they are known."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(room)
    return logger
