import math
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import types

import pytest

from gc3libs.exceptions import InvalidArgument, LoadError, NoResult, UnexpectedStateError
from gc3libs.model import FunctionTask, State, task
from gc3libs.persistence.persistable import Saved
from gc3libs.quantity import Duration, Memory

THREE = 3


def local(value):
    """Defined in this test module, which no job can import: travels by value."""
    return lambda x: x + value + THREE


@task(cores=2, memory="500 MB", walltime="10 min", environment={"A": 1})
def misfit(beta, gamma=0.5, *, tags=()):
    return beta / gamma


def test_a_call(do):
    made = FunctionTask(math.hypot, 3, 4.0)
    with pytest.raises(UnexpectedStateError, match="NEW"):
        made.result  # noqa: B018
    do(made)
    assert made.execution.in_state("ok")
    assert made.result == 5.0
    assert made.execution.details.result == 5.0
    assert not made._pending_blobs  # nothing outside the record


@pytest.mark.parametrize(
    "value",
    [
        1, -1.5, True, None, "tèxt\n", "", 2**70, b"\0", [1, [2]], (1, 2), {"a": 1, "b": None},
        {"a": [1]}, {1: 2}, {1, 2}, "\udc80", 1 + 2j,
    ],
)  # fmt: skip
def test_values(do, value):
    made = FunctionTask(_same, value)
    do(made)
    assert made.result == value
    assert type(made.result) is type(value)


def _same(value):
    return value


def test_values_of_numpy(do):
    numpy = pytest.importorskip("numpy")
    made = FunctionTask(_same, numpy.float64(1.5))
    do(made)
    assert made.result == 1.5
    assert type(made.result) is numpy.float64
    assert made.execution.details.result == 1.5
    array = FunctionTask(_same, numpy.arange(5))
    do(array)
    assert array.result.tolist() == [0, 1, 2, 3, 4]
    assert array.execution.details.result is None


def test_a_closure_travels_by_value(do):
    made = FunctionTask(local(10), 1)
    do(made)
    assert made.result == 14
    assert any(name.startswith("sha256/") for name in made._pending_blobs)


def test_what_the_function_prints(do):
    made = FunctionTask(print, "hello", file=None)
    do(made)
    assert made.result is None
    assert made.execution.in_state("ok")


def test_a_function_that_raises(do):
    made = FunctionTask(misfit, 1.0, 0.0)
    stderr = do(made)
    assert stderr.splitlines()[-1] == "ZeroDivisionError: float division by zero"
    assert "_runner" not in stderr
    run = made.execution
    assert (run.signal, run.exitcode) == (0, 1)
    assert run.details.reason == "ZeroDivisionError: float division by zero"
    with pytest.raises(NoResult, match="ZeroDivisionError") as caught:
        made.result  # noqa: B018
    assert "return beta / gamma" in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


def test_a_result_that_cannot_be_kept(do):
    made = FunctionTask(local, 1)
    do(made)
    assert made.execution.in_state("failed")
    with pytest.raises(NoResult, match="cannot be kept"):
        made.result  # noqa: B018


@pytest.mark.parametrize(("status", "exitcode"), [(7, 7), (0, 1), (None, 1), ("message", 1)])
def test_a_function_that_exits(do, status, exitcode):
    made = FunctionTask(sys.exit, status)
    do(made)
    assert made.execution.exitcode == exitcode
    with pytest.raises(NoResult, match="SystemExit"):
        made.result  # noqa: B018


def test_a_job_that_leaves_nothing_is_no_success(do):
    made = FunctionTask(os._exit, 0)
    do(made)
    assert made.execution.exitcode == 70
    with pytest.raises(NoResult, match="without leaving a result"):
        made.result  # noqa: B018


def test_a_job_that_is_killed(do):
    made = FunctionTask(_kill_me)
    do(made)
    assert made.execution.signal == 9
    with pytest.raises(NoResult, match="sig 9"):
        made.result  # noqa: B018


def _kill_me():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        *map(
            pickle.dumps,
            [
                [1],
                {"kind": []},
                {"kind": "plain"},
                {"kind": "plain", "value": time.sleep},
                {"kind": "plain", "value": {1, 2}},
                {"kind": "plain", "value": 2**70},
                {"kind": "plain", "value": "\ud800"},
                {"kind": "blob", "value": None},
                {"kind": "blob", "data": "text", "value": None},
                {"kind": "error"},
                {"kind": "error", "type": "E", "message": None, "traceback": ""},
            ],
        ),
    ],
)
def test_a_damaged_outcome_is_a_failure(data):
    made = FunctionTask(math.sqrt, 4)
    made.execution.returncode = 0
    made.accept_outcome(data)
    assert made.execution.exitcode == 70
    assert made.execution.details.result_kind == ""


