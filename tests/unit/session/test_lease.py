"""One engine at a time."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest

from gc3libs import Task
from gc3libs.exceptions import LeaseLost, SessionInUse
from gc3libs.session import Session
from gc3libs.session._lease import EXPIRES, INTERVAL

HOLD = """
import sys
from gc3libs.session import Session
session = Session(sys.argv[1])
lease = session.lease("run")
{more}
print(lease.epoch, flush=True)
sys.stdin.read()
"""

FORK = """
import os, time
if os.fork() == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
"""


class StoppedClock:
    """A clock that others set."""

    def __init__(self):
        self.time = time.time()

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


@pytest.fixture(params=[None, "sqlite", "memory:"], ids=["file", "sqlite", "memory"])
def session(request, tmp_path):
    made = Session(tmp_path / "flu", store_or_url=request.param)
    yield made
    made.close()


@pytest.fixture
def files(tmp_path):
    made = Session(tmp_path / "flu")
    yield made
    made.close()


@contextlib.contextmanager
def held_by_another(session, more=""):
    """Another process that holds the lease."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(more=more), session.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline().strip().isdigit()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def lease_file(session):
    return os.path.join(session.path, "run", "lease")


def test_epochs_grow_and_nothing_is_left(session):
    epochs = []
    for _ in range(3):
        with session.lease() as lease:
            lease.check()
            assert lease.guard.epoch == lease.epoch
            assert lease.guard.session == session.uuid
            epochs.append(lease.epoch)
    assert epochs == sorted(set(epochs))
    assert not os.path.exists(os.path.join(session.path, "run"))


def test_what_an_engine_left_in_run_stays(files):
    with files.lease():
        open(os.path.join(files.path, "run", "journal"), "w").close()
    assert os.listdir(os.path.join(files.path, "run")) == ["journal"]


def test_a_second_one_is_told_who_and_since_when(files):
    with files.lease("run"), pytest.raises(SessionInUse) as raised:
        files.lease()
    error = pickle.loads(pickle.dumps(raised.value))
    assert error.pid == os.getpid()
    assert str(error) == (
        f"flu is being run on {os.uname().nodename} (process {os.getpid()}) since"
        f" {time.strftime('%H:%M', time.localtime(error.since))}. To look: gc3 status flu --watch"
    )


def test_another_process_holds_it(files):
    with held_by_another(files) as process:
        with pytest.raises(SessionInUse, match=f"process {process.pid}"):
            files.lease()
        holder = files.holder()
        assert (holder.pid, holder.what) == (process.pid, "run")
        with pytest.raises(SessionInUse, match=f"process {process.pid}"):
            files.destroy()
        with pytest.raises(SessionInUse):
            Session(files.path, load=False)
        assert os.path.exists(files.path)
        process.stdin.close()
        process.wait()
    assert files.holder() is None
    with files.lease() as lease:
        assert lease.epoch == 2


def test_a_killed_holder_holds_nothing(files):
    with held_by_another(files) as process:
        process.kill()
        process.wait()
        assert os.path.exists(lease_file(files))
        with files.lease() as lease:
            assert lease.epoch == 2


def test_a_child_made_by_fork_does_not_keep_it(files):
    with held_by_another(files, FORK) as process:
        process.kill()
        process.wait()
        os.killpg(process.pid, 0)  # the child is there
        with files.lease() as lease:
            lease.check()


def test_a_former_holder_cannot_write(session):
    id_ = session.add(Task())
    with session.lease() as former:
        pass
    with session.lease() as present:
        task = session.tasks[id_]
        task.beta = 1
        with pytest.raises(LeaseLost):
            session.store.save_many([task], guard=former.guard)
        session.store.save_many([task], guard=present.guard)
    with pytest.raises(LeaseLost):
        former.check()


def test_a_lease_whose_file_was_removed_is_lost(files):
    with files.lease() as lease:
        os.unlink(lease_file(files))
        with pytest.raises(LeaseLost, match=files.uuid):
            lease.check()
        with files.lease() as other:
            other.check()


def write_foreign_lease(session, age):
    """As another host left it that gave its last sign of life so many seconds ago."""
    now = time.time()
    os.makedirs(os.path.dirname(lease_file(session)))
    with open(lease_file(session), "w") as file:
        json.dump({"host": "elsewhere", "pid": 7, "since": now - 3600, "epoch": 41}, file)
    os.utime(lease_file(session), (now - age, now - age))


@pytest.mark.parametrize("ahead", [0, 86400, -86400])
def test_another_host_is_believed_while_it_gives_signs_of_life(files, ahead):
    """Whatever the clock of this host says: files bear the time of the one that they lie on."""
    files.clock = clock = StoppedClock()
    clock.time += ahead
    write_foreign_lease(files, EXPIRES - 60)
    assert files.holder().host == "elsewhere"
    with pytest.raises(SessionInUse, match=r"elsewhere \(process 7\)"):
        files.lease()


@pytest.mark.parametrize("ahead", [0, 86400, -86400])
def test_another_host_that_is_silent_holds_nothing(files, ahead):
    files.clock = clock = StoppedClock()
    clock.time += ahead
    write_foreign_lease(files, EXPIRES + 1)
    assert files.holder() is None
    with files.lease() as lease:
        assert lease.epoch == 42
    assert not os.path.exists(os.path.join(files.path, "run"))


def test_check_gives_signs_of_life(files):
    files.clock = clock = StoppedClock()
    with files.lease() as lease:
        os.utime(lease_file(files), (0, 0))
        lease.check()
        assert os.stat(lease_file(files)).st_mtime == 0
        clock.time += INTERVAL
        lease.check()
        assert os.stat(lease_file(files)).st_mtime > 0


def test_looking_does_not_keep_others_from_taking_it(files):
    with files.lease():
        assert files.holder().pid == os.getpid()
    assert files.holder() is None
    with files.lease():
        pass


def test_the_owner_may_destroy(files):
    with files.lease():
        files.destroy()
    assert not os.path.exists(files.path)


def test_an_unreadable_lease_does_not_stop_anybody(files):
    os.mkdir(os.path.dirname(lease_file(files)))
    with open(lease_file(files), "w") as file:
        file.write("{ torn")
    with files.lease() as lease:
        lease.check()


def test_epochs_grow_whoever_takes_the_lease(files):
    other = Session(files.path)
    epochs = []
    for session in (files, other, other, files):
        with session.lease() as lease:
            epochs.append(lease.epoch)
    assert epochs == [1, 2, 3, 4]
