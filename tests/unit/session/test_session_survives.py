"""Killed processes, other processes, full and read-only disks: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gc3libs import Task
from gc3libs.exceptions import InvalidOperation, StoreUnavailable
from gc3libs.session import Session
from gc3libs.session._index import Index

ADD = """
import sys
from gc3libs import Task
from gc3libs.session import Session
session = Session(sys.argv[1])
while True:
    print(session.add(Task(jobname=sys.argv[2])), flush=True)
"""

ADD_SOME = """
import sys
from gc3libs import Task
from gc3libs.session import Session
session = Session(sys.argv[1])
sys.stdin.readline()
for number in range(60):
    kept = session.add(Task(jobname=sys.argv[2]), flush=number % 3 == 0)
    gone = session.add(Task(jobname="gone"))
    session.remove(gone)
    print(kept)
session.flush()
session.close()
"""

REMOVE = """
import sys
from gc3libs.session import Session
session = Session(sys.argv[1])
for id_ in list(session.tasks):
    session.remove(id_)
    print(id_, flush=True)
"""


@pytest.fixture(params=["file", "sqlite"])
def session(request, tmp_path):
    made = Session(tmp_path / "session", store_or_url=request.param)
    yield made
    made.close()


@contextlib.contextmanager
def reopened(session):
    again = Session(session.path)
    try:
        yield again
    finally:
        again.close()


def run(script, session, *args):
    return subprocess.Popen(
        [sys.executable, "-c", script, session.path, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(process, lines):
    """What a process has acknowledged before it is killed."""
    said = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    return [line.strip() for line in said if line.endswith("\n")]


def test_what_was_acknowledged_survives_a_kill(session):
    acknowledged = []
    for lines in (1, 7, 20):
        acknowledged += kill_after(run(ADD, session, "a"), lines)
        with reopened(session) as again:
            assert again.list_ids().issuperset(acknowledged)
            assert len(list(again)) == len(again) == again.counts().total


def test_what_is_listed_can_be_loaded_after_a_kill(session, caplog):
    session.add_many(Task(jobname="a") for _ in range(60))
    for lines in (1, 7, 20):
        removed = kill_after(run(REMOVE, session), lines)
        with reopened(session) as again:
            assert again.list_ids().isdisjoint(removed)
            assert len(list(again)) == len(again) == again.counts().total
    assert not caplog.records


def test_two_processes_lose_nothing_of_each_other(session):
    processes = [run(ADD_SOME, session, name) for name in "ab"]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    kept = []
    for process in processes:
        said, _ = process.communicate()
        assert process.returncode == 0
        kept += said.split()
    assert len(kept) == len(set(kept)) == 120
    with reopened(session) as again:
        assert again.list_ids() == set(kept)
        assert again.counts().total == 120
        assert [each.id for each in again.summaries()] == list(again.tasks)


def test_a_process_that_was_interrupted_before_the_index_was_written(session, monkeypatch):
    session.add(Task(jobname="a"))
    with monkeypatch.context() as patch:
        patch.setattr(Index, "append", interrupt)
        with pytest.raises(KeyboardInterrupt):
            session.add(Task(jobname="lost"))
    for opened in (contextlib.nullcontext(session), reopened(session)):
        with opened as each:
            assert (len(each), each.counts().total) == (1, 1)
    session.add(Task(jobname="b"))
    with reopened(session) as again:
        assert [each.name for each in again.summaries()] == ["a", "b"]
        assert again.counts().total == 2


def interrupt(*args, **options):
    raise KeyboardInterrupt


def test_a_process_made_by_fork_uses_the_session_on_its_own(session):
    session.add(Task(jobname="a"))
    child = os.fork()
    if child == 0:
        try:
            session.add(Task(jobname="b"))
            os._exit(len(list(session)))
        finally:
            os._exit(99)
    session.add(Task(jobname="c"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (2, 3)
    assert sorted(task.jobname for task in session) == ["a", "b", "c"]
    assert len(session.list_ids()) == session.counts().total == 3


def in_child_as_nobody(function):
    """Run a function without root's privileges; gives what it raised, as text."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        if os.geteuid() == 0:
            os.seteuid(65534)
        try:
            function()
        except BaseException as err:  # noqa: BLE001  # the parent looks at it
            os.write(writable, f"{type(err).__name__}: {err}".encode())
        finally:
            os._exit(0)
    os.close(writable)
    with open(readable) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_a_read_only_session_can_be_read(kind):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "session")
        session = Session(path, store_or_url=kind)
        id_ = session.add(Task(jobname="a"))
        session.close()
        everything = [path, *map(str, Path(path).rglob("*"))]
        for each in everything:
            os.chmod(each, 0o555 if os.path.isdir(each) else 0o444)

        def look():
            with Session(path) as readable:
                assert [task.jobname for task in readable] == ["a"]
                assert len(readable) == readable.counts().total == 1
                assert readable.tasks[id_] in readable
            readable.close()

        assert in_child_as_nobody(look) == ""
        writes = [
            lambda readable: readable.add(Task()),
            lambda readable: readable.remove(id_),
            lambda readable: readable.lease(),
            lambda readable: readable.set_end_timestamp(),
            lambda readable: readable.destroy(),
        ]
        for write in writes:
            said = in_child_as_nobody(lambda write=write: write(Session(path)))
            assert said.startswith("StoreUnavailable: ")
            assert path in said
            assert "ermission denied" in said or "may not be written" in said
        assert sorted(map(str, Path(path).rglob("*"))) == sorted(everything[1:])
        for each in everything:
            os.chmod(each, 0o755)


