"""Workers, schedulers and agents are killed: no job runs twice, and what became of each is said."""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from gc3libs.backends.base import JobSpec, JobState
from gc3libs.config import DaskResource
from gc3libs.exceptions import ConfigurationError, DirectoryInUse, RecoverableError
from gc3libs.testing._backends import LAST_LONG, SUCCEED, job, run, submit, wait

from ...services.daemons import until
from ...services.dask_cluster import free_port
from .conftest import OVER


class Ledger:
    """Jobs that write down that they run."""

    def __init__(self, path):
        self.path = path

    def job(self, token, script="", **options):
        line = f"echo {token} >>'{self.path}'; {script}"
        return JobSpec(token=token, argv=("sh", "-c", line), **options)

    @property
    def runs(self):
        return Counter(self.path.read_text().split()) if self.path.exists() else Counter()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


def groups(workdir):
    """Processes that belong to jobs of this directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            place = os.readlink(entry / "cwd")
            if words[0] not in "ZX" and place.startswith(f"{workdir}/"):
                found.append(int(entry.name))
        except (OSError, IndexError):
            continue
    return found


def agents(workdir):
    mark = f"{workdir}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in command and b"agent/run.py" in command:
            found.append(int(entry.name))
    return found


def finish(backend, ledger, tokens):
    """Run everything to its end, handing over what is returned, as an engine does."""
    reports = {}
    while set(tokens) - reports.keys():
        for token, report in wait(backend, set(tokens) - reports.keys()).items():
            if report.state is JobState.RETURNED:
                assert submit(backend, ledger.job(token)) == [None]
            else:
                reports[token] = report
    return reports


def test_a_job_whose_worker_is_killed_is_lost_and_ended(cluster, place, ledger):
    cluster.start(workers=2, threads=1)
    backend = place.on(cluster)
    submit(backend, *[ledger.job(f"T.{n}", "exec sleep 600") for n in range(2)])
    wait(backend, ["T.0", "T.1"], until=JobState.RUNNING)
    cluster.kill(cluster.workers[0])
    lost = []
    while not lost:
        lost = [each for each in backend.poll(["T.0", "T.1"], 5) if each.state in OVER]
    (report,) = lost
    assert report.state is JobState.LOST
    assert "worker" in report.reason
    until(lambda: len(groups(place.workdir)) == 1)
    (other,) = {"T.0", "T.1"} - {report.token}
    assert backend.adopt([other])[other].state is JobState.RUNNING
    cluster.start_worker()
    assert run(backend, "T.2", SUCCEED).exitcode == 0
    assert ledger.runs == {"T.0": 1, "T.1": 1}


def test_what_waited_at_a_killed_worker_runs_elsewhere_once(cluster, place, ledger):
    cluster.start(workers=2, threads=1)
    backend = place.on(cluster)
    for n in range(20):  # so that chunks become long
        run(backend, f"S.{n}", SUCCEED)
    tokens = [f"T.{n}" for n in range(60)]
    submit(backend, *[ledger.job(token, "sleep 0.05") for token in tokens])
    until(lambda: sum(ledger.runs.values()) > 5)
    cluster.kill(cluster.workers[0])
    reports = finish(backend, ledger, tokens)
    states = Counter(report.state for report in reports.values())
    assert states[JobState.LOST] <= 1
    assert states[JobState.ENDED] >= 59
    assert set(ledger.runs.values()) == {1}
    assert ledger.runs.keys() | {t for t, r in reports.items() if r.state == "LOST"} == set(tokens)


def test_a_scheduler_that_died_has_done_nothing_of_what_waited(cluster, place, ledger):
    cluster.start(workers=1, threads=1)
    backend = place.on(cluster)
    tokens = [f"T.{n}" for n in range(8)]
    submit(backend, ledger.job("L", "exec sleep 600"), *[ledger.job(token) for token in tokens])
    wait(backend, ["L"], until=JobState.RUNNING)
    cluster.kill(cluster.scheduler)
    with pytest.raises(RecoverableError, match=cluster.address):
        wait(backend, tokens)
    cluster.start_scheduler()
    cluster.start_worker()
    reports = finish(backend, ledger, tokens)
    assert {report.exitcode for report in reports.values()} == {0}
    assert wait(backend, ["L"])["L"].state is JobState.LOST
    assert ledger.runs == dict.fromkeys(["L", *tokens], 1)


def test_what_ended_while_there_was_no_engine_is_known_though_the_scheduler_died(
    cluster, place, ledger
):
    cluster.start()
    first = place.on(cluster)
    submit(first, ledger.job("T.1", "sleep 1; exit 7"), ledger.job("T.2", "exec sleep 600"))
    wait(first, ["T.1", "T.2"], until=JobState.RUNNING)
    first.close()
    until(lambda: len(groups(place.workdir)) == 1)
    cluster.kill(cluster.scheduler)
    cluster.kill(cluster.workers[0])
    second = place.on(cluster)
    known = second.adopt(["T.1", "T.2"])
    assert known["T.1"].exitcode == 7
    cluster.start_scheduler()
    lost = known["T.2"] if known["T.2"].state in OVER else wait(second, ["T.2"])["T.2"]
    assert lost.state is JobState.LOST
    assert ledger.runs == {"T.1": 1, "T.2": 1}


def test_a_killed_agent_takes_its_jobs_with_it(cluster, place, ledger):
    cluster.start(workers=1)
    backend = place.on(cluster)
    submit(backend, ledger.job("T.1", "sleep 600; true"))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    (agent,) = agents(place.workdir)
    os.kill(agent, signal.SIGKILL)
    assert wait(backend, ["T.1"])["T.1"].state is JobState.LOST
    until(lambda: not groups(place.workdir))
    assert run(backend, "T.2", SUCCEED).exitcode == 0


def test_what_a_worker_and_its_agent_left_when_both_were_killed_is_ended(cluster, place, ledger):
    cluster.start(workers=1)
    backend = place.on(cluster)
    submit(backend, ledger.job("T.1", "sleep 600; true"))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    (agent,) = agents(place.workdir)
    cluster.workers[0].send_signal(signal.SIGSTOP)  # so that it does not see its agent die
    os.kill(agent, signal.SIGKILL)
    cluster.kill(cluster.workers[0])
    assert wait(backend, ["T.1"])["T.1"].state is JobState.LOST
    assert not groups(place.workdir)


def test_after_a_power_failure_what_had_begun_is_lost(place, shared, ledger):
    first = place.on(shared)
    submit(first, ledger.job("T.1", "exec sleep 600"))
    wait(first, ["T.1"], until=JobState.RUNNING)
    for batch in (place.workdir / "batches").iterdir():
        (batch / "0").unlink()  # the job's claim had not reached the disk
    first.close()
    (agent,) = agents(place.workdir)
    os.kill(agent, signal.SIGKILL)
    second = place.on(shared, boot_id="another life")
    report = wait(second, ["T.1"])["T.1"]
    assert report.state is JobState.LOST
    assert "restarted" in report.reason
    second.close()
    third = place.on(shared, boot_id="another life")
    assert third.adopt(["T.1"])["T.1"].state is JobState.LOST


def test_jobs_behind_a_long_one_go_to_a_worker_without_work(place, shared, ledger):
    backend = place.on(shared)
    for n in range(20):
        run(backend, f"S.{n}", SUCCEED)
    tokens = [f"T.{n}" for n in range(20)]
    submit(backend, ledger.job("L", "exec sleep 600"), *[ledger.job(token) for token in tokens])
    reports = finish(backend, ledger, tokens)
    assert {report.exitcode for report in reports.values()} == {0}
    assert backend.adopt(["L"])["L"].state is JobState.RUNNING
    assert ledger.runs == dict.fromkeys(["L", *tokens], 1)


def test_capacity_follows_the_workers(cluster, place):
    cluster.start(workers=1, threads=2)
    backend = place.on(cluster)
    assert backend.capacity.cores == 2
    third = cluster.start_worker(threads=3)
    until(lambda: backend.capacity.cores == 5)
    assert run(backend, "T.3", SUCCEED, cores=3).exitcode == 0
    refusal = submit(backend, job("T.4", SUCCEED, cores=4))[0]
    assert "3" in refusal.reason
    cluster.kill(third)
    until(lambda: backend.capacity.cores == 2)


def test_jobs_for_a_worker_that_has_left_go_to_another_one(cluster, place):
    cluster.start(workers=1, threads=1)
    large = cluster.start_worker(threads=3)
    backend = place.on(cluster)
    until(lambda: backend.capacity.cores == 4)
    submit(backend, job("T.0", LAST_LONG, cores=3))
    wait(backend, ["T.0"], until=JobState.RUNNING)
    submit(backend, job("T.1", SUCCEED, cores=3))
    cluster.kill(large)
    until(lambda: backend.capacity.cores == 1)
    report = wait(backend, ["T.1"])["T.1"]
    assert report.state is JobState.RETURNED
    assert "large enough" in report.reason
    cluster.start_worker(threads=3)
    until(lambda: backend.capacity.cores == 4)
    assert submit(backend, job("T.1", SUCCEED, cores=3)) == [None]
    assert wait(backend, ["T.1"])["T.1"].exitcode == 0


def test_without_workers_jobs_wait(cluster, place):
    cluster.start_scheduler()
    backend = place.on(cluster)
    submit(backend, job("T.1", SUCCEED))
    assert backend.poll(["T.1"], timeout=0.5) == []
    cluster.start_worker()
    assert wait(backend, ["T.1"])["T.1"].exitcode == 0


def test_a_scheduler_that_is_not_there_is_named(place):
    backend = place.backend(DaskResource(address=f"tcp://127.0.0.1:{free_port()}"))
    with pytest.raises(RecoverableError, match="does not answer") as caught:
        submit(backend, job("T.1", SUCCEED))
    assert "\n" not in str(caught.value)
    assert backend.tokens() == set()


def test_a_worker_that_does_not_see_the_directory_is_named(place, shared):
    backend = place.on(shared)
    backend.tokens()
    (place.workdir / "identity").write_text("another")
    submit(backend, job("T.1", SUCCEED))
    assert wait(backend, ["T.1"])["T.1"].state is JobState.RETURNED
    with pytest.raises(RecoverableError, match="does not see"):
        submit(backend, job("T.1", SUCCEED))


def test_a_directory_serves_one_engine_at_a_time(place, shared):
    first = place.on(shared)
    first.tokens()
    second = place.on(shared)
    with pytest.raises(DirectoryInUse):
        second.tokens()
    first.close()
    assert second.tokens() == set()


def test_workers_on_slurm_have_to_be_told_their_memory(place):
    with pytest.raises(ConfigurationError, match="memory"):
        place.backend(DaskResource(queue="main"))


def test_nothing_is_left_of_what_was_freed(place, shared):
    backend = place.on(shared)
    tokens = [f"T.{n}" for n in range(10)]
    submit(backend, *[job(token, SUCCEED) for token in tokens])
    wait(backend, tokens)
    backend.free(tokens[:5])
    backend.close()
    again = place.on(shared)
    assert again.tokens() == set(tokens[5:])
    again.free(tokens[5:])
    again.close()
    left = [path for path in place.workdir.rglob("*") if path.is_file() or path.is_symlink()]
    assert {path.name for path in left} - {
        path.name for path in place.workdir.glob("agents/*")
    } == {
        "identity",
        "engine.lock",
    }


def test_the_scheduler_forgets_what_is_over(place, shared):
    from distributed import Client

    backend = place.on(shared)
    run(backend, "T.1", SUCCEED)
    backend.free(["T.1"])
    identity = (place.workdir / "identity").read_text()
    with Client(shared.address, set_as_default=False) as client:
        assert not [name for name in client.list_datasets() if identity in name]


def test_a_job_is_lost_only_when_its_agent_is_dead(cluster, place, ledger):
    """A worker that has lost its scheduler may still run something; nobody says otherwise."""
    cluster.start(workers=1)
    backend = place.on(cluster)
    submit(backend, ledger.job("T.1", "exec sleep 600"))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    worker = cluster.workers[0]
    worker.send_signal(signal.SIGSTOP)  # it does not hear that its scheduler has gone
    try:
        cluster.kill(cluster.scheduler)
        cluster.start_scheduler()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert backend.poll(["T.1"], 0.5) == []
        assert groups(place.workdir)
    finally:
        cluster.kill(worker)
    assert wait(backend, ["T.1"])["T.1"].state is JobState.LOST
    until(lambda: not groups(place.workdir))
