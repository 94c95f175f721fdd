"""All experiments, by name."""

from gigaday.errors import BadRequest
from gigaday.lab.chaos import data_faults, host_faults, node_faults, overload
from gigaday.lab.chaos.experiment import Experiment
from gigaday.rules.spelling import nearest

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        *node_faults.EXPERIMENTS,
        *data_faults.EXPERIMENTS,
        *overload.EXPERIMENTS,
        *host_faults.EXPERIMENTS,
    )
}


def named(name: str) -> list[Experiment]:
    """The one of that name, or all. Raises BadRequest."""
    if name == "all":
        return list(EXPERIMENTS.values())
    if name not in EXPERIMENTS:
        meant = nearest(name, list(EXPERIMENTS))
        raise BadRequest(f"There is no experiment {name!r}" + (f"; did you mean {meant}?" if meant else "."))
    return [EXPERIMENTS[name]]
