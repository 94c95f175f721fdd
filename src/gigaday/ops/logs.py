"""Where log lines go: standard error, one line an event, as JSON for machines or plain for people."""

import sys
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor


class Dropping:
    """A sink that drops and counts lines which cannot be written, as on a full disk: no request fails for its log."""

    def __init__(self, sink: TextIO) -> None:
        self._sink = sink
        self.dropped = 0

    def write(self, text: str) -> int:
        try:
            return self._sink.write(text)
        except OSError:
            self.dropped += 1
            return 0

    def flush(self) -> None:
        try:
            self._sink.flush()
        except OSError:
            self.dropped += 1


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
        structlog.WriteLogger(cast(TextIO, Dropping(sink or sys.stderr))),
        processors=[*shared, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )
    return made
