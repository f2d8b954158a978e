"""Scripts that stay: they watch directories, can be talked to, and end when they are told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from gc3libs.cmdline._reception import ask

DAEMON = """
if __name__ == "__main__":
    import watcher
    watcher.Watcher().run()

from pathlib import Path
from gc3libs import Application
from gc3libs.cmdline import SessionBasedDaemon


class Size(Application):
    def __init__(self, path, **extra):
        Application.__init__(self, ["/bin/sh", "-c", "wc -c < in; sleep `cat in`"], [(path, "in")],
                             [], stdout="size.txt", **extra)


class Watcher(SessionBasedDaemon):
    '''Measures what comes.'''
    version = "1"

    def created(self, inbox, subject):
        print("created", subject.path, flush=True)
        if "bad" in subject.path:
            raise ValueError("a bad file")
        name = Path(subject.path).stem
        self.add(Size(subject.path, jobname=name, output_dir=f"out/{name}"))

    def modified(self, inbox, subject):
        print("modified", subject.path, flush=True)

    def deleted(self, inbox, subject):
        print("deleted", subject.path, flush=True)

    def after_main_loop(self):
        print("after_main_loop", flush=True)
"""

CLIENT = """
from gc3libs.cmdline import DaemonClient
DaemonClient().run()
"""


class Keeper:
    """Starts a daemon, and listens to what it says."""

    def __init__(self, desk):
        self.desk = desk
        self.inbox = desk.directory / "inbox"
        self.session = desk.directory / "session"
        self.process = None

    def start(self, *words):
        log = (self.desk.directory / "said").open("a")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "watcher.py", "-F", "inbox", "-C", "1", *words],
                cwd=self.desk.directory,
                env=self.desk.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.until(lambda: (self.session / "daemon.sock").exists())

    @property
    def said(self):
        return (self.desk.directory / "said").read_text()

    def until(self, condition):
        """Wait for something that announces itself in no way."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.said
            assert self.process is None or self.process.poll() is None, self.said
            time.sleep(0.02)

    def ask(self, *words):
        return ask(str(self.session), *words)

    def stats(self):
        return json.loads(self.ask("stats", "json").text)

    def bring(self, name, text="0"):
        """Have a file come as a whole."""
        hidden = self.inbox / f".{name}"
        hidden.write_text(text)
        hidden.rename(self.inbox / name)

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)


@pytest.fixture
def keeper(desk):
    desk.write("watcher.py", DAEMON)
    made = Keeper(desk)
    yield made
    made.end()


def test_what_comes_becomes_tasks_that_run(keeper):
    keeper.start()
    keeper.bring("first.txt")
    keeper.until(lambda: keeper.stats()["ok"] == 1)
    assert keeper.desk.read("out/first/size.txt").split() == ["1"]
    keeper.bring("second.txt", "0 ")
    keeper.until(lambda: keeper.stats()["ok"] == 2)
    keeper.bring("first.txt", "0  ")
    keeper.until(lambda: f"modified {keeper.inbox}/first.txt" in keeper.said)
    (keeper.inbox / "second.txt").unlink()
    keeper.until(lambda: f"deleted {keeper.inbox}/second.txt" in keeper.said)


def test_files_that_came_while_it_was_away_are_not_missed_and_others_not_told_twice(keeper):
    keeper.start()
    keeper.bring("first.txt")
    keeper.until(lambda: keeper.stats()["ok"] == 1)
    keeper.end()
    assert keeper.process.returncode == 0
    keeper.bring("second.txt")
    keeper.start()
    keeper.until(lambda: keeper.stats()["ok"] == 2)
    assert keeper.said.count(f"created {keeper.inbox}/first.txt") == 1


def test_a_file_that_cannot_be_dealt_with_stops_nobody(keeper):
    keeper.start()
    keeper.bring("bad.txt")
    keeper.until(lambda: "ValueError: a bad file (watcher.py, line" in keeper.said)
    keeper.bring("good.txt")
    keeper.until(lambda: keeper.stats()["ok"] == 1)


def test_it_ends_on_sigterm_and_leaves_nothing_but_its_session(keeper):
    keeper.start()
    pid = int((keeper.session / "watcher.pid").read_text())
    assert pid == keeper.process.pid
    keeper.bring("long.txt", "60")
    keeper.until(lambda: keeper.stats().get("RUNNING") == 1)
    keeper.end()
    assert keeper.process.returncode == 4
    assert "after_main_loop" in keeper.said
    assert not (keeper.session / "watcher.pid").exists()
    assert not (keeper.session / "daemon.sock").exists()


