"""The server's main process: what a signal to it means to the workers, and when patience ends.

The workers drain by themselves (see `compose.node`), so that it makes no difference whether a supervisor signals this
process alone or all of them.
"""

import os
import signal
import sys
from contextlib import suppress
from threading import Timer
from typing import Any

from granian.server.mp import MPServer

from gigaday.cli.output import note

FINISH_SECONDS = 30.0
"""How long what is running may go on once nothing new is accepted."""


class Server(MPServer):
    """Granian, which on SIGTERM drains, on SIGINT (Ctrl-C) stops without that, and on a second signal ends at once."""

    def __init__(self, *given: Any, drain_seconds: float, finish_seconds: float = FINISH_SECONDS, **more: Any) -> None:
        super().__init__(*given, **more)
        self._patience = drain_seconds + finish_seconds
        self._at_once = self._forced = False

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """The first signal begins the stop, every other ends it."""
        if os.getpid() != self.pid:
            os._exit(0)  # a worker, which has this from its parent until it sets its own and serves
        if self.interrupt_signal:
            self._force("a second signal")
        self._at_once = args[0] == signal.SIGINT
        for worker in self.wrks:
            worker.interrupt_by_parent = True  # a terminal's Ctrl-C reaches it as well: its end is no failure
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]  # granian's own

    def shutdown(self, exit_code: int = 0) -> None:
        """Returns when every worker has ended. Exits with 1 where one had to be killed, or had failed before."""
        patience = Timer(self._patience, self._force, [f"{self._patience:g} s"])
        patience.daemon = True
        patience.start()
        for worker in self.wrks if self._at_once else ():
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, signal.SIGINT)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]  # granian's own
        patience.cancel()
        if self._forced:
            sys.exit(1)

    def _force(self, after: str) -> None:
        self._forced = True
        note(f"Ended after {after}; what was still running is lost.")
        for worker in self.wrks:
            worker.inner.kill()
