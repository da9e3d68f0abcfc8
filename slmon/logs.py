"""How the daemon logs: words on a terminal, JSON lines elsewhere. Never a secret, never a caller's number."""

import logging
import sys
from typing import TextIO

import structlog


def set_up_logs(level: int = logging.INFO) -> structlog.stdlib.BoundLogger:
    """Send all logs of this level and above to standard error."""
    terminal = sys.stderr.isatty()
    lines = _Lines(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S" if terminal else "iso", utc=not terminal),
            structlog.processors.format_exc_info,
            # Plain tracebacks: the pretty ones show the values of variables, and those can be callers' numbers.
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback) if terminal
            else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("slmon")
    return logger


class _Lines:
    """Where log lines go. One that cannot be written, as on the same full disk as the store, stops nothing."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lost = 0

    def msg(self, line: str) -> None:
        """Write a line, and before it how many could not be written."""
        missing = f"{self._lost} lines before this one could not be written\n" if self._lost else ""
        try:
            self._file.write(f"{missing}{line}\n")
            self._file.flush()
        except (OSError, ValueError):          # a full disk, a reader that has gone, a stream that was closed
            self._lost += 1
        else:
            self._lost = 0

    debug = info = warning = error = critical = exception = fatal = failure = log = warn = err = msg
