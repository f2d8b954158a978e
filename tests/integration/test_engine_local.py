"""An engine and this machine: real jobs, from what they need to what they leave."""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gc3libs.backends.local import LocalBackend
from gc3libs.engine import Engine, create_engine
from gc3libs.engine.loop import LOOK_AROUND
from gc3libs.exceptions import DirectoryInUse, InvalidArgument, NoResult
from gc3libs.model import Application, FunctionTask, Signals, State
from gc3libs.persistence import make_store
from gc3libs.quantity import MB, seconds


@pytest.fixture
def store(tmp_path):
    with make_store(f"sqlite:{tmp_path}/store.db") as store:
        yield store


@pytest.fixture
def engine(tmp_path, store):
    with create_engine(store=store, workdir=tmp_path / "run", cores=2) as engine:
        yield engine


@pytest.fixture
def run(engine, store):
    def run(*tasks):
        """Run tasks; the same, as another process would see them."""
        for task in tasks:
            engine.add(task)
        engine.run()
        store.invalidate_cache()
        again = [store.load(task.persistent_id) for task in tasks]
        return again[0] if len(again) == 1 else again

    return run


def shell(script, inputs=(), outputs=(), output_dir=None, **extra):
    return Application(["/bin/sh", "-c", script], inputs, outputs, output_dir, **extra)


def end_of(task):
    run = task.execution
    return run.state, run.signal, run.exitcode


def ended(exitcode=0, signal=0):
    return State.TERMINATED, signal, exitcode


# ends


def test_exit_status_figures_and_streams(run, tmp_path):
    burn = "import sys; data = bytearray(60_000_000); sum(range(3_000_000)); sys.exit(7)"
    burning = Application([sys.executable, "-c", burn], [], [], None)
    killed = shell("kill -TERM $$")
    speaking = shell("echo out; echo err >&2", stdout="o", stderr="e", output_dir=f"{tmp_path}/s")
    burning, killed, speaking = run(burning, killed, speaking)
    assert end_of(burning) == ended(7)
    assert burning.execution.used_cpu_time.in_seconds() > 0.05
    assert burning.execution.max_used_memory.in_bytes() > 60_000_000
    assert killed.execution.signal == 15
    assert end_of(speaking) == ended()
    assert (speaking.output_path / "o").read_text() == "out\n"
    assert (speaking.output_path / "e").read_text() == "err\n"


def test_limits_are_kept_and_told(run):
    hog = "data = bytearray(300_000_000); import time; time.sleep(60)"
    slow = shell("sleep 60", requested_walltime=0.2 * seconds)
    greedy = Application([sys.executable, "-c", hog], [], [], None, requested_memory=100 * MB)
    slow, greedy = run(slow, greedy)
    assert slow.execution.signal == 15
    assert slow.execution.details.reason == "walltime of 0.2 s"
    assert "walltime of 0.2 s" in slow.execution.info
    assert greedy.execution.signal in (9, 15)
    assert greedy.execution.details.reason.startswith("memory limit of ")
    assert "memory limit" in greedy.execution.info


def test_a_job_larger_than_the_machine_is_refused(run):
    task = run(shell("true", requested_cores=3))
    assert task.execution.signal == Signals.SubmissionFailed
    assert "3 cores" in task.execution.details.reason
    assert "3 cores" in task.execution.info


def test_a_kill_takes_the_whole_group(engine, tmp_path):
    note = tmp_path / "pid"
    code = (
        "import pathlib, subprocess; child = subprocess.Popen(['sleep', '60']);"
        f"note = pathlib.Path('{note}~'); note.write_text(str(child.pid));"
        f"note.rename('{note}'); child.wait()"
    )
    task = Application([sys.executable, "-c", code], [], [], None)
    engine.add(task)
    engine.run(each=lambda _: task.kill() if note.exists() else None)
    assert end_of(task) == (State.TERMINATED, Signals.Cancelled, 255)
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        status = Path(f"/proc/{note.read_text()}/stat").read_text()
        assert status.rpartition(")")[2].split()[0] in "ZX"


# files


def test_a_missing_input_is_named_and_nothing_runs(run, tmp_path):
    task = run(shell(f"touch {tmp_path}/ran", inputs=[f"{tmp_path}/no-such-file"]))
    assert task.execution.state is State.TERMINATED
    assert task.execution.returncode != 0
    assert f"{tmp_path}/no-such-file" in task.execution.details.reason
    assert not (tmp_path / "ran").exists()


def test_a_promised_output_that_is_missing_is_noted(run, tmp_path):
    task = run(shell("echo 1 >a", outputs=["a", "b"], output_dir=f"{tmp_path}/out"))
    assert (end_of(task), task.execution.details.missing) == (ended(), ["b"])
    assert os.listdir(tmp_path / "out") == ["a"]


