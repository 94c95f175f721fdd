"""The process that renders, one job after another: bounded in memory and CPU, without leave to write files, and lost
without harm.

It is run as `python -m gigaday.imaging.worker LIMITS`, its standard input being a socket over which frames come and go.
"""

import os
import resource
import socket
import sys
from pathlib import Path

import msgspec

from gigaday.imaging.frames import LENGTH, READY, Job, Limits, Refused, Render, Rendered, Reply, Seen, framed
from gigaday.imaging.look import look
from gigaday.imaging.render import Unrenderable, only_trusted_loaders, render

_NICENESS = 5
"""Requests that need no rendering go first."""
_STATM = Path("/proc/self/statm")
_UNKNOWN_SPACE = 1 << 30


def main() -> None:
    """Works until nothing more comes."""
    limits = msgspec.json.decode(sys.argv[1], type=Limits)
    os.nice(_NICENESS)
    only_trusted_loaders()
    confine(limits)
    with socket.socket(fileno=os.dup(0)) as channel:
        channel.sendall(framed(READY))
        while (job := receive(channel)) is not None:
            allow_cpu(limits.cpu)
            reply, data = work(job, limits)
            channel.sendall(framed(msgspec.json.encode(reply)))
            if isinstance(reply, Rendered):
                channel.sendall(framed(data))


def confine(limits: Limits) -> None:
    """For good: bounds memory, and forbids files to be written and cores to be dumped."""
    most = address_space() + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_cpu(seconds: int) -> None:
    """From now on; then the process is ended by SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, resource.RLIM_INFINITY))


def work(job: Job, limits: Limits) -> tuple[Reply, bytes]:
    """The reply, and the rendering where there is one."""
    try:
        if isinstance(job, Render):
            chosen, data = render(job.path, job.spec, limits.pixels)
            return Rendered(chosen), data
        return Seen(look(job.path, limits.pixels)), b""
    except Unrenderable as error:
        return Refused(str(error)), b""
    except MemoryError:
        return Refused("It takes more memory than there is for it."), b""


def receive(channel: socket.socket) -> Job | None:
    """The next job; None at the end."""
    head = _exactly(channel, LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    job: Job = msgspec.json.decode(_exactly(channel, LENGTH.unpack(head)[0]), type=Job)
    return job


def _exactly(channel: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size and (some := channel.recv(size - len(found))):
        found += some
    return bytes(found)


def address_space() -> int:
    """Bytes of it that this process has by now."""
    if not _STATM.exists():  # not Linux
        return _UNKNOWN_SPACE
    return int(_STATM.read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
