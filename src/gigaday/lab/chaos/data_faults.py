"""Experiments with what the nodes stand on: Redis, MongoDB and the object store die, slow down, fall silent."""

import time

from gigaday.lab import roles
from gigaday.lab.chaos.expectations import (
    ALL,
    READS,
    WRITES,
    all_refused,
    answered_with,
    degraded,
    errors_last_at_most,
    few_attempts,
    no_errors,
    recovered_within,
    served,
    slower_by_at_most,
    slowest,
    writable_within,
)
from gigaday.lab.chaos.experiment import Experiment, Scene
from gigaday.lab.chaos.fleet_expectations import counted_at_most, hits_back, limits_hold, only_that_one_out
from gigaday.lab.chaos.tenants import GREEDY
from gigaday.lab.chaos.traffic import Mix
from gigaday.lab.faults import MONGO_MEMBERS, Toxic
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import Member
from gigaday.lab.servers import mongod, node

UPLOADS = Mix(rate=40, reads=0.55, lists=0.1, creates=0.1, changes=0.05, uploads=0.2)


def _proxied(lab: Lab) -> str:
    return "" if lab.facts.get("fault_proxy") else "the laboratory has no fault proxy: gigaday lab up --proxies"


def _replicated(lab: Lab) -> str:
    return "" if len(lab.of_kind("redis")) > 3 else "Redis has no replicas: gigaday lab up, without --small"


def _poison(scene: Scene, members: list[Member], toxic: Toxic) -> None:
    for member in members:
        scene.faults.add(member.name, toxic)


def _data(lab: Lab) -> list[Member]:
    return [member for member in lab.of_kind("mongo") if member.role != "arbiter"]


def kill_redis_primary(scene: Scene) -> None:
    """SIGKILL to one primary of the cluster."""
    _redis_primary(scene).kill()


def _redis_primary(scene: Scene) -> Member:
    named = {member.name for member in scene.lab.of_kind("redis")}
    found = roles.redis_members(scene.lab)
    victim = scene.random.choice([name for name, role in found.items() if role == "primary" and name in named])
    scene.notes.append(f"the primary is {victim}")
    return scene.lab.member(victim)


def freeze_redis_primary(scene: Scene) -> None:
    """SIGSTOP to one primary: the others, and its clients, lose sight of it, and it comes back believing itself one."""
    _redis_primary(scene).freeze()


def kill_redis(scene: Scene) -> None:
    """SIGKILL to the whole cluster, not to the backup."""
    for member in scene.lab.of_kind("redis"):
        member.kill()


def kill_all_redis(scene: Scene) -> None:
    """SIGKILL to the cluster and the backup."""
    for member in [*scene.lab.of_kind("redis"), *scene.lab.of_kind("redis-backup")]:
        member.kill()


def slow_redis(scene: Scene) -> None:
    """Every answer of Redis takes 500 ms."""
    _poison(scene, scene.lab.of_kind("redis"), Toxic(type="latency", attributes={"latency": 500}))


def silence_redis(scene: Scene) -> None:
    """Nothing of what Redis answers arrives."""
    _poison(scene, scene.lab.of_kind("redis"), Toxic(type="timeout"))


def kill_mongo_primary(scene: Scene) -> None:
    """SIGKILL to the primary."""
    primary = roles.primary(scene.lab)
    scene.notes.append(f"the primary was {primary.name}")
    primary.kill()


def step_down(scene: Scene) -> None:
    """The primary hands over."""
    mongod.step_down(roles.primary(scene.lab).port, 10)


def lose_replies(scene: Scene) -> None:
    """Now and then, a write reaches MongoDB and is committed, and its connection is cut in place of the reply."""
    number = 0
    while not scene.ending():
        primary = roles.primary(scene.lab)
        for command in ("insert", "update", "findAndModify"):
            toxic = Toxic(
                type="lost_reply", name=f"lost-{number}-{command}", spares=MONGO_MEMBERS,
                attributes={"contains": [command, "products"], "times": 1},
            )  # fmt: skip
            scene.faults.add(primary.name, toxic)
        number += 1
        time.sleep(1)
    scene.notes.append(f"up to {3 * number} replies were cut")


def lag(scene: Scene) -> None:
    """One secondary stops applying what the primary writes."""
    roles_now = roles.mongo(scene.lab)
    victim = scene.random.choice([name for name, role in roles_now.items() if role == "SECONDARY"])
    scene.notes.append(f"the secondary is {victim}")
    port = scene.lab.member(victim).port
    scene.undo.callback(_command, port, {"fsyncUnlock": 1})
    _command(port, {"fsync": 1, "lock": True})


def _command(port: int, command: dict[str, object]) -> None:
    with mongod.direct(port, 10) as client:
        client.admin.command(command)


