"""An engine that is killed at any point loses nothing: every task runs exactly once.

A *step* is any call of the store or of the backend that changes something; the engine's process is
killed right before it and right after it. What store and work directory hold is all that is left.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter

import pytest

from gc3libs.backends.local import LocalBackend
from gc3libs.engine import Engine
from gc3libs.model import Application, FunctionTask, Signals, State
from gc3libs.persistence import make_store

STORES = ("sqlite:{}/store.db", "{}/objects")
CHANGES = ("submit", "adopt", "fetch", "cancel", "free")


class Fate:
    """Kills this process at its n-th step; 0: never."""

    def __init__(self, fatal):
        self.fatal = fatal
        self.steps = 0

    def step(self):
        self.steps += 1
        if self.steps == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner, name):
        call = getattr(owner, name)

        def watched(*args, **kwargs):
            self.step()
            result = call(*args, **kwargs)
            self.step()
            return result

        setattr(owner, name, watched)


class Campaign:
    """Tasks in a store, each of which writes its name to a file when it runs."""

    def __init__(self, home, store):
        self.home = home
        self.url = store.format(home)
        self.workdir = home / "run"
        self.ran = home / "ran"
        self.expected = {}
        self._engines = []

    def shell(self, name, script, returncode, **extra):
        command = ["/bin/sh", "-c", f"echo {name} >>'{self.ran}'; {script.format(name=name)}"]
        task = Application(
            command, [], ["result"], str(self.home / "out" / name), jobname=name, **extra
        )
        self.expected[name] = returncode
        return task

    def save(self, tasks):
        with make_store(self.url) as store:
            store.save_many(tasks)

    def run(self, fate=None, **options):
        """Run what is not over, as a fresh process would."""
        with make_store(self.url) as store, contextlib.ExitStack() as stack:
            backend = LocalBackend(self.workdir, cores=2, grace=0.5, **options)
            stack.callback(backend.close)
            if fate is not None:
                for name in CHANGES:
                    fate.watch(backend, name)
                for name in ("_write", "_sync", "_reserve"):
                    fate.watch(store, name)
            engine = Engine(backend, store=store, max_in_flight=2)
            engine.feed(store.list())
            engine.run()
            engine.close()
            return fate

    def run_apart(self, fatal=0):
        """Run it in a process of its own; its wait status."""
        return self.wait(self.start_apart(fatal))

    def start_apart(self, fatal=0):
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                fate = self.run(Fate(fatal))
                (self.home / "steps").write_text(str(fate.steps))
                os._exit(0)
            os._exit(1)
        self._engines.append(pid)
        return pid

    def wait(self, pid):
        """The wait status of an engine's process."""
        self._engines.remove(pid)
        return os.waitpid(pid, 0)[1]

    def clear(self):
        """End engines and jobs that a failed test has left."""
        for pid in self._engines.copy():
            os.kill(pid, signal.SIGKILL)
            self.wait(pid)
        backend = LocalBackend(self.workdir, grace=0)
        backend.cancel(backend.tokens())
        backend.close()

    def check(self):
        """Every task ran once, and is known to have ended as it did; no evidence is left."""
        with make_store(self.url) as store:
            tasks = store.load_many(store.list()).values()
            ended = {task.jobname: task.execution.returncode for task in tasks}
            assert ended == self.expected
            assert Counter(self.ran.read_text().split()) == Counter(self.expected.keys())
            for task in tasks:
                self._check(task)
        backend = LocalBackend(self.workdir)
        assert backend.tokens() == set()
        backend.close()

    def _check(self, task):
        run = task.execution
        assert run.state is State.TERMINATED
        assert run.attempt == 1
        assert run.details.cpu_time is not None
        lines = list(run.history)
        assert sum(line.startswith("terminated") for line in lines) == 1
        if task.would_output:
            assert (task.output_path / "result").read_text() == task.jobname + "\n"
            assert os.listdir(task.output_path) == ["result"]
            assert not list(task.output_path.parent.glob(f"{task.jobname}.~*"))
        else:
            assert task.result == [task.jobname]


def note(path, name):
    with open(path, "a") as file:
        file.write(f"{name}\n")
    return [name]


@pytest.fixture(params=STORES, ids=("sqlite", "files"))
def campaign(request, tmp_path):
    there = Campaign(tmp_path, request.param)
    yield there
    there.clear()


def small(campaign):
    """A task of each kind."""
    tasks = [
        campaign.shell("good", "echo {name} >result", 0),
        campaign.shell("bad", "echo {name} >result; exit 3", 3 * 256),
        campaign.shell("killed", "echo {name} >result; kill -9 $$", 255 * 256 + 9),
    ]
    function = FunctionTask(note, str(campaign.ran), "function")
    function.jobname = "function"
    campaign.expected["function"] = 0
    campaign.save([*tasks, function])


