"""Where log lines go: standard error, one line an event, as JSON for machines or plain for people."""

import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor


def logger(format: Literal["console", "json"], sink: TextIO | None = None) -> FilteringBoundLogger:
    """A logger of its own: nothing global is configured."""
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shown: list[Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if format == "json"
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    made: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(sink or sys.stderr),
        processors=[*shared, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )
    return made