def kill_majority(scene: Scene) -> None:
    """SIGKILL to the primary and as many others as leave no majority."""
    members = scene.lab.of_kind("mongo")
    primary = roles.primary(scene.lab)
    others = [member for member in reversed(members) if member is not primary]
    for member in [primary, *others][: len(members) // 2 + 1]:
        member.kill()


def kill_mongo(scene: Scene) -> None:
    """SIGKILL to every member."""
    for member in scene.lab.of_kind("mongo"):
        member.kill()


def kill_data(scene: Scene) -> None:
    """SIGKILL to every member of MongoDB and Redis: no node may be taken out for what all of them lack."""
    kill_mongo(scene)
    kill_all_redis(scene)


def slow_mongo(scene: Scene) -> None:
    """Every answer of MongoDB takes 2 s; its members go on among themselves."""
    _poison(scene, _data(scene.lab), Toxic(type="latency", attributes={"latency": 2_000}, spares=MONGO_MEMBERS))
    _ask(scene, "/livez")


def stop_store(scene: Scene) -> None:
    """The object store refuses connections."""
    scene.faults.down("s3")
    _ask(scene, "/api/health")


def slow_store(scene: Scene) -> None:
    """Every answer of the object store takes 5 s."""
    scene.faults.add("s3", Toxic(type="latency", attributes={"latency": 5_000}))
    _ask(scene, "/api/health")


def reset_store(scene: Scene) -> None:
    """The object store resets every connection."""
    scene.faults.add("s3", Toxic(type="reset_peer"))
    _ask(scene, "/api/health")


def _ask(scene: Scene, path: str) -> None:
    """Until the fault ends, each node is asked; counts those that did not answer within a second."""
    silent = asked = 0
    while not scene.ending():
        for member in scene.lab.of_kind("node"):
            silent += not node.answers(member.port, path, seconds=1)
            asked += 1
        time.sleep(0.2)
    scene.counted["silent"] = silent
    scene.notes.append(f"{path} was asked for {asked} times, {silent} times for longer than a second")


_ANSWERS = counted_at_most("silent", 0, "health is answered within 1 s")

REDIS = (
    Experiment(
        "redis-primary", "One Redis primary dies", kill_redis_primary,
        [no_errors(*ALL), hits_back(0.9, 5), slower_by_at_most(0.2, 0.99, *READS)], needs=_replicated,
    ),
    Experiment(
        "redis-partition", "One Redis primary is cut off from all others", freeze_redis_primary,
        [no_errors(*ALL), slower_by_at_most(0.2, 0.99, *READS)], needs=_replicated,
    ),
    Experiment(
        "redis-lost", "The Redis cluster dies; its backup lives", kill_redis,
        [no_errors(*ALL), slower_by_at_most(0.05, 0.99, *READS, after=2), limits_hold(2)], greedy=True,
    ),
    Experiment(
        "redis-all-lost", "Redis dies, and its backup with it", kill_all_redis,
        [
            no_errors(*ALL), slower_by_at_most(0.05, 0.99, *READS, after=2), limits_hold(2),
            degraded(GREEDY, after=2),
        ],
        greedy=True,
    ),
    Experiment(
        "redis-slow", "Redis answers after 500 ms", slow_redis,
        [no_errors(*ALL), slower_by_at_most(0.05, 0.99, *READS, after=2)], needs=_proxied,
    ),
    Experiment(
        "redis-silent", "What Redis answers never arrives", silence_redis,
        [no_errors(*ALL), slower_by_at_most(0.05, 0.99, *READS, after=2)], needs=_proxied,
    ),
)  # fmt: skip

MONGO = (
    Experiment(
        "mongo-primary", "The MongoDB primary dies", kill_mongo_primary,
        [no_errors(*READS), writable_within(5), errors_last_at_most(5, *WRITES)],
    ),
    Experiment(
        "mongo-steps-down", "The MongoDB primary steps down", step_down,
        [no_errors(*READS), writable_within(5), errors_last_at_most(5, *WRITES)],
    ),
    Experiment(
        "mongo-lost-reply", "MongoDB's reply is lost after the commit", lose_replies,
        [no_errors(*ALL)], needs=_proxied,
    ),
    Experiment("mongo-lagging", "A MongoDB secondary lags behind", lag, [no_errors(*ALL)]),
    Experiment(
        "mongo-no-primary", "MongoDB is left without a primary", kill_majority,
        [
            all_refused(503, *WRITES, after=2), answered_with(503, "read_only", *WRITES, after=2),
            no_errors(*READS), slowest(0.99, 1.0, *READS, after=1), degraded(*READS, after=2),
        ],
        mix=Mix(attempts=2, patience=2.0),
    ),
    Experiment(
        "mongo-down", "MongoDB is wholly down", kill_mongo,
        [
            served(0.9, "read"), answered_with(503, "", *ALL), slowest(0.99, 1.0, *ALL, after=1),
            degraded("read", after=2), recovered_within(10),
        ],
        mix=Mix(attempts=2, patience=2.0),
    ),
    Experiment(
        "data-down", "Every node loses MongoDB and Redis at once", kill_data,
        [
            answered_with(503, "", *ALL), slowest(0.99, 1.0, *ALL, after=2), only_that_one_out(), recovered_within(10),
        ],
        mix=Mix(attempts=2, patience=2.0),
    ),
    Experiment(
        "mongo-slow", "MongoDB answers after 2 s", slow_mongo,
        [no_errors("read"), few_attempts(1.1), _ANSWERS, recovered_within(5)], needs=_proxied,
    ),
)  # fmt: skip

_METADATA = (*READS, *WRITES)
OBJECTS = (
    Experiment(
        "store-down", "The object store is down", stop_store,
        [no_errors(*_METADATA), all_refused(503, "upload"), _ANSWERS, recovered_within(5)], mix=UPLOADS, needs=_proxied,
    ),
    Experiment(
        "store-slow", "The object store answers after 5 s", slow_store,
        [no_errors(*_METADATA), slower_by_at_most(0.05, 0.99, *READS), _ANSWERS, recovered_within(5)],
        mix=UPLOADS, needs=_proxied,
    ),
    Experiment(
        "store-resets", "The object store resets connections", reset_store,
        [no_errors(*_METADATA), all_refused(503, "upload"), _ANSWERS, recovered_within(5)], mix=UPLOADS, needs=_proxied,
    ),
)  # fmt: skip

EXPERIMENTS = (*REDIS, *MONGO, *OBJECTS)
