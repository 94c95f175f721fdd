"""What may be expected of the balancer, and of what the nodes count: clients alone cannot tell these."""

from gigaday.lab.chaos.experiment import Expectation, Finding, Run
from gigaday.lab.chaos.tenants import GREEDY, GREEDY_LIMIT
from gigaday.lab.chaos.watch import Glance

LOADS = 'gigaday_cache_events_total{cache="responses",event="loads"}'


def out_within(seconds: float) -> Expectation:
    """The balancer sends no more requests to the node that was hit."""

    def judge(run: Run, control: Run) -> Finding:
        out = [one.at - run.fault for one in _during(run) if run.hit not in one.serving]
        seen = f"{out[0]:.2f} s" if out else "never"
        return Finding(f"out of the balancer within {seconds:g} s", seen, bool(out) and out[0] <= seconds)

    return judge


def only_that_one_out() -> Expectation:
    """No other node is taken out for it."""

    def judge(run: Run, control: Run) -> Finding:
        everyone = frozenset[str]().union(*(one.serving for one in run.glances if one.at < run.fault))
        gone = {name for one in _during(run) for name in everyone - one.serving} - {run.hit}
        return Finding("no other node is taken out", ", ".join(sorted(gone)) or "none", not gone)

    return judge


def limits_hold(factor: float) -> Expectation:
    """A tenant that asks for three times as much gets at most `factor` times its limit meanwhile."""

    def judge(run: Run, control: Run) -> Finding:
        lasted = run.rollback - run.fault
        most = factor * GREEDY_LIMIT * lasted
        admitted = sum(one.is_good for one in run.during(GREEDY))
        base = sum(one.is_good for one in control.of(GREEDY)) / (GREEDY_LIMIT * control.seconds)
        return Finding(
            f"limits hold within {factor:g}x", f"{admitted / (GREEDY_LIMIT * lasted):.2f}x ({admitted} admitted)",
            0 < admitted <= most, f"{base:.2f}x",
        )  # fmt: skip

    return judge


def hits_back(share: float, after: float) -> Expectation:
    """So many seconds into the fault, reads are found in a cache as often as `share` of what is usual."""

    def judge(run: Run, control: Run) -> Finding:
        reads, usual = run.during("read", after=after), control.of("read")
        now = sum(one.hit for one in reads) / max(1, len(reads))
        base = sum(one.hit for one in usual) / max(1, len(usual))
        text = f"hit rate >= {share:.0%} of the usual from {after:g} s on"
        return Finding(text, f"{now:.1%}", bool(reads) and now >= share * base, f"{base:.1%}")

    return judge


def counted_at_most(name: str, most: float, what: str) -> Expectation:
    """Of what the fault itself has counted."""

    def judge(run: Run, control: Run) -> Finding:
        seen = run.counted.get(name)
        return Finding(what, "not counted" if seen is None else f"{seen:g}", seen is not None and seen <= most)

    return judge


def counted_at_least(name: str, least: float, what: str) -> Expectation:
    """The same, of what there should be much of."""

    def judge(run: Run, control: Run) -> Finding:
        seen = run.counted.get(name, 0.0)
        return Finding(what, f"{seen:g}", seen >= least)

    return judge


def goodput_kept(share: float) -> Expectation:
    """Under a flood as many are answered well as could be before it."""

    def judge(run: Run, control: Run) -> Finding:
        peak, good = run.counted.get("peak", 0.0), run.counted.get("good", 0.0)
        kept = good / peak if peak else 0.0
        text = f"{kept:.0%}: {good:.0f}/s of {peak:.0f}/s, as {run.counted.get('asked', 0.0):.0f}/s came"
        return Finding(f"goodput >= {share:.0%} of the peak before", text, kept >= share)

    return judge


def calm_after(what: str, seconds: float) -> Expectation:
    """No usual client sees an error so many seconds after what the fault has counted as its end."""

    def judge(run: Run, control: Run) -> Finding:
        ended = run.fault + run.counted.get(what, 0.0)
        last = max((one.due - ended for one in run.samples if one.is_error and one.due > ended), default=0.0)
        return Finding(f"recovered within {seconds:g} s", f"last error after {last:.1f} s", last <= seconds)

    return judge


def one_load_each() -> Expectation:
    """Each time that the hot key was changed, every node loads it once at most; other clients only write."""

    def judge(run: Run, control: Run) -> Finding:
        rounds, loads = run.counted.get("rounds", 0.0), run.counted.get(LOADS, 0.0)
        nodes = len(frozenset[str]().union(*(one.serving for one in run.glances)))
        seen = f"{loads / rounds if rounds else 0:.2f} by {nodes} nodes (changed {rounds:g} times)"
        return Finding("one load on each node for each change", seen, rounds > 0 and loads <= nodes * rounds)

    return judge


def _during(run: Run) -> list[Glance]:
    return [one for one in run.glances if run.fault <= one.at < run.rollback]