def test_one_at_a_time_runs_a_session(keeper):
    keeper.start()
    second = keeper.desk.run("watcher.py", "-F", "inbox")
    assert second.code == 1, second
    assert "session is being run on" in second.err
    assert keeper.ask("hello").text.startswith("watcher runs session")


def test_it_is_talked_to(keeper):
    keeper.start()
    keeper.bring("long.txt", "60")
    keeper.until(lambda: keeper.stats().get("RUNNING") == 1)
    (task,) = json.loads(keeper.ask("list", "json").text)
    assert "jobname: long" in keeper.ask("show", task).text
    assert "long" in keeper.ask("list_details").text
    assert keeper.ask("kill", task).text == "kill: 1 of 1"
    keeper.until(lambda: keeper.stats()["failed"] == 1)
    assert "it is over" in keeper.ask("kill", task).text
    keeper.desk.write("given.txt", "0")
    assert keeper.ask("add", str(keeper.desk.directory / "given.txt")).text == "1 taken in"
    keeper.until(lambda: keeper.stats()["ok"] == 1)
    assert keeper.ask("remove", task).text == "rm: 1 of 1"
    assert keeper.stats()["total"] == 1
    assert "kill" in keeper.ask("help").text
    assert keeper.ask("nonsense").code == os.EX_UNAVAILABLE
    assert keeper.ask("show").code == os.EX_SOFTWARE
    assert keeper.ask("show", "Task.99").code == os.EX_SOFTWARE
    assert keeper.ask("stats", "xml").code == os.EX_SOFTWARE
    assert keeper.ask("stats", "yaml").text == keeper.ask("stats", "json").text


def test_a_task_that_is_over_is_done_again(keeper):
    keeper.start()
    keeper.bring("first.txt")
    keeper.until(lambda: keeper.stats()["ok"] == 1)
    (task,) = json.loads(keeper.ask("list", "json").text)
    assert keeper.ask("redo", task).text == "retry: 1 of 1"
    keeper.until(lambda: (keeper.desk.directory / "out/first.~1~").exists())
    keeper.until(lambda: keeper.stats()["ok"] == 1)


def test_the_client_prints_the_answer(keeper):
    keeper.start()
    keeper.desk.write("client.py", CLIENT)
    hello = keeper.desk.run("client.py", "session", "hello")
    assert (hello.code, hello.err) == (0, "")
    assert "watcher runs session" in hello.out
    assert keeper.desk.run("client.py", "session", "dance").code == 69
    assert keeper.desk.run("client.py", "session").code == 2
    url = keeper.session / "daemon.url"
    for server in (url, url.read_text().strip()):
        assert keeper.desk.run("client.py", server, "hello").out == hello.out
    assert keeper.desk.run("client.py", "session", "list", "json").out == "[]\n"
    assert keeper.desk.run("client.py", "session", "stop").code == 0
    assert keeper.process.wait(timeout=60) == 0
    gone = keeper.desk.run("client.py", "session", "hello")
    assert gone.code == 68
    assert "nobody answers at session" in gone.err


def test_it_leaves_the_terminal(keeper):
    ran = keeper.desk.run("watcher.py", "inbox", "-C", "1")
    assert ran.code == 0, ran
    assert f"watcher stays; its messages go to {keeper.desk.directory}/daemon.log." in ran.out
    pid = int((keeper.session / "watcher.pid").read_text())
    keeper.bring("first.txt")
    keeper.until(lambda: keeper.stats()["ok"] == 1)
    second = keeper.desk.run("watcher.py", "inbox")
    assert second.code == 1
    assert "session is being run on" in second.err
    assert keeper.ask("quit").text == "watcher ends"
    keeper.until(lambda: not os.path.exists(f"/proc/{pid}") or is_zombie(pid))
    assert "created" in keeper.desk.read("daemon.log")
    assert not (keeper.session / "watcher.pid").exists()


def is_zombie(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "Z"


def test_what_cannot_be_watched_is_refused(keeper):
    ran = keeper.desk.run("watcher.py", "-F", "http://example.org/inbox")
    assert ran.code == 64
    assert "cannot be watched" in ran.err
