"""A session's own cluster: on this machine, or its workers as jobs of Slurm."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gc3libs.backends.base import JobState
from gc3libs.config import DaskResource
from gc3libs.exceptions import RecoverableError
from gc3libs.quantity import Duration, Memory
from gc3libs.testing._backends import LAST_LONG, SUCCEED, job, run, submit, wait

from ...services.daemons import is_alive, until
from ...services.slurm import Slurm

OWN = DaskResource(cores=2)


def holder(workdir):
    """The process that holds the cluster; None if there is none."""
    mark = f"gc3libs.backends.dask.serve\0{workdir}\0".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                return int(entry.name) if is_alive(int(entry.name)) else None
        except OSError:
            continue
    return None


def test_it_ends_when_nobody_needs_it(place):
    backend = place.backend(OWN)
    assert run(backend, "T.1", SUCCEED).exitcode == 0
    assert holder(place.workdir)
    backend.close()
    until(lambda: holder(place.workdir) is None)
    assert place.backend(OWN).adopt(["T.1"])["T.1"].exitcode == 0


def test_what_runs_keeps_it_until_the_next_engine(place):
    first = place.backend(OWN)
    submit(first, job("T.1", LAST_LONG))
    wait(first, ["T.1"], until=JobState.RUNNING)
    first.close()
    process = holder(place.workdir)
    second = place.backend(OWN)
    assert second.adopt(["T.1"])["T.1"].state is JobState.RUNNING
    assert run(second, "T.2", SUCCEED).exitcode == 0
    assert holder(place.workdir) == process
    second.cancel(["T.1"])
    assert wait(second, ["T.1"])["T.1"].reason == "cancelled"


def test_killed_it_is_started_again_and_what_ran_is_lost(place):
    backend = place.backend(OWN)
    submit(backend, *[job(f"T.{n}", LAST_LONG) for n in range(3)])
    wait(backend, ["T.0", "T.1"], until=JobState.RUNNING)
    process = holder(place.workdir)
    os.kill(process, signal.SIGKILL)
    states = {}
    while len(states) < 3:
        try:
            reports = wait(backend, {"T.0", "T.1", "T.2"} - states.keys())
        except RecoverableError:
            continue
        states |= {token: report.state for token, report in reports.items()}
    assert states == {"T.0": "LOST", "T.1": "LOST", "T.2": "RETURNED"}
    assert submit(backend, job("T.2", SUCCEED)) == [None]
    assert wait(backend, ["T.2"])["T.2"].exitcode == 0
    assert holder(place.workdir) != process


def test_nobody_else_can_use_it(place):
    """Who reaches the port of a scheduler runs what he likes: it wants a certificate."""
    backend = place.backend(OWN)
    run(backend, "T.1", SUCCEED)
    assert stat.S_IMODE((place.workdir / "cluster.key").stat().st_mode) == 0o600
    url = msgspec.json.decode((place.workdir / "cluster.json").read_bytes())["url"]
    program = "import sys; from distributed import Client; Client(sys.argv[1], timeout=5)"
    for address in (url, url.replace("tls://", "tcp://")):
        stranger = subprocess.run(
            [sys.executable, "-c", program, address], capture_output=True, check=False
        )
        assert stranger.returncode != 0


def test_one_that_cannot_start_says_why(place):
    place.workdir.mkdir()
    (place.workdir / "cluster.key").mkdir()
    with pytest.raises(RecoverableError, match=r"does not start: .*cluster.key"):
        submit(place.backend(OWN), job("T.1", SUCCEED))


@pytest.fixture
def slurm(monkeypatch):
    there = Slurm()
    there.start()
    for name, value in there.environment.items():
        monkeypatch.setenv(name, value)
    yield there
    there.stop()


def test_its_workers_can_be_jobs_of_slurm(slurm, place):
    settings = DaskResource(
        queue="main",
        workers=2,
        cores=1,
        memory=Memory("500 MB"),
        walltime=Duration("10 minutes"),
        interface="lo",
    )
    backend = place.backend(settings)
    assert backend.capacity.cores == 2
    submit(backend, *[job(f"T.{n}", LAST_LONG) for n in range(2)])
    wait(backend, ["T.0", "T.1"], until=JobState.RUNNING)
    queue = slurm.run("squeue", "-h", "-o", "%P %l %C").stdout.split("\n")
    assert [line for line in queue if line] == ["main 10:00 1"] * 2
    backend.cancel(["T.0", "T.1"])
    assert {each.reason for each in wait(backend, ["T.0", "T.1"]).values()} == {"cancelled"}
    backend.close()
    until(lambda: not slurm.run("squeue", "-h").stdout.strip())


def test_without_dask_one_line_says_what_to_install():
    program = (
        "import sys; sys.modules['distributed'] = None\n"
        "from gc3libs.exceptions import ConfigurationError\n"
        "try:\n    from gc3libs.backends.dask import DaskBackend\n"
        "except ConfigurationError as err: print(err)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert said == "jobs on Dask need distributed: pip install 'gc3libs[dask]'\n"


def test_gc3libs_alone_loads_nothing_of_dask():
    program = (
        "import sys, gc3libs, gc3libs.cli, gc3libs.engine\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('dask', 'distributed')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert said == "[]\n"