def test_output_directories(run, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old").write_text("old")
    monkeypatch.chdir(tmp_path)
    names = ("there", "full", "deep/er", f"{tmp_path}/absolute")
    tasks = [shell("echo 1 >a", outputs=["a"], output_dir=name) for name in names]
    tasks += [shell("echo 1 >a", outputs=["a"]), shell("true", output_dir="unused")]
    monkeypatch.chdir("/")
    tasks = run(*tasks)
    for task, name in zip(tasks, names, strict=False):
        assert task.output_dir == name
        assert task.output_path == tmp_path / name
        assert (tmp_path / name / "a").read_text() == "1\n"
    assert (tmp_path / "full.~1~" / "old").read_text() == "old"
    assert tasks[4].output_dir is None
    assert tasks[5].output_dir is None
    assert not (tmp_path / "unused").exists()


def test_outputs_can_replace_older_ones(run, engine, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("a", "other"):
        (tmp_path / "out" / name).write_text("old")
    engine.retrieve_overwrites = True
    run(shell("echo 1 >a", outputs=["a"], output_dir=f"{tmp_path}/out"))
    assert (tmp_path / "out" / "a").read_text() == "1\n"
    assert (tmp_path / "out" / "other").read_text() == "old"


def test_outputs_of_running_jobs_can_be_had(engine, tmp_path):
    """What is there already, and what has changed; at the end no older version is kept."""
    go, out = tmp_path / "go", tmp_path / "out"
    script = f"""mkdir d; echo 1 >d/a; echo same >b; ln -s /etc/passwd c
        while [ ! -e {go} ]; do sleep 0.02; done; echo 22 >>d/a
        while [ ! -e {go}.2 ]; do sleep 0.02; done; echo 333 >>d/a"""
    task = shell(script, (), ["*"], str(out))
    engine.retrieve_running = engine.retrieve_overwrites = True
    seen, written = [], set()

    def look(engine):
        if (out / "d" / "a").exists() and task.execution.state is State.RUNNING:
            seen.append((out / "d" / "a").read_text())
            assert not (out / "c").exists()
            written.add((out / "b").stat().st_ino)
            (go if seen[-1] == "1\n" else tmp_path / "go.2").touch()

    engine.add(task)
    engine.run(look)
    assert {"1\n", "1\n22\n"} <= set(seen)
    assert (out / "d" / "a").read_text() == "1\n22\n333\n"
    assert sorted(os.listdir(out)) == ["b", "c", "d"]
    assert len(written) == 1  # it was not copied again
    assert os.listdir(tmp_path / "out" / "d") == ["a"]
    assert not list(tmp_path.glob("out.~*"))


def test_outputs_of_running_jobs_never_replace_older_ones_unless_told_so(engine, tmp_path):
    task = shell("echo new >a; sleep 1.5", (), ["a"], str(tmp_path / "out"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("old")
    engine.retrieve_running = True
    engine.add(task)
    engine.run()
    assert (tmp_path / "out.~1~" / "a").read_text() == "old"
    assert (tmp_path / "out" / "a").read_text() == "new\n"


class Curious(Application):
    def running(self):
        self.seen = self.execution.lrms_execdir


def test_where_a_job_ran_is_told_as_long_as_that_is_of_use(run):
    script = "while [ ! -e go ]; do touch go; sleep 0.2; done; exit {}"
    well, badly = (
        Curious(["/bin/sh", "-c", script.format(code)], [], ["go"], None) for code in (0, 3)
    )
    assert not hasattr(well.execution, "lrms_execdir")
    nothing = shell("exit 3")
    well_again, badly_again, nothing_again = run(well, badly, nothing)
    assert Path(well.seen).parent.name == "scratch"
    assert well_again.execution.lrms_execdir is None
    assert os.listdir(badly_again.execution.lrms_execdir) == ["go"]
    assert nothing_again.execution.lrms_execdir is None


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a megabyte."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


@pytest.mark.parametrize("names", [["*"], ["a"], ["d"]], ids=["all", "a file", "a directory"])
def test_outputs_wait_for_room_on_a_disk_that_is_full(engine, store, tmp_path, small_disk, names):
    """The task is not over before they are there; others go on meanwhile."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(900_000))
    script = "mkdir d; head -c 300000 /dev/zero | tee d/b >a"
    large = shell(script, (), names, f"{small_disk}/large", jobname="large")
    others = [shell("echo >a", (), ["a"], f"{tmp_path}/{n}") for n in range(9)]
    waited = []

    def look(engine):
        record = store.record(large.persistent_id).summary if large.persistent_id else None
        if record is None or not record.info.startswith("outputs have to wait"):
            return
        waited.append(record.state)
        assert os.listdir(small_disk) == ["ballast"]  # no half of a copy takes room
        if all(other.execution.state is State.TERMINATED for other in others):
            ballast.unlink(missing_ok=True)

    for task in (large, *others):
        engine.add(task)
    engine.run(look)
    assert set(waited) == {"TERMINATING"}
    assert end_of(large) == ended()
    assert sum("outputs have to wait" in line for line in large.execution.history) == 1
    place = large.output_path
    sizes = {str(each.relative_to(place)): each.stat().st_size for each in place.rglob("?")}
    expected = {"a": 300_000, "d": sizes.get("d"), "d/b": 300_000, "b": 300_000}
    assert sizes
    assert all(expected[name] == size for name, size in sizes.items())
    assert os.listdir(small_disk) == ["large"]


def test_inputs_wait_for_room_on_a_disk_that_is_full(store, tmp_path, small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(900_000))
    data = tmp_path / "data"
    data.mkdir()
    (data / "large").write_bytes(bytes(300_000))
    task = shell("test $(wc -c <data/large) = 300000", [str(data)], (), None)
    seen = []

    def look(engine):
        seen.append(task.execution.state)
        if seen.count(State.SUBMITTED) > 1:
            ballast.unlink(missing_ok=True)

    with create_engine(store=store, workdir=small_disk / "run", cores=2) as engine:
        engine.add(task)
        engine.run(look)
    assert end_of(task) == ended()
    assert not ballast.exists()


def test_doing_it_again_keeps_the_old_outputs(run, engine, tmp_path):
    task = shell("echo 1 >a", outputs=["a"], output_dir=f"{tmp_path}/out")
    run(task)
    engine.redo(task)
    engine.run()
    assert sorted(os.listdir(tmp_path)) >= ["out", "out.~1~"]
    assert task.execution.attempt == 2


def test_standard_input_and_joined_streams(run, tmp_path):
    (tmp_path / "in.txt").write_text("hello\n")
    task = shell(
        "cat; echo err >&2",
        stdin=f"{tmp_path}/in.txt",
        stdout="all.txt",
        join=True,
        output_dir=f"{tmp_path}/out",
    )
    run(task)
    assert (tmp_path / "out" / "all.txt").read_text() == "hello\nerr\n"


def test_job_directories_are_removed_when_all_is_well(run, engine, tmp_path):
    good, bad = run(
        shell("echo 1 >a", outputs=["a"], output_dir=f"{tmp_path}/good"),
        shell("echo 1 >a; echo 2 >b; exit 1", outputs=["a"], output_dir=f"{tmp_path}/bad"),
    )
    left = os.listdir(tmp_path / "run" / "jobs")
    assert left == [bad.execution.details.token]
    assert os.listdir(tmp_path / "run" / "jobs" / left[0]) == ["b"]
    assert end_of(good) == ended()


def test_a_running_job_can_be_looked_at(engine, tmp_path):
    gate = tmp_path / "gate"
    script = f"echo hello; while ! [ -e {gate} ]; do sleep 0.01; done; echo bye"
    tasks = [shell(script), shell(script, stdout="o", output_dir=f"{tmp_path}/out")]
    seen = [set(), set()]
    for task in tasks:
        engine.add(task)
    deadline = time.monotonic() + 30
    while not all("hello\n" in each for each in seen):
        assert time.monotonic() < deadline
        engine.progress()
        for task, texts in zip(tasks, seen, strict=True):
            texts.add(engine.peek(task).read())
    gate.touch()
    engine.run()
    assert engine.peek(tasks[1]).read() == "hello\nbye\n"
    assert engine.peek(tasks[1], offset=-4).read() == "bye\n"


# functions


def hypotenuse(a, b):
    return (a * a + b * b) ** 0.5


def fail(text):
    raise ValueError(text)


def unpicklable():
    return lambda: None


def megabytes(count):
    return b"x" * (count << 20)


def total(array):
    return array * 2


def leave():
    os._exit(9)


def test_functions_and_their_results(run):
    numpy = pytest.importorskip("numpy")
    factor = 3
    tasks = run(
        FunctionTask(hypotenuse, 3, b=4),
        FunctionTask(lambda x: x * factor, 14),
        FunctionTask(megabytes, 12),
        FunctionTask(total, numpy.arange(5)),
        FunctionTask(sorted, [3, 1, 2]),
    )
    assert [end_of(task) for task in tasks] == [ended()] * 5
    assert [task.result for task in tasks[:2]] == [5.0, 42]
    assert len(tasks[2].result) == 12 << 20
    assert tasks[3].result.tolist() == [0, 2, 4, 6, 8]
    assert tasks[4].result == [1, 2, 3]


def test_functions_that_fail(run):
    raising, odd, gone = run(
        FunctionTask(fail, "no good"), FunctionTask(unpicklable), FunctionTask(leave)
    )
    assert end_of(raising) == ended(1)
    with pytest.raises(NoResult, match="ValueError: no good") as caught:
        _ = raising.result
    assert "in fail" in caught.value.traceback
    assert "ValueError: no good" in raising.execution.info
    assert odd.execution.returncode != 0
    with pytest.raises(NoResult, match="cannot be kept"):
        _ = odd.result
    assert end_of(gone) == ended(9)
    with pytest.raises(NoResult, match="exit 9"):
        _ = gone.result


def test_a_function_without_a_store():
    numpy = pytest.importorskip("numpy")
    task, plain = FunctionTask(total, numpy.arange(3)), FunctionTask(lambda: [1])
    with create_engine(cores=1) as engine:
        engine.add(task)
        engine.add(plain)
        engine.run()
    assert task.result.tolist() == [0, 2, 4]
    assert plain.result == [1]


SCRIPT = """
import sys
import gc3libs
from gc3libs import Application
from gc3libs.engine import create_engine
from gc3libs.model import FunctionTask
from gc3libs.persistence import make_store

class Value:
    def __init__(self, number):
        self.number = number

def make(number):
    return Value(helper(number))

def helper(number):
    return number + 1

print("imported")

if __name__ == "__main__":
    with make_store("sqlite:" + sys.argv[1] + "/s.db") as store:
        with create_engine(store=store, workdir=sys.argv[1] + "/run") as engine:
            task = FunctionTask(make, 41)
            engine.add(task)
            engine.run()
            print(task.execution.returncode, type(task.result).__name__, task.result.number)
"""


def test_functions_of_the_running_script(tmp_path):
    import subprocess

    script = tmp_path / "my_script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("imported\n0 Value 42\n", "")


# engines


def test_an_engine_with_no_configuration_uses_this_machine(tmp_path):
    task = shell("exit 3", output_dir=None)
    with create_engine() as engine:
        engine.add(task)
        assert engine.run()["failed"] == 1
        (backend,) = engine.backends
        assert backend.capacity.cores == len(os.sched_getaffinity(0))
    assert end_of(task) == ended(3)


def test_the_directory_of_a_store_is_found_again(tmp_path, monkeypatch, store):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for _ in range(2):
        with create_engine(store=store) as engine:
            engine.add(shell("exit 0"))
            engine.run()
    assert len(list((tmp_path / "state" / "gc3libs" / "engines").iterdir())) == 1


def test_what_is_for_this_machine_goes_with_no_other_backend(tmp_path):
    backend = LocalBackend(tmp_path / "run")
    with pytest.raises(InvalidArgument):
        Engine(backend, cores=2)
    backend.close()


def test_two_engines_in_one_directory(engine, tmp_path):
    gate = tmp_path / "gate"
    engine.add(shell(f"while ! [ -e {gate} ]; do sleep 0.01; done"))
    engine.progress()
    second = Engine(workdir=tmp_path / "run", tasks=[shell("true")])
    with pytest.raises(DirectoryInUse, match=str(os.getpid())):
        second.run()
    second.close()
    gate.touch()
    assert engine.run()["ok"] == 1


def test_jobs_go_on_when_the_engine_is_closed(tmp_path, store):
    gate = tmp_path / "gate"
    tasks = [shell(f"while ! [ -e {gate} ]; do sleep 0.01; done; exit 4") for _ in range(4)]
    with create_engine(store=store, workdir=tmp_path / "run", cores=2) as engine:
        for task in tasks:
            engine.add(task)
        deadline = time.monotonic() + 30
        while engine.counts()["RUNNING"] < 2:
            assert time.monotonic() < deadline
            engine.progress()
    gate.touch()
    store.invalidate_cache()
    with create_engine(store=store, workdir=tmp_path / "run", cores=2) as engine:
        engine.feed(store.list())
        assert engine.run()["failed"] == 4
    assert {summary.returncode for summary in store.summaries()} == {4 * 256}
    assert {summary.attempt for summary in store.summaries()} == {1}


# waiting


def test_nothing_is_done_while_nothing_happens(engine):
    engine.add(shell("sleep 1.5"))
    rounds = []
    engine.run(each=rounds.append)
    assert len(rounds) < 20


def test_a_free_slot_is_used_when_it_gets_free_and_not_at_the_next_look_around(engine):
    engine.max_in_flight = 1
    tasks = [shell("sleep 0.02") for _ in range(12)]
    for task in tasks:
        engine.add(task)
    engine.run()
    starts = sorted(task.execution.details.started for task in tasks)
    ends = sorted(task.execution.details.ended for task in tasks)
    gaps = [start - end for start, end in zip(starts[1:], ends, strict=False)]
    assert statistics.median(gaps) < LOOK_AROUND / 2
