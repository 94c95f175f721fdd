"""The way back from every fault: whoever made it, and however that one ended."""

from gigaday.lab import scale
from gigaday.lab.faults import Faults
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError
from gigaday.lab.waiting import until

_SECONDS = 10.0


def heal(lab: Lab) -> list[str]:
    """Ends all faults of the proxies, lets frozen members go on and starts dead ones; what was done. Does not wait
    until they are ready. Raises LabError, BackendDown, ServerMissing."""
    done = _started(lab)
    if url := lab.facts.get("fault_proxy"):
        faults = Faults(str(url))
        done += [f"{name} has its network back" for name, proxy in faults.proxies().items() if _is_hurt(proxy)]
        faults.reset()
    return done


def _started(lab: Lab) -> list[str]:
    done: list[str] = []
    balancers = False
    for member in lab.members.values():
        state = member.state()
        if state == "frozen":
            member.thaw()
            done.append(f"{member.name} goes on")
        elif state == "dead":
            member.start()
            balancers = balancers or member.kind == "balancer"
            done.append(f"{member.name} is started again")
    if balancers:
        until(lambda: _enrolled(lab), _SECONDS, "the balancer does not take commands", retried=LabError)
    return done


def _enrolled(lab: Lab) -> bool:
    scale.enrol(lab)
    return True


def _is_hurt(proxy: dict[str, object]) -> bool:
    return not proxy["enabled"] or bool(proxy["toxics"])
