"""Functions on Dask end as they do on this machine, whatever they do."""

import os
import signal
import sys
import time

import pytest

from gc3libs.backends.local import LocalBackend
from gc3libs.engine import Engine
from gc3libs.exceptions import NoResult
from gc3libs.model import FunctionTask, Signals
from gc3libs.quantity import Duration, Memory

COUNT = 0


class Strange(Exception):
    pass


class Point:
    def __init__(self, x):
        self.x = x


def give(value):
    return value


def fail():
    raise Strange("no")


def leave(code):
    sys.exit(code)


def vanish():
    os._exit(7)


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def speak():
    print("out")
    print("err", file=sys.stderr)
    os.write(1, b"raw\n")
    sys.exit(1)


def count():
    global COUNT
    COUNT += 1
    return COUNT


def say_at_exit():
    import atexit

    atexit.register(print, "bye", flush=True)
    sys.exit(1)


def left_thread():
    import threading

    def work():
        time.sleep(0.2)
        print("done", flush=True)

    threading.Thread(target=work).start()
    sys.exit(1)


def where():
    return os.listdir(), os.path.basename(os.getcwd()) != "", os.environ["GC3_JOB"]


def surroundings():
    return {
        "argv": len(sys.argv),
        "main": sys.modules["__main__"].__name__,
        "library": sorted(name for name in sys.modules if name.startswith("gc3libs")),
        "group": os.getpgrp() == os.getpid(),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "terminate": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        "open": len(os.listdir("/proc/self/fd")),
        "stdin": sys.stdin.read(),
        "variable": os.environ.get("VARIABLE"),
    }


def ask(name):
    return os.environ.get(name), sys.flags.optimize


def write(size):
    with open("big", "wb") as file:
        file.write(bytes(size))
    return bytes(size)


def run(backend, tasks):
    with Engine(backend) as engine:
        for task in tasks:
            engine.add(task)
        engine.run()
        return [[engine.peek(task, what).read() for what in ("stdout", "stderr")] for task in tasks]


@pytest.fixture
def both(place, shared, tmp_path):
    """Runs the same calls on Dask and here; gives pairs of tasks, and what they have written."""

    def run_both(*calls, **settings):
        ends = []
        for backend in (place.on(shared), LocalBackend(tmp_path / "local", cores=2)):
            tasks = [FunctionTask(*call) for call in calls]
            for task in tasks:
                task.__dict__.update(settings)
            ends.append(list(zip(tasks, run(backend, tasks), strict=True)))
            backend.close()
        return list(zip(*ends, strict=True))

    return run_both


def outcome(task):
    run = task.execution
    try:
        result = task.result
    except NoResult as err:
        result = (err.reason, err.traceback.replace(str(task), ""))
    return run.returncode, run.exitcode, run.signal, result


def test_they_end_as_they_do_here(both):
    calls = [
        (give, 3),
        (give, [1, (2, 3), {"a": b"b"}]),
        (give, "x" * 100_000),
        (lambda x: x + 1, 1),
        (fail,),
        (leave, 5),
        (leave, "a message"),
        (leave, 0),
        (vanish,),
        (crash,),
        (count,),
        (count,),
        (os.path.join, "a", "b"),
    ]
    for (there, streams), (here, its_streams) in both(*calls):
        assert outcome(there) == outcome(here)
        assert streams == its_streams


def test_what_failed_ones_have_written_is_kept_as_it_is_here(both):
    for (_, streams), (_, its_streams) in both((speak,), (say_at_exit,), (left_thread,)):
        assert streams == its_streams
        assert streams[0]


def test_they_find_themselves_in_a_process_as_here(both):
    ((there, _), (here, _)), ((asked, _), _) = both((surroundings,), (where,))
    assert there.result == here.result
    files, has_directory, _ = asked.result
    assert has_directory
    assert not [name for name in files if not name.startswith(".gc3")]


def test_the_environment_that_a_task_asks_for_is_its_own(both):
    settings = {"environment": {"VARIABLE": "value", "PYTHONOPTIMIZE": "1"}}
    ((there, _), (here, _)) = both((ask, "VARIABLE"), **settings)[0]
    assert there.result == here.result == ("value", 1)
    ((there, _), _) = both((ask, "VARIABLE"), environment={"VARIABLE": "other"})[0]
    assert there.result == ("other", 0)
    ((there, _), _) = both((ask, "VARIABLE"))[0]
    assert there.result == (None, 0)


def test_large_results_and_objects_come_back(both):
    ((there, _), (here, _)), ((point, _), _) = both((write, 1_000_000), (Point, 3))
    assert there.result == here.result == bytes(1_000_000)
    assert point.execution.returncode == 0


def test_large_arguments_get_there(both):
    data = os.urandom(200_000)
    ((there, _), _) = both((give, data))[0]
    assert there.result == data


def test_time_and_memory_are_measured(place, shared):
    def work():
        end = time.process_time() + 0.3
        kept = b"x" * 60_000_000
        while time.process_time() < end:
            pass
        return len(kept)

    task = FunctionTask(work)
    run(place.on(shared), [task])
    assert 0.3 <= task.execution.used_cpu_time.in_seconds() < 30
    assert 60_000_000 < task.execution.max_used_memory.in_bytes() < 1_000_000_000


def test_a_function_ends_with_its_walltime(place, shared):
    task = FunctionTask(time.sleep, 600)
    task.requested_walltime = Duration("250 ms")
    run(place.on(shared), [task])
    assert task.execution.signal == signal.SIGTERM
    assert "walltime of 0.25 s" in task.execution.details.reason


def test_a_function_ends_with_its_memory(place, shared):
    def grow():
        kept = b"x" * 400_000_000
        time.sleep(600)
        return kept

    task = FunctionTask(grow)
    task.requested_memory = Memory("100 MB")
    run(place.on(shared), [task])
    assert task.execution.signal == signal.SIGKILL
    assert "memory limit of 100 MB" in task.execution.details.reason


def test_a_function_that_runs_is_cancelled(place, shared):
    task = FunctionTask(time.sleep, 600)
    with Engine(place.on(shared)) as engine:
        engine.add(task)
        while not engine.running():
            engine.progress()
        engine.kill(task)
        engine.run()
    assert task.execution.signal == Signals.Cancelled.value


def test_a_crash_ends_its_own_task_only(place, shared):
    tasks = [FunctionTask(give, n) if n % 5 else FunctionTask(crash) for n in range(20)]
    run(place.on(shared), tasks)
    for number, task in enumerate(tasks):
        if number % 5:
            assert task.result == number
        else:
            assert task.execution.signal == signal.SIGSEGV
