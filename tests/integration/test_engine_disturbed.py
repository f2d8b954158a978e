"""An engine that is disturbed, and goes on in the same process: Ctrl-C, and a disk that is full."""

import os
import random
import resource
import signal
import traceback
from collections import Counter

import pytest

from gc3libs.engine import create_engine
from gc3libs.model import Application, State
from gc3libs.persistence import make_store

COUNT = 60


def in_a_process_of_its_own(work, note):
    """Do something in a child, and be told what went wrong there."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001  # the parent is told
            note.write_text(traceback.format_exc())
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    assert status == 0, note.read_text()


def make_tasks(home):
    """Tasks that write their number when they run, and leave it as their output."""
    for number in range(COUNT):
        script = f"echo {number} >>{home}/ran; echo {number} >result; exit {number % 3}"
        command = ["/bin/sh", "-c", script]
        yield Application(command, [], ["result"], f"{home}/out/{number}", number=number)


def check(home, store):
    store.invalidate_cache()
    tasks = store.load_many(store.list()).values()
    for task in tasks:
        run = task.execution
        end = run.state, run.exitcode
        assert end == (State.TERMINATED, task.number % 3), (task, str(run.history))
        assert (task.output_path / "result").read_text() == f"{task.number}\n"
    assert Counter((home / "ran").read_text().split()) == {str(n): 1 for n in range(COUNT)}


def interrupt(signal_number, frame):
    raise KeyboardInterrupt


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("fresh", [False, True], ids=("the same engine", "a fresh engine"))
def test_ctrl_c_at_random_moments(tmp_path, seed, fresh):
    chance = random.Random(seed)

    def run_until_interrupted(engine):
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.002, 0.04))
            engine.run()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return True
        return False

    def campaign():
        signal.signal(signal.SIGALRM, interrupt)
        store = make_store(f"sqlite:{tmp_path}/store.db")
        ids = store.save_many(make_tasks(tmp_path))
        engine = create_engine(store=store, workdir=tmp_path / "run", cores=2)
        engine.feed(ids)
        for _ in range(15):
            if run_until_interrupted(engine) and fresh:
                engine.close()
                engine = create_engine(store=store, workdir=tmp_path / "run", cores=2)
                engine.feed(ids)
        engine.run()
        engine.close()
        check(tmp_path, store)
        store.close()

    in_a_process_of_its_own(campaign, tmp_path / "trouble")


def test_a_disk_that_is_full_for_a_while(tmp_path, caplog):
    def campaign():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = make_store(f"sqlite:{tmp_path}/store.db")
        ids = store.save_many(make_tasks(tmp_path))
        engine = create_engine(store=store, workdir=tmp_path / "run", cores=2)
        engine.feed(ids)
        engine.progress()  # the supervisor is there, and has no limit
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, unlimited[1]))

        def clear_up(_):
            if "store.db" in caplog.text:
                resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)

        engine.run(each=clear_up)
        assert "store.db" in caplog.text
        engine.close()
        check(tmp_path, store)
        store.close()

    in_a_process_of_its_own(campaign, tmp_path / "trouble")
