"""Whole campaigns on a host without a batch system, over SSH, with whatever can go wrong."""

import math
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gc3libs.backends.base import JobState
from gc3libs.backends.batch import BatchBackend
from gc3libs.config import HostResource
from gc3libs.engine import Engine
from gc3libs.exceptions import NoResult
from gc3libs.model import Application, FunctionTask, State
from gc3libs.persistence import make_store
from gc3libs.testing._backends import SUCCEED, job, run, shell, submit, wait

from ...services.ssh import until
from .campaign import backend_of

SEEDS = range(10) if os.environ.get("GC3_FAULTS") == "long" else [3]
SCRIPT = Path(__file__).with_name("campaign.py")


class Campaign:
    """Tasks that write their names to one file on the host each time they run."""

    def __init__(self, home, host, there):
        self.home, self.host, self.there = home, host, there
        self.expected = {}

    def fill(self, count):
        tasks = []
        for i in range(count):
            code = i % 3
            source = self.home / f"input-{i}"
            source.write_bytes(os.urandom(50_000))
            script = f"echo t{i} >>{self.there}/ran; sleep 0.{i % 7}; cp in out; exit {code}"
            output = self.home / "out" / f"t{i}"
            self.expected[f"t{i}"] = (code, source.read_bytes())
            command = ["/bin/sh", "-c", script]
            tasks.append(
                Application(command, {source: "in"}, ["out"], str(output), jobname=f"t{i}")
            )
        with make_store(f"sqlite:{self.home}/store.db") as store:
            store.save_many(tasks)

    def start(self):
        log = (self.home / "engine.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, str(SCRIPT), str(self.home), self.host, self.there],
                stdout=log,
                stderr=log,
            )

    def check(self, transport):
        """Each task has run once, and ended as it should."""
        log = (self.home / "engine.log").read_text()
        with make_store(f"sqlite:{self.home}/store.db") as store:
            tasks = list(store.load_many(store.list()).values())
        assert {task.execution.state for task in tasks} == {State.TERMINATED}, log
        ran = Counter(transport.read(f"{self.there}/ran").decode().split())
        assert ran == Counter(list(self.expected)), log
        for task in tasks:
            code, content = self.expected[task.jobname]
            assert task.execution.exitcode == code, (task.jobname, task.execution.history, log)
            assert (self.home / "out" / task.jobname / "out").read_bytes() == content


@pytest.fixture
def campaign(far, there, tmp_path):
    return Campaign(tmp_path, far.host, there)


def finish(engine):
    assert engine.wait(240) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_an_engine_killed_at_random_runs_each_task_once(campaign, connect, seed):
    campaign.fill(24)
    chance = random.Random(seed)
    for _ in range(6):
        engine = campaign.start()
        time.sleep(chance.uniform(0.8, 3.0))
        engine.kill()
        engine.wait()
    finish(campaign.start())
    campaign.check(connect())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_line_that_is_cut_again_and_again_changes_nothing(campaign, connect, proxy, seed):
    campaign.fill(24)
    engine = campaign.start()
    chance = random.Random(seed)
    for _ in range(8):
        time.sleep(chance.uniform(0.3, 1.0))
        proxy.cut_after = chance.randrange(1_000, 400_000)
        time.sleep(chance.uniform(0.1, 0.5))
        proxy.cut_after = None
        proxy.cut()
    finish(engine)
    campaign.check(connect())


def test_a_server_that_is_restarted_changes_nothing(connect, own_server, tmp_path):
    transport = connect()
    there = transport.run("mktemp -d").stdout.decode().strip()
    campaign = Campaign(tmp_path, "cluster", there)
    campaign.fill(24)
    engine = campaign.start()
    until(lambda: transport.read(f"{there}/ran"))
    own_server.cut_sessions()
    own_server.stop()
    time.sleep(2)
    own_server.start()
    finish(engine)
    again = connect()
    until(lambda: answers(again))
    campaign.check(again)
    again.run(f"rm -rf {there}")


def answers(transport):
    try:
        return transport.run("true").exitcode == 0
    except OSError:
        return False


def test_a_function_is_called_there(connect, backend, tmp_path):
    if connect().run("python3 -c pass").exitcode:
        pytest.skip("no python3 there")
    tasks = [FunctionTask(math.hypot, 3, 4), FunctionTask(math.sqrt, -1)]
    with make_store(f"sqlite:{tmp_path}/store.db") as store:
        engine = Engine(backend, tasks, store=store)
        engine.run()
        engine.close()
        assert tasks[0].result == 5.0
        with pytest.raises(NoResult, match="ValueError"):
            tasks[1].result  # noqa: B018


# single jobs


@pytest.fixture
def backend(home, there, tmp_path):
    made = backend_of(tmp_path, "cluster", there)
    yield made
    made.close()


