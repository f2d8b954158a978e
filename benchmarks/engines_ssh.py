#!/usr/bin/env python3
"""A campaign on a host that is reached by SSH, against `scp` of the same bytes.

`python benchmarks/engines_ssh.py` starts an sshd of its own on loopback, and prints the figures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.services.proxy import Proxy
from tests.services.ssh import Sshd

from gc3libs.backends.batch import BatchBackend
from gc3libs.backends.transport.ssh import SshTransport
from gc3libs.config import HostResource
from gc3libs.engine import Engine
from gc3libs.model import Application, State
from gc3libs.persistence import make_store
from measuring import Figure, Stopwatch, at_least, in_turns

MB = 1 << 20
ROUNDS = 3


@contextmanager
def server() -> Iterator[Sshd]:
    """An sshd that `~/.ssh/config` of this process calls `cluster`."""
    sshd = Sshd()
    sshd.start()
    os.environ["HOME"] = str(sshd.home)
    try:
        yield sshd
    finally:
        sshd.remove()


def campaign(directory: Path, sshd: Sshd, quick: bool) -> Figure:
    """Tasks with an input and an output each, from a new session to the last output."""
    count, size = (10, MB // 10) if quick else (100, MB)
    inputs = directory / "inputs"
    inputs.mkdir()
    for i in range(count):
        (inputs / f"{i}").write_bytes(os.urandom(size))

    def ours(number: int, watch: Stopwatch) -> None:
        place = directory / f"ours-{number}"
        place.mkdir()
        with watch():
            run(place, [inputs / f"{i}" for i in range(count)])

    def floor(number: int, watch: Stopwatch) -> None:
        scp = ["scp", "-q", "-r", "-F", f"{sshd.home}/.ssh/config"]
        with watch():
            subprocess.run([*scp, str(inputs), f"cluster:floor-{number}"], check=True)
            subprocess.run([*scp, f"cluster:floor-{number}", directory], check=True)
        shutil.rmtree(directory / f"floor-{number}")
        with_transport = SshTransport("cluster")
        with_transport.run(f"rm -rf floor-{number}")
        with_transport.close()

    mine, theirs = in_turns(ours, floor, 2 if quick else ROUNDS)
    megabytes = 2 * count * size / MB
    what = f"{count} tasks over SSH, input and output of {size / MB:g} MB each"
    return at_least(0.5, what, "scp -r", megabytes / mine, megabytes / theirs, "MB/s")


def run(place: Path, inputs: list[Path]) -> None:
    """Run a task for each input on the host, and bring the outputs here."""
    tasks = [
        Application(["mv", "in", "out"], {path: "in"}, ["out"], str(place / path.name))
        for path in inputs
    ]
    settings = HostResource(cores=16, transport="ssh", host="cluster")
    with make_store(f"sqlite:{place}/store.db") as store:
        backend = BatchBackend("cluster", settings, place / "run")
        engine = Engine(backend, tasks, store=store)
        engine.run()
        engine.close()
        backend.close()
    assert all(task.execution.state is State.TERMINATED for task in tasks)
    assert all((place / path.name / "out").stat().st_size for path in inputs)


def lines(directory: Path, sshd: Sshd, quick: bool) -> Iterator[str]:
    """Seconds for text and noise over several lines, compressed or not."""
    size = MB if quick else 20 * MB
    rows = b"".join(b"%d,%f,%s\n" % (i, i / 7, b"abc" * (i % 5)) for i in range(size // 25))
    (directory / "text").write_bytes(rows[:size])
    (directory / "noise").write_bytes(os.urandom(size))
    for delay, rate in ((0.0, 0), (0.01, 0), (0.01, 10 * MB), (0.01, 2 * MB)):
        for compression in ("no", "yes"):
            with proxied(sshd, delay, rate, compression) as host:
                times = [transfer(host, directory / kind) for kind in ("text", "noise")]
            line = f"{2000 * delay:.0f} ms" + (f", {rate / MB:g} MB/s" if rate else "")
            rates = [f"{size / MB / seconds:6.1f} MB/s" for seconds in times]
            yield f"{line:18} compression {compression:3}  text {rates[0]}  noise {rates[1]}"


@contextmanager
def proxied(sshd: Sshd, delay: float, rate: int, compression: str) -> Iterator[str]:
    """A name for the host behind a slower line."""
    proxy = Proxy(sshd.port)
    proxy.delay, proxy.rate = delay, rate
    host = f"far{proxy.port}"
    sshd.write_client_config(f"Compression {compression}", host=host, port=proxy.port)
    try:
        yield host
    finally:
        proxy.close()


def transfer(host: str, path: Path) -> float:
    """Seconds to bring a file there."""
    transport = SshTransport(host)
    target = f"{transport.home()}/benchmark-{path.name}"
    began = time.perf_counter()
    transport.put([(str(path), target)])
    seconds = time.perf_counter() - began
    transport.run(f"rm {target}")
    transport.close()
    return seconds


def main() -> int:
    """Status 0: the target was met, or sizes were small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: see that it runs")
    parser.add_argument("--lines", action="store_true", help="also: what compression does")
    options = parser.parse_args()
    with server() as sshd, tempfile.TemporaryDirectory(prefix="gc3-bench-") as name:
        figure = campaign(Path(name), sshd, options.quick)
        print(
            f"{figure.what}\n    {figure.ours:.0f} {figure.unit}; {figure.floor}:"
            f" {figure.least:.0f} {figure.unit}; {figure.ratio:.2f} x ({figure.target})"
        )
        if options.lines:
            for line in lines(Path(name), sshd, options.quick):
                print(line, flush=True)
    return 0 if figure.met or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