@pytest.mark.parametrize("store", STORES, ids=("sqlite", "files"))
def test_killed_at_every_step(tmp_path, store):
    fatal, steps = 0, 1
    while fatal <= steps:
        home = tmp_path / str(fatal)
        home.mkdir()
        campaign = Campaign(home, store)
        small(campaign)
        status = campaign.run_apart(fatal)
        if fatal == 0:
            assert status == 0
            steps = int((home / "steps").read_text())
            assert steps >= 20
        elif status != 0:
            assert os.WTERMSIG(status) == signal.SIGKILL
            assert campaign.run_apart() == 0
        campaign.check()
        fatal += 1


def test_killed_at_random_moments_again_and_again(campaign):
    chance = random.Random(17)
    tasks = []
    for number in range(40):
        name, code = f"job{number}", number % 4
        script = f"sleep 0.0{chance.randrange(10)}; echo {name} >result; exit {code}"
        tasks.append(campaign.shell(name, script, code * 256))
    campaign.save(tasks)
    kills = 0
    for _ in range(20):
        pid = campaign.start_apart()
        time.sleep(chance.uniform(0.02, 0.25))
        os.kill(pid, signal.SIGKILL)
        kills += os.WIFSIGNALED(campaign.wait(pid))
    assert kills >= 3
    assert campaign.run_apart() == 0
    campaign.check()


def test_killed_with_its_terminal(campaign):
    campaign.save([campaign.shell("long", "sleep 0.4; echo {name} >result; exit 5", 5 * 256)])
    leader, follower = os.openpty()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.login_tty(follower)
            campaign.run()
        os._exit(1)
    os.close(follower)
    until(campaign.ran.exists)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(leader)  # hangs up
    campaign.run()
    campaign.check()


# the supervisor is killed, or the machine


def waiting(campaign, gate, name, **extra):
    """A job that waits for a file."""
    script = f"while ! [ -e '{gate}' ]; do sleep 0.02; done; echo {name} >result; exit 4"
    return campaign.shell(name, script, 4 * 256, **extra)


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def lines(path):
    return path.read_text().split() if path.exists() else []


def start_and_kill_engine(campaign):
    """An engine is killed when two jobs run; the supervisor's process ID."""
    pid = campaign.start_apart()
    until(lambda: len(lines(campaign.ran)) == 2)
    os.kill(pid, signal.SIGKILL)
    campaign.wait(pid)
    return int((campaign.workdir / "supervisor.lock").read_text().split()[0])


def results(campaign):
    with make_store(campaign.url) as store:
        tasks = store.load_many(store.list()).values()
        return {task.jobname: task for task in tasks}


@pytest.mark.parametrize("how", ["supervisor killed", "rebooted"])
def test_what_ran_is_lost_by_name_and_nothing_runs_twice(campaign, tmp_path, how):
    gate = tmp_path / "gate"
    tasks = [waiting(campaign, gate, f"job{number}") for number in range(4)]
    tasks[0].on_loss = "rerun"
    campaign.save(tasks)
    supervisor = start_and_kill_engine(campaign)
    os.kill(supervisor, signal.SIGKILL)
    gate.touch()
    campaign.run(**({"boot_id": "another"} if how == "rebooted" else {}))
    found = results(campaign)
    assert Counter(lines(campaign.ran)) == {"job0": 2, "job1": 1, "job2": 1, "job3": 1}
    lost = found["job1"].execution
    assert lost.signal == Signals.Lost
    assert lost.details.reason.startswith("lost: ")
    again = found["job0"].execution
    assert (again.returncode, again.attempt) == (4 * 256, 2)
    assert [attempt.reason for attempt in again.details.attempts] == [lost.details.reason]
    for name in ("job2", "job3"):
        assert (found[name].execution.returncode, found[name].execution.attempt) == (4 * 256, 1)


def test_a_supervisor_killed_under_a_running_engine(campaign, tmp_path):
    gate = tmp_path / "gate"
    campaign.save([waiting(campaign, gate, f"job{number}") for number in range(4)])
    pid = campaign.start_apart()
    until(lambda: len(lines(campaign.ran)) == 2)
    supervisor = int((campaign.workdir / "supervisor.lock").read_text().split()[0])
    os.kill(supervisor, signal.SIGKILL)
    gate.touch()
    assert campaign.wait(pid) == 0
    assert sorted(lines(campaign.ran)) == [f"job{number}" for number in range(4)]
    found = results(campaign).values()
    assert Counter(task.execution.signal for task in found) == {Signals.Lost: 2, 0: 2}