def processes(backend, token):
    """Those that belong to a job; first the script that has started the others."""
    batch, number = backend._book.find(token)
    mark = f",{batch.plan.key},{number},".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                words = (entry / "cmdline").read_bytes()
                if mark in words or mark in (entry / "environ").read_bytes():
                    found.append((mark not in words, int(entry.name)))
        except OSError:
            continue
    return [pid for _, pid in sorted(found)]


def test_a_job_goes_on_when_nobody_is_connected(home, backend, there, tmp_path, connect):
    submit(backend, job("T.1", shell(f"while [ ! -e {there}/go ]; do sleep 0.1; done; exit 5")))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    backend.close()
    home.cut_sessions()
    time.sleep(0.5)
    transport = connect()
    until(lambda: answers(transport))
    transport.write([(f"{there}/go", b"", 0o600)])
    next_one = backend_of(tmp_path, "cluster", there)
    assert wait(next_one, ["T.1"])["T.1"].exitcode == 5
    next_one.close()


def test_after_a_restart_of_the_machine_what_ran_is_lost(backend):
    submit(backend, job("T.1", shell("sleep 100")))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    while left := processes(backend, "T.1"):
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    report = wait(backend, ["T.1"])["T.1"]
    assert report.state is JobState.LOST
    assert "no exit status" in report.reason
    assert run(backend, "T.2", SUCCEED).exitcode == 0


def test_a_job_whose_script_was_killed_is_lost_when_it_ends_not_before(backend, there, connect):
    submit(backend, job("T.1", shell(f"while [ ! -e {there}/go ]; do sleep 0.1; done; exit 0")))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    until(lambda: len(processes(backend, "T.1")) > 1)
    os.kill(processes(backend, "T.1")[0], signal.SIGKILL)
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        assert backend.poll(["T.1"], timeout=0.5) == []
    connect().write([(f"{there}/go", b"", 0o600)])
    assert wait(backend, ["T.1"])["T.1"].state is JobState.LOST


@pytest.mark.parametrize("script_is_killed", [False, True])
def test_cancelling_ends_all_that_a_job_has_started(backend, script_is_killed):
    script = "trap '' TERM; (trap '' TERM; sleep 600 & sleep 600 & wait) & wait"
    submit(backend, job("T.1", shell(script)))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    until(lambda: len(processes(backend, "T.1")) >= 5)
    if script_is_killed:
        os.kill(processes(backend, "T.1")[0], signal.SIGKILL)
    backend.cancel(["T.1"])
    report = wait(backend, ["T.1"])["T.1"]
    if script_is_killed:
        assert report.state is JobState.LOST
    else:
        assert (report.state, report.reason) == (JobState.ENDED, "cancelled")
    until(lambda: not processes(backend, "T.1"))


def test_no_more_than_its_cores_are_used(backend, there, connect):
    count = f"n=$(ls {there}/on | wc -l); echo $n >>{there}/most"
    script = f"mkdir -p {there}/on; touch {there}/on/$$; {count}; sleep 0.3; rm {there}/on/$$"
    tokens = [f"T.{i}" for i in range(12)]
    submit(backend, *[job(token, shell(script), cores=1 + i % 3) for i, token in enumerate(tokens)])
    reports = wait(backend, tokens)
    assert {report.exitcode for report in reports.values()} == {0}
    running = [int(line) for line in connect().read(f"{there}/most").split()]
    assert max(running) <= 4


def test_a_large_job_is_not_overtaken_by_small_ones_that_came_later(backend):
    submit(backend, job("T.1", shell("sleep 1"), cores=3))
    submit(backend, job("T.2", SUCCEED, cores=4))
    submit(backend, *[job(f"T.{i}", SUCCEED) for i in range(3, 6)])
    reports = wait(backend, [f"T.{i}" for i in range(1, 6)])
    starts = [reports[f"T.{i}"].started for i in range(1, 6)]
    assert starts[0] < starts[1] < min(starts[2:])


def test_short_jobs_go_together_and_each_ends_as_it_does(home, there, tmp_path):
    settings = HostResource(cores=2, pack=4, transport="ssh", host="cluster", directory=there)
    backend = BatchBackend("host", settings, tmp_path, settle=1.0)
    tokens = [f"T.{i}" for i in range(10)]
    submit(backend, *[job(token, shell(f"exit {i}")) for i, token in enumerate(tokens)])
    reports = wait(backend, tokens)
    assert [reports[token].exitcode for token in tokens] == list(range(10))
    backend.close()


def test_one_command_tells_of_all_jobs(backend, monkeypatch):
    tokens = [f"T.{i}" for i in range(4)]
    submit(backend, *[job(token, shell("sleep 1.5")) for token in tokens])
    wait(backend, tokens, until=JobState.RUNNING)
    commands = []
    real = backend._transport.run
    monkeypatch.setattr(
        backend._transport, "run", lambda *words, **rest: commands.append(1) or real(*words, **rest)
    )
    time.sleep(0.3)
    backend.poll(tokens)
    assert len(commands) == 1
    monkeypatch.undo()
    wait(backend, tokens)
