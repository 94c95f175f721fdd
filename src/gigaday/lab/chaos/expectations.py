"""What may be expected of a run, each as a function that makes the judge of it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from gigaday.lab.chaos.experiment import Expectation, Finding, Run
from gigaday.lab.chaos.samples import Sample, longest_failing, percentile, statuses

READS = ("read", "list")
WRITES = ("create", "change")
ALL = (*READS, *WRITES, "upload")


def _errors(samples: list[Sample]) -> list[Sample]:
    return [one for one in samples if one.is_error]


def no_errors(*kinds: str, at_most: int = 0, code: int = 0) -> Expectation:
    """Over the whole run; `code` counts only this status."""
    named = " and ".join(kinds) or "all"

    def judge(run: Run, control: Run) -> Finding:
        def found(of: Run) -> list[Sample]:
            return [one for one in _errors(of.of(*kinds)) if not code or one.status == code]

        seen = found(run)
        many = "no" if not at_most else f"at most {at_most}"
        total = len(run.of(*kinds))
        return Finding(
            f"{many} errors ({named})", f"{len(seen)} of {total}: {statuses(seen)}", len(seen) <= at_most,
            str(len(found(control))),
        )  # fmt: skip

    return judge


def served(share: float, *kinds: str) -> Expectation:
    """At least this share of requests is answered without an error."""

    def judge(run: Run, control: Run) -> Finding:
        def of(one: Run) -> float:
            total = one.of(*kinds)
            return 1 - len(_errors(total)) / len(total) if total else 1.0

        return Finding(
            f">= {share:.2%} served ({' and '.join(kinds)})", f"{of(run):.2%}", of(run) >= share, f"{of(control):.2%}"
        )

    return judge


def errors_last_at_most(seconds: float, *kinds: str) -> Expectation:
    """From the first to the last failure of any run of failures."""

    def judge(run: Run, control: Run) -> Finding:
        lasted = longest_failing(run.of(*kinds))
        return Finding(
            f"errors for at most {seconds:g} s ({' and '.join(kinds) or 'all'})", f"{lasted:.1f} s", lasted <= seconds,
            f"{longest_failing(control.of(*kinds)):.1f} s",
        )  # fmt: skip

    return judge


def slowest(share: float, seconds: float, *kinds: str, after: float = 0.0) -> Expectation:
    """The `share` percentile during the fault, `after` so many seconds of it."""
    return _percentile(share, f"{seconds * 1_000:g} ms", lambda base: seconds, kinds, after)


def slower_by_at_most(seconds: float, share: float, *kinds: str, after: float = 0.0) -> Expectation:
    """The `share` percentile during the fault, beside the same of the control run."""
    return _percentile(share, f"control + {seconds * 1_000:g} ms", lambda base: base + seconds, kinds, after)


def _percentile(
    share: float, most: str, bound: Callable[[float], float], kinds: Sequence[str], after: float
) -> Expectation:
    """`bound` in seconds, from the percentile of the control run; `most` tells it."""

    def judge(run: Run, control: Run) -> Finding:
        took = percentile((one.took for one in run.during(*kinds, after=after)), share)
        base = percentile((one.took for one in control.of(*kinds)), share)
        late = f" from {after:g} s on" if after else ""
        text = f"p{share * 100:g} <= {most} ({' and '.join(kinds) or 'all'}){late}"
        return Finding(text, f"{took * 1_000:.0f} ms", took <= bound(base), f"{base * 1_000:.0f} ms")

    return judge


def answered_with(status: int, code: str, *kinds: str, after: float = 1.0) -> Expectation:
    """Every failure among these, once the fault has lasted `after` seconds, is told by this status and code."""

    def judge(run: Run, control: Run) -> Finding:
        failed = [one for one in run.during(*kinds, after=after) if not one.is_good]
        right = [one for one in failed if one.status == status and (not code or one.code == code)]
        told = sorted({f"{one.status} {one.code}".strip() for one in failed})
        what = f"failures answer {status} {code}".strip()
        return Finding(
            f"{what} ({' and '.join(kinds)})", f"{len(right)} of {len(failed)}: {'; '.join(told) or 'none'}",
            len(right) == len(failed),
        )  # fmt: skip

    return judge


def all_refused(status: int, *kinds: str, after: float = 1.0) -> Expectation:
    """None of these succeeds while the fault lasts; one that waits until it has ended may."""

    def judge(run: Run, control: Run) -> Finding:
        seen = [
            one for one in run.during(*kinds, after=after) if one.is_error or one.ended < (run.lifted or run.rollback)
        ]
        right = [one for one in seen if one.status == status]
        return Finding(
            f"{status} for {' and '.join(kinds)}",
            f"{len(right)} of {len(seen)}: {statuses(seen)}",
            len(right) == len(seen),
        )

    return judge


def refused_quickly(share: float, seconds: float, *kinds: str) -> Expectation:
    """The `share` percentile of how long those wait that are refused for overload."""

    def judge(run: Run, control: Run) -> Finding:
        refused = [one.took for one in run.during(*kinds) if one.status in (429, 503)]
        took = percentile(refused, share)
        text = f"p{share * 100:g} of refusals <= {seconds * 1_000:g} ms ({' and '.join(kinds) or 'all'})"
        return Finding(text, f"{took * 1_000:.1f} ms of {len(refused)}", took <= seconds)

    return judge


def degraded(*kinds: str, after: float = 1.0) -> Expectation:
    """What is answered meanwhile says that it is not as fresh as it would be."""

    def judge(run: Run, control: Run) -> Finding:
        good = [one for one in run.during(*kinds, after=after) if one.is_good]
        told = [one for one in good if one.degraded]
        words = ", ".join(sorted({one.degraded for one in told}))
        return Finding("degraded answers say so (X-Degraded)", f"{len(told)} of {len(good)} {words}", bool(told))

    return judge


def recovered_within(seconds: float, *kinds: str) -> Expectation:
    """No error from so many seconds after the rollback on."""

    def judge(run: Run, control: Run) -> Finding:
        late = [one.due - run.rollback for one in _errors(run.of(*kinds)) if one.due > run.rollback]
        last = max(late, default=0.0)
        return Finding(
            f"no error later than {seconds:g} s after the rollback", f"last after {last:.1f} s", last <= seconds
        )

    return judge


def writable_within(seconds: float) -> Expectation:
    """A write succeeds again so soon after the fault began."""

    def judge(run: Run, control: Run) -> Finding:
        good = [one for one in run.of(*WRITES) if one.is_good and one.ended > run.fault]
        # The longest time without any write being acknowledged.
        ends = [run.fault, *sorted(one.ended for one in good)]
        gap = max((b - a for a, b in pairwise(ends)), default=run.seconds)
        return Finding(f"writable again within {seconds:g} s", f"longest without a write: {gap:.1f} s", gap <= seconds)

    return judge


def few_attempts(ratio: float) -> Expectation:
    """So many attempts of clients in all for each first one."""

    def judge(run: Run, control: Run) -> Finding:
        def of(one: Run) -> float:
            return sum(sample.attempts for sample in one.samples) / max(1, len(one.samples))

        return Finding(
            f"attempts <= {ratio:g}x first attempts", f"{of(run):.2f}x", of(run) <= ratio, f"{of(control):.2f}x"
        )

    return judge


def well_told() -> Expectation:
    """Every error is problem+json with a request id; 429 and 503 carry Retry-After."""

    def judge(run: Run, control: Run) -> Finding:
        faults: dict[str, int] = {}
        for one in run.samples:
            for fault in one.faults:
                faults[fault] = faults.get(fault, 0) + 1
        told = ", ".join(f"{count} x {fault}" for fault, count in faults.items())
        return Finding(
            "errors are problem+json with a request id, 429 and 503 with Retry-After", told or "all", not faults
        )

    return judge