@pytest.fixture
def small_disk(tmp_path):
    """A directory on a disk of 400 kB."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def test_a_full_disk(small_disk, tmp_path):
    session = Session(small_disk / "session", store_or_url=f"sqlite://{tmp_path}/store.db")
    first = session.add(Task(jobname="first"))
    ballast = small_disk / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 256):
            pass
    filling = [session.add(Task(), flush=False) for _ in range(1000)]
    index = Path(session.path, "index.txt")
    before = index.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"index\.txt: No space left"):
        session.flush()
    task = Task(jobname="later")
    with pytest.raises(StoreUnavailable):
        session.add(task)
    assert index.read_bytes() == before == f"{first}\n".encode()
    assert len(session) == 1001
    assert Session(session.path).counts().total == 1
    ballast.unlink()
    last = session.add(task)
    assert index.read_text().split() == [first, *filling, last]
    assert session.counts().total == 1002
    session.close()


def test_an_index_that_cannot_be_synced_is_as_before(session, monkeypatch):
    session.add(Task(jobname="a"))
    task = Task(jobname="b")
    before = Path(session.path, "index.txt").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("gc3libs.session._index.os.fsync", fail)
        with pytest.raises(StoreUnavailable, match=r"index\.txt: Input/output error"):
            session.add(task)
        with pytest.raises(StoreUnavailable):
            session.remove(next(iter(session.tasks)))
    assert Path(session.path, "index.txt").read_bytes() == before
    assert len(session) == session.counts().total == 1
    session.add(task)
    with reopened(session) as again:
        assert [each.name for each in again.summaries()] == ["a", "b"]


def fail(fd, sync=os.fsync):
    if "index.txt" in os.readlink(f"/proc/self/fd/{fd}"):
        raise OSError(5, os.strerror(5))
    sync(fd)


def test_a_store_that_fails_leaves_the_index_as_it_was(session, monkeypatch):
    a = session.add(Task(jobname="a"))
    with monkeypatch.context() as patch:
        patch.setattr(type(session.store), "_delete", refuse)
        patch.setattr(type(session.store), "_write", refuse)
        with pytest.raises(StoreUnavailable):
            session.remove(a)
        with pytest.raises(StoreUnavailable):
            session.add(Task())
    assert session.list_ids() == {a}
    assert session.counts().total == 1
    assert session.tasks[a].jobname == "a"
    session.remove(a)
    assert len(session) == 0


def refuse(*args, **options):
    raise StoreUnavailable("not now")


def test_a_line_cut_short_is_removed_by_whoever_appends_next(tmp_path):
    session = Session(tmp_path / "session")
    a = session.add(Task())
    with open(tmp_path / "session" / "index.txt", "ab") as file:
        file.write(b"Task.4711")
    with reopened(session) as other:
        b = other.add(Task())
    assert session.list_ids() == {a, b}


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_what_was_opened_before_it_was_made_anew_is_refused(tmp_path, kind):
    """The new session keeps what it has, and the old one claims to have kept nothing."""
    path = tmp_path / "session"
    with Session(path, store_or_url=kind) as former:
        old = former.add(Task(jobname="old"))
        task = former.tasks[old]
    remake = f"from gc3libs.session import Session; Session({str(path)!r}, load=False).close()"
    subprocess.run([sys.executable, "-c", remake], check=True)
    with Session(path, store_or_url=kind) as present:
        kept = present.add_many([Task(jobname="new"), Task(jobname="newer")])
    task.beta = 1
    for change in (
        lambda: former.add(Task(jobname="late")),
        former.save_all,
        lambda: former.remove(old),
        former.lease,
        former.destroy,
    ):
        with pytest.raises(InvalidOperation, match="another one is in its place"):
            change()
    former.close()
    present.close()
    with Session(path) as again:
        assert [each.jobname for each in again] == ["new", "newer"]
        assert again.store.list() == kept
        again.close()