def test_a_result_whose_blob_is_gone(do):
    made = FunctionTask(_same, [1])
    do(made)
    made._pending_blobs = None
    with pytest.raises(LoadError, match="gone"):
        made.result  # noqa: B018


def test_each_attempt_has_a_result_of_its_own(do):
    made = FunctionTask(_same, [1])
    do(made)
    made.redo()
    assert made.execution.details.result_kind == ""
    do(made)
    assert {"result.1", "result.2"} <= set(made._pending_blobs)
    assert made.result == [1]


# arguments


def test_arguments_are_parameters():
    made = misfit.task(1.5, gamma=0.4, tags=("a",))
    made.persistent_id = "FunctionTask.1"
    made._saved = Saved(None, 0, "", None, 0.0)  # type: ignore[arg-type]
    assert (made.beta, made.gamma) == (1.5, 0.4)
    assert made._summarize().parameters == {"beta": 1.5, "gamma": 0.4}
    assert made.tags == []


def test_large_arguments_travel_beside_the_record(do):
    numpy = pytest.importorskip("numpy")
    made = FunctionTask(numpy.sum, numpy.arange(1000))
    assert b"numpy" not in pickle.dumps({**made.__getstate__(), "_function": None})
    assert ".gc3-arguments" in [name for _, name in made.job_spec().shared]
    do(made)
    assert made.result == 499500


def test_what_cannot_be_sent():
    with pytest.raises(TypeError, match="cannot be sent"):
        FunctionTask(math.sqrt, threading.Lock())
    with pytest.raises(TypeError, match="cannot be called"):
        FunctionTask("math.sqrt", 1)


def test_digests():
    def made(*args, **kwargs):
        return FunctionTask(*args, **kwargs).digest

    assert made(misfit, 1.0) == made(misfit, 1.0)
    assert made(misfit, 1.0) != made(misfit, 2.0)
    assert made(math.sqrt, 1.0) != made(math.exp, 1.0)
    assert made(local(1), 1) == made(local(1), 1)
    assert made(local(1), 1) != made(local(2), 1)
    assert made(lambda x: x, 1) != made(lambda x: x + 1, 1)


# the decorator


def test_a_decorated_function_is_still_one():
    assert misfit(1.0, 0.5) == 2.0
    assert misfit.__name__ == "misfit"
    assert repr(misfit) == "<task misfit>"


def test_settings():
    made = misfit.task(1.0)
    assert (made.requested_cores, made.requested_memory) == (2, Memory("500 MB"))
    assert made.requested_walltime == Duration("10 min")
    command = made.job_spec()
    assert (command.cores, command.memory_limit, command.walltime) == (2, 5 * 10**8, 600.0)
    assert command.environment == {"A": "1"}
    assert task(math.sqrt).task(4.0).requested_memory is None


