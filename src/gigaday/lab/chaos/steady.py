"""Whether the deployment is as it should be before and after an experiment."""

import time
from collections.abc import Callable

from gigaday.lab import roles
from gigaday.lab.chaos import watch
from gigaday.lab.laboratory import Lab


def fault(lab: Lab) -> str:
    """What is not as it should be; empty where all is well."""
    dead = [member.name for member in lab.members.values() if member.state() != "up"]
    if dead:
        return "not running: " + ", ".join(dead)
    asleep = [name for name, ready in roles.ready(lab).items() if not ready]
    if asleep:
        return "not ready: " + ", ".join(asleep)
    known = list(roles.mongo(lab).values())
    if known.count("PRIMARY") != 1 or "" in known:
        return f"MongoDB has the roles {known}"
    silent = [name for name, role in roles.redis_members(lab).items() if not role]
    if silent:
        return "not answering: " + ", ".join(silent)
    if idle := watch.not_serving(lab):
        return "not sent requests: " + ", ".join(idle)
    lacking = watch.lacking(lab)
    return "nodes lack " + ", ".join(lacking) if lacking else ""


def wait(lab: Lab, seconds: float, also: Callable[[], str] = lambda: "", wait: float = 0.25) -> str:
    """What is still wrong after `seconds` of waiting; empty as soon as nothing is."""
    deadline = time.monotonic() + seconds
    while True:
        wrong = fault(lab) or also()
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(wait)
