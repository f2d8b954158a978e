"""An engine without a store leaves nothing, however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

PATIENCE = 60.0

SCRIPT = """
import sys
from gc3libs import Application
from gc3libs.engine import create_engine

engine = create_engine(cores=2)
job = "while [ ! -e {go} ]; do sleep 0.02; done; echo >>{ran}"
engine.add(Application(["/bin/sh", "-c", job], [], [], None))
while not engine.running():
    engine.progress()
print("running", flush=True)
{then}
"""


@pytest.fixture
def script(tmp_path):
    """Starts an engine, in a process of its own, whose one job waits for `tmp_path / "go"`."""
    there = tmp_path / "tmp"
    there.mkdir()
    started = []

    def start(then="engine.run()"):
        text = SCRIPT.format(go=tmp_path / "go", ran=tmp_path / "ran", then=then)
        process = subprocess.Popen(
            [sys.executable, "-c", text],
            env={**os.environ, "TMPDIR": str(there)},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "running\n"
        return process

    yield start
    (tmp_path / "go").touch()
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def left(tmp_path):
    """Directories of engines."""
    return [each for each in os.listdir(tmp_path / "tmp") if each != f"gc3-{os.geteuid()}"]


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_an_engine_that_is_ended_leaves_its_jobs_and_then_nothing(script, tmp_path, number):
    process = script()
    assert len(left(tmp_path)) == 1
    process.send_signal(number)
    process.wait()
    assert len(left(tmp_path)) == 1
    (tmp_path / "go").touch()
    until(lambda: not left(tmp_path))
    assert (tmp_path / "ran").read_text() == "\n"


def test_an_engine_that_is_closed_leaves_its_jobs_and_then_nothing(script, tmp_path):
    process = script("engine.close()")
    assert process.wait() == 0
    assert len(left(tmp_path)) == 1
    (tmp_path / "go").touch()
    until(lambda: not left(tmp_path))
    assert (tmp_path / "ran").exists()


def test_an_engine_whose_supervisor_was_killed_leaves_nothing(script, tmp_path):
    process = script("engine.run(); engine.close()")
    (directory,) = left(tmp_path)
    pid = int((tmp_path / "tmp" / directory / "supervisor.lock").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    assert process.wait() == 0
    assert left(tmp_path) == []


def test_an_engine_that_is_ended_before_its_first_job_leaves_nothing(tmp_path):
    (tmp_path / "tmp").mkdir()
    text = "from gc3libs.engine import create_engine; e = create_engine(); import os; os.abort()"
    process = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        check=False,
    )
    assert process.returncode == -signal.SIGABRT
    assert left(tmp_path) == []


def test_outputs_are_there_after_an_engine_was_idle_and_interrupted(script, tmp_path):
    """The supervisor leaves when the engine has hung up, and must not take the outputs along."""
    then = f"""
import os, signal, time
task = Application(["/bin/sh", "-c", "echo here >a"], [], ["a"], {str(tmp_path / "out")!r})
engine.can_retrieve = False
open({str(tmp_path / "go")!r}, "w").close()
engine.add(task)
engine.run()
assert task.execution.state == "TERMINATING", task
(backend,) = engine.backends
backend._link._hang_up()
time.sleep(3)
engine.can_retrieve = True
engine.run()
assert task.execution.returncode == 0, task.execution.history
engine.close()
"""
    assert script(then).wait() == 0
    assert (tmp_path / "out" / "a").read_text() == "here\n"
    assert left(tmp_path) == []
