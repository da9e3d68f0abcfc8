"""How the daemon logs: words on a terminal, JSON lines elsewhere. Never a secret, never a caller's number."""

import logging
import sys

import structlog


def set_up_logs(level: int = logging.INFO) -> structlog.stdlib.BoundLogger:
    """Send all logs of this level and above to standard error."""
    terminal = sys.stderr.isatty()
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("slmon")
    return logger
