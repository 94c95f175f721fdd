"""How many calls may be tried again: a share of the first attempts, so that retries never become the load.

Source: "retry budget" in Finagle and Linkerd; the share of a tenth is Google's ("Site Reliability Engineering",
chapter 21).
"""


class RetryBudget:
    """Every first attempt earns `share` of a retry; at most `most` retries are saved up."""

    def __init__(self, share: float = 0.1, most: float = 10.0) -> None:
        self._share, self._most = share, most
        self._saved = most
        self.spent = 0

    def earn(self) -> None:
        """For a first attempt."""
        self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Whether to try again; counted where it is."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        self.spent += 1
        return True
