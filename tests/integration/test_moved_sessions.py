"""Sessions that are moved, whatever they are called, while their tasks run and after."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gc3libs.backends.local import LocalBackend
from gc3libs.engine import Engine
from gc3libs.session import Session

PATIENCE = 60.0
LONG = "/".join(["d" * 100] * 3)

SCRIPT = """
import os, sys
from gc3libs import Application
from gc3libs.engine import create_engine
from gc3libs.session import Session

path, place = sys.argv[1:]
with Session(path, store_or_url="sqlite") as session:
    job = "echo >>started; while [ ! -e {go} ]; do sleep 0.02; done; echo done >result"
    for name in "abcd":
        session.add(Application(
            ["/bin/sh", "-c", job], [], ["result", "started"], os.path.join(place, name),
            jobname=name,
        ))
    with create_engine(store=session.store, workdir=session.run_directory, cores=2) as engine:
        engine.feed(session.unfinished())
        while len(engine.running()) < 2:
            engine.progress()
        print("running", flush=True)
        sys.stdin.read()
"""


def start_and_kill(tmp_path, path, place):
    """Have an engine start two jobs, which wait for `tmp_path / "go"`, and be killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("{go}", str(tmp_path / "go")), path, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGKILL)


def go_on(session):
    with Engine(
        LocalBackend(session.run_directory, cores=2, grace=0.5), store=session.store
    ) as engine:
        engine.feed(session.unfinished())
        engine.run()
        for backend in engine.backends:
            backend.close()


def check(path, tmp_path):
    """All tasks ran once, and what they wrote is found."""
    session = Session(path)
    tasks = list(session)
    assert [task.execution.returncode for task in tasks] == [0] * 4
    for task in tasks:
        assert (task.output_path / "result").read_text() == "done\n", task.output_path
        assert (task.output_path / "started").read_text() == "\n"
        assert task.execution.attempt == 1
        with Engine(store=session.store, workdir=session.run_directory) as engine:
            assert engine.peek(task, "result").read() == "done\n"
    session.close()
    return tasks


@pytest.mark.parametrize("name", ["plain", "with blanks, ' and \"", "line\nbreak", "é\udcff", LONG])
@pytest.mark.parametrize("inside", [True, False], ids=["outputs inside", "outputs beside"])
def test_a_session_that_is_moved_while_jobs_run_goes_on(tmp_path, monkeypatch, name, inside):
    """Its supervisor is found again, with the jobs that it had."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    path = os.path.join("home", name)
    start_and_kill(tmp_path, path, os.path.join(path if inside else "home", "out"))
    if inside:
        moved = os.path.join("moved", name)
        os.makedirs(os.path.dirname(moved), exist_ok=True)
        os.rename(path, moved)
    else:
        os.rename("home", "moved")
        moved = os.path.join("moved", name)
    (tmp_path / "go").touch()
    session = Session(moved, create=False)
    go_on(session)
    session.close()
    check(moved, tmp_path)
    assert inside or not os.path.exists("home")
    again = os.path.join("again", os.path.basename(name)) if inside else "again"
    os.makedirs(os.path.dirname(again) or ".", exist_ok=True)
    os.rename(moved if inside else "moved", again)
    check(again if inside else os.path.join(again, name), tmp_path)
    if inside:
        assert not os.path.exists(os.path.join("home", name, "out"))


def test_what_a_copy_has_fetched_is_found_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start_and_kill(tmp_path, "session", "session/out")
    (tmp_path / "go").touch()
    session = Session("session")
    go_on(session)
    session.close()
    shutil.copytree("session", "copy")
    shutil.rmtree("session")
    tasks = check("copy", tmp_path)
    assert str(tasks[0].output_path).startswith(f"{tmp_path}/copy/")


def test_an_engine_whose_session_is_moved_away_says_so(tmp_path, monkeypatch):
    """It does not go on in a place that is not the session's any more."""
    monkeypatch.chdir(tmp_path)
    script = """
import sys, gc3libs
from gc3libs.session import Session
with Session("session", store_or_url="sqlite") as session:
    for n in range(40):
        session.add(gc3libs.Application(["sleep", "0.2"], [], [], None))
    gc3libs.run(session)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists("session/run/journal"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.rename("session", "moved")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "session" in said.splitlines()[-1]
    assert not os.path.exists("session")
    session = Session("moved", create=False)
    go_on(session)
    assert session.counts()["ok"] == 40
    assert all(task.execution.attempt == 1 for task in session)
    session.close()
