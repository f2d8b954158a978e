"""A cluster with Slurm that is reached by SSH."""

import random
import time

import pytest

from gc3libs.backends.base import FetchRequest, JobState
from gc3libs.backends.batch import BatchBackend
from gc3libs.config import SlurmResource
from gc3libs.exceptions import RecoverableError
from gc3libs.quantity import Duration
from gc3libs.testing._backends import files_in, job, shell, submit, wait

from ...services.slurm import Slurm


@pytest.fixture(scope="module")
def slurm():
    cluster = Slurm(cores=8)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(slurm, home, proxy):
    """A name for the login node, behind a line that can be cut."""
    host = f"login{proxy.port}"
    home.write_client_config(f"SetEnv SLURM_CONF={slurm.configuration}", host=host, port=proxy.port)
    return host


@pytest.fixture
def backend(cluster, there, tmp_path):
    settings = SlurmResource(
        transport="ssh", host=cluster, directory=there, poll_every=Duration("0.5s")
    )
    made = BatchBackend("hal", settings, tmp_path / "run", settle=1.0)
    yield made
    made.close()


def test_an_array_with_inputs_and_outputs_runs_as_somebody_there(backend, home, tmp_path):
    jobs = []
    for i in range(6):
        (tmp_path / f"{i}").write_text(f"input {i}\n")
        command = shell(f"cat in >out; id -un >>out; echo said {i}; exit {i}")
        jobs.append(job(f"T.{i}", command, inputs=((str(tmp_path / f"{i}"), "in"),), stdout="log"))
    assert submit(backend, *jobs) == [None] * 6
    reports = wait(backend, [f"T.{i}" for i in range(6)])
    assert [reports[f"T.{i}"].exitcode for i in range(6)] == list(range(6))
    assert backend.peek("T.5", "stdout") == b"said 5\n"
    requests = [fetch_request(i, tmp_path) for i in range(6)]
    assert {(each.missing, each.error) for each in backend.fetch(requests)} == {((), None)}
    for i in range(6):
        content = f"input {i}\n{home.user}\n".encode()
        assert files_in(tmp_path / f"results-{i}") == {
            "out": content,
            "log": f"said {i}\n".encode(),
        }


def fetch_request(number, place):
    return FetchRequest(
        token=f"T.{number}",
        outputs=(("out", "out"), ("log", "log")),
        destination=str(place / f"results-{number}"),
    )


def test_a_line_that_is_cut_again_and_again_changes_nothing(backend, proxy, connect, there):
    chance = random.Random(1)
    tokens = [f"T.{i}" for i in range(12)]
    jobs = [job(token, shell(f"echo {token} >>{there}/ran; sleep 0.5")) for token in tokens]
    deadline = time.monotonic() + 240
    taken, over, cuts = False, {}, 0
    while len(over) < 12:
        assert time.monotonic() < deadline
        proxy.cut_after = chance.choice((None, chance.randrange(10_000, 100_000)))
        if not cuts:
            proxy.cut_after = 10_000
        try:
            if not taken:
                assert backend.submit(jobs) == [None] * 12
                taken = True
            over |= {r.token: r for r in backend.poll(tokens, 1.0) if r.state is JobState.ENDED}
        except RecoverableError:
            cuts += 1
            time.sleep(0.05)
    proxy.cut_after = None
    assert {report.exitcode for report in over.values()} == {0}
    assert sorted(connect().read(f"{there}/ran").decode().split()) == sorted(tokens)


def test_a_job_is_cancelled_from_afar(backend):
    submit(backend, job("T.1", shell("sleep 600")))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    backend.cancel(["T.1"])
    assert wait(backend, ["T.1"])["T.1"].reason == "cancelled"
