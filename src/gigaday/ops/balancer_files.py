"""Writes a balancer's configuration only where the balancer's own check passes it: a faulty one replaces nothing."""

import os
import subprocess
import tempfile
from pathlib import Path

from gigaday.ops import balancer_haproxy, balancer_nginx
from gigaday.ops.balancer import Balancer, BalancerError, Engine

_CHECKS = {"haproxy": ("haproxy", "-c", "-f"), "nginx": ("nginx", "-t", "-e", "stderr", "-c")}
_CHECK_SECONDS = 30


def render(engine: Engine, balancer: Balancer, folder: Path) -> dict[str, str]:
    """The files of a configuration by name, the main one first; they refer to each other within `folder`."""
    renderers = {"haproxy": balancer_haproxy.files, "nginx": balancer_nginx.files}
    return renderers[engine](balancer, folder)


def write(engine: Engine, balancer: Balancer, output: Path, *, check: bool = True) -> Path:
    """Writes `output`, and beside it what it loads. Raises BalancerError where the check fails."""
    output = output.absolute()
    aside = output.with_name(f"{output.name}.d")
    if check:
        verify(engine, balancer)
    aside.mkdir(parents=True, exist_ok=True)
    (_, text), *others = render(engine, balancer, aside).items()
    for name, content in others:
        _replace(aside / name, content)
    _replace(output, text)
    return output


def verify(engine: Engine, balancer: Balancer) -> None:
    """Lets the balancer itself read the configuration."""
    with tempfile.TemporaryDirectory(prefix="gigaday-balancer-") as folder:
        rendered = render(engine, balancer, Path(folder))
        for name, content in rendered.items():
            Path(folder, name).write_text(content, encoding="utf-8")
        verify_file(engine, Path(folder, next(iter(rendered))))


def verify_file(engine: Engine, config: Path) -> None:
    """The same of a file that is there."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [*_CHECKS[engine], str(config)], capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False
        )
    except FileNotFoundError:
        raise BalancerError(f"{engine} is not installed here, so the configuration is not checked") from None
    except subprocess.TimeoutExpired:
        raise BalancerError(f"{engine} did not end its check in {_CHECK_SECONDS} s") from None
    if done.returncode:
        raise BalancerError(f"{engine} refuses the configuration:\n{done.stderr.strip()}")


def _replace(path: Path, content: str) -> None:
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(made).replace(path)
