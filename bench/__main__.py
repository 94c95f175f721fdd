"""Runs the benchmarks named, or all of them: `python -m bench [start hot reads ...] [--scale 0.01]`."""

import argparse
import signal
import sys

from bench import (
    autoscaling,
    balancer,
    calls,
    cold,
    creates,
    growth,
    hot,
    images,
    importing,
    memory,
    paging,
    reads,
    redis_failover,
    shed,
    signing,
    stampede,
    start,
    transfer,
)
from bench.report import table

BENCHMARKS = {
    "start": start,
    "hot": hot,
    "cold": cold,
    "creates": creates,
    "stampede": stampede,
    "growth": growth,
    "memory": memory,
    "calls": calls,
    "shed": shed,
    "reads": reads,
    "paging": paging,
    "redis": redis_failover,
    "importing": importing,
    "transfer": transfer,
    "signing": signing,
    "images": images,
    "balancer": balancer,
    "autoscaling": autoscaling,
}


def main() -> None:
    """Prints one table a benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all unless named")
    parser.add_argument("--scale", type=float, default=1.0, help="sizes, as a share of the full ones")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and temporary folders go as well
    for name in asked.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        print(table(f"{name}: {benchmark.__doc__}", benchmark.run(asked.scale)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