@pytest.mark.parametrize(
    "settings", [{"memory": "much"}, {"memory": 5}, {"walltime": "5"}, {"cores": 0}, {"cpus": 1}]
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises((ValueError, TypeError)):
        task(**settings)


def test_a_grid(do):
    grid = misfit.over(beta=[1.5, 3.0], gamma=[0.5, 0.25])
    assert len(grid) == 4
    tasks = list(grid)
    assert [each.jobname for each in tasks] == [
        "beta=1.5-gamma=0.5", "beta=1.5-gamma=0.25", "beta=3.0-gamma=0.5", "beta=3.0-gamma=0.25",
    ]  # fmt: skip
    assert (tasks[1].beta, tasks[1].gamma) == (1.5, 0.25)
    assert len({each.digest for each in tasks}) == 4
    do(tasks[1])
    assert tasks[1].result == 6.0
    assert [each.digest for each in grid] == [each.digest for each in tasks]


def test_a_grid_sends_its_function_once(do):
    tasks = list(task(local(1)).over(x=[1, 2, 3]))
    assert len({key for each in tasks for key in each._pending_blobs}) == 1
    do(tasks[2])
    assert tasks[2].result == 7


def test_a_module_that_no_job_can_import(do):
    module = types.ModuleType("nowhere")
    exec("def double(x): return 2 * helper(x)\ndef helper(x): return x", vars(module))
    sys.modules["nowhere"] = module
    try:
        made = FunctionTask(module.double, 4)
    finally:
        del sys.modules["nowhere"]
    do(made)
    assert made.result == 8


def test_zip():
    grid = misfit.zip(beta=[1, 2], gamma=(3, 4))
    assert len(grid) == 2
    assert [each.jobname for each in grid] == ["beta=1-gamma=3", "beta=2-gamma=4"]
    with pytest.raises(InvalidArgument, match="equally many"):
        misfit.zip(beta=[1, 2], gamma=[3])


def test_grids_of_numpy():
    numpy = pytest.importorskip("numpy")
    [one, two] = misfit.over(beta=numpy.linspace(0, 1, 2))
    assert (one.beta, two.beta) == (0.0, 1.0)
    assert type(two.beta) is float
    assert two.jobname == "beta=1.0"


def test_empty_grids():
    assert list(misfit.over(beta=[], gamma=[1])) == []
    assert len(misfit.over(beta=[], gamma=[1])) == 0


@pytest.mark.parametrize("values", [{"beta": "abc"}, {"beta": 3}, {"alpha": [1]}, {"gamma": [1]}])
def test_grids_that_make_no_sense(values):
    with pytest.raises(InvalidArgument):
        misfit.over(**values)


def test_calls_that_make_no_sense():
    with pytest.raises(InvalidArgument, match="misfit"):
        misfit.task()


# functions of a script, and of modules beside it

READ = """
import pickle, sys
sys.path.insert(0, sys.argv[1])
from gc3libs.persistence.serialization import loads_checked
try:
    loads_checked(open("data", "rb").read())
except Exception as error:
    print(type(error).__name__)
import sweep
print(loads_checked(open("data", "rb").read()))
"""

SCRIPT = """
    import dataclasses, pickle, sys
    import gc3libs
    from beside import double

    @dataclasses.dataclass
    class Fit:
        value: float

    @gc3libs.task
    def fit(beta):
        print("working")
        return Fit(double(beta))

    sys.stderr.write("the script runs")
    if __name__ == "__main__":
        made = [fit.task(4), gc3libs.FunctionTask(double, 4)]
        with open("tasks", "wb") as file:
            specs = []
            for task in made:
                spec = task.job_spec()
                specs.append((spec.argv, spec.files, spec.shared, task._pending_blobs))
            pickle.dump(specs, file)
        print(made[0].digest)
"""


@pytest.fixture
def script(tmp_path):
    directory = tmp_path / "scripts"
    directory.mkdir()
    (directory / "sweep.py").write_text(textwrap.dedent(SCRIPT))
    (directory / "beside.py").write_text("def double(x): return 2 * x\n")
    return directory / "sweep.py"


def run_script(*argv, cwd, seed="1"):
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, *map(str, argv)],
        cwd=cwd, capture_output=True, text=True, check=True, env=environment,
    ).stdout  # fmt: skip


def run_specs(directory):
    done = []
    with open(directory / "tasks", "rb") as file:
        specs = pickle.load(file)
    for number, (argv, files, shared, blobs) in enumerate(specs):
        job = directory / f"job{number}"
        job.mkdir()
        for name, content in files:
            (job / name).write_bytes(content)
        for key, name in shared:
            (job / name).write_bytes(blobs[key])
        process = subprocess.run(argv, cwd=job, capture_output=True, text=True, check=False)
        done.append((process, pickle.loads((job / ".gc3-outcome").read_bytes())))
    return done


def test_a_function_of_a_script(script, tmp_path):
    run_script(script, cwd=tmp_path)
    (by_value, fitted), (by_name, doubled) = run_specs(tmp_path)
    assert (by_value.stdout, by_value.stderr, by_value.returncode) == ("working\n", "", 0)
    assert fitted["kind"] == "blob"
    (tmp_path / "data").write_bytes(fitted["data"])
    read = run_script("-c", READ, script.parent, cwd=tmp_path)
    assert read == "NotTrusted\nFit(value=8)\n"
    assert (by_name.stderr, doubled["value"]) == ("", 8)


def test_a_script_that_imports_itself(script, tmp_path):
    text = script.read_text().replace('if __name__ == "__main__":', "def main():")
    script.write_text(f"{text}\nif __name__ == '__main__':\n    import sweep\n    sweep.main()\n")
    run_script(script, cwd=tmp_path)
    (by_value, fitted), _ = run_specs(tmp_path)
    assert (by_value.stderr, by_value.returncode) == ("", 0)
    (tmp_path / "data").write_bytes(fitted["data"])
    read = run_script("-c", READ, script.parent, cwd=tmp_path)
    assert read == "NotTrusted\nFit(value=8)\n"


def test_digests_of_functions_last(script, tmp_path):
    digests = {run_script(script, cwd=tmp_path, seed=seed) for seed in ("1", "2")}
    script.write_text(script.read_text().replace("working", "working hard"))
    digests.add(run_script(script, cwd=script.parent))
    assert len(digests) == 1


def test_the_state_needs_no_class():
    made = misfit.task(1.5)
    made.execution.state = State.SUBMITTED
    assert b"gc3libs" not in pickle.dumps({**made.__getstate__(), "_function": None})
