"""`Core` and `Engine` as old scripts use them."""

from __future__ import annotations

import threading

import pytest

from gc3libs.core import BgEngine, Core, Engine, MatchMaker, create_core, create_engine
from gc3libs.exceptions import (
    InvalidArgument,
    InvalidOperation,
    InvalidResourceName,
    LRMSSubmitError,
    NoResources,
    OutputNotAvailableError,
)
from gc3libs.model import Application, State
from gc3libs.quantity import MB, seconds

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without any configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def core():
    with create_core() as made:
        yield made


def echo(text="hello", **extra):
    return Application(["echo", text], [], [], "out", stdout="out.txt", **extra)


def test_a_job_is_moved_by_hand(core, tmp_path):
    app = echo()
    core.submit(app)
    assert app.execution.state in (State.SUBMITTED, State.RUNNING, State.TERMINATING)
    while app.execution.state is not State.TERMINATING:
        core.update_job_state(app)
    assert not (tmp_path / "out").exists()
    core.fetch_output(app)
    assert app.execution.state is State.TERMINATED
    assert app.execution.returncode == 0
    assert (tmp_path / "out/out.txt").read_text() == "hello\n"
    core.free(app)


def test_outputs_can_go_elsewhere(core, tmp_path):
    app = echo()
    core.submit(app)
    while app.execution.state is not State.TERMINATING:
        core.update_job_state(app)
    core.fetch_output(app, "elsewhere")
    assert (tmp_path / "elsewhere/out.txt").exists()


def test_there_is_no_output_before_the_end(core):
    with pytest.raises(OutputNotAvailableError):
        core.fetch_output(echo())
    with pytest.raises(InvalidOperation):
        core.free(echo())


def test_a_job_is_killed(core):
    app = Application(["sleep", "60"], [], [], None)
    core.submit(app)
    core.kill(app)
    assert app.execution.state is State.TERMINATED
    assert app.execution.returncode != 0


def test_a_job_that_is_too_large_is_refused(core):
    with pytest.raises(LRMSSubmitError, match="cannot be started"):
        core.submit(echo(requested_cores=10**6))


def test_submitting_twice_changes_nothing(core):
    app = echo()
    core.submit(app)
    core.submit(app)
    assert app.execution.attempt == 1
    core.kill(app)


def test_resources_are_selected():
    with create_core(cfg_dict=two()) as core:
        assert sorted(core.resources) == ["cluster", "large", "small"]
        assert core.get_backend("small").max_cores == 1
        assert core.select_resource("l*") == 1
        assert [each.name for each in core.get_resources() if each.enabled] == ["large"]
        assert core.select_resource(lambda resource: False) == 0
        with pytest.raises(InvalidResourceName):
            core.get_backend("other")
        with pytest.raises(NoResources):
            core.submit(echo())


def test_this_machine_is_called_localhost_too(core):
    assert core.select_resource("localhost") == 1


def two():
    return {
        "resource/small": {"type": "shellcmd", "max_cores": "1", "max_memory_per_core": "1GB"},
        "resource/large": {"type": "shellcmd", "max_cores": "4"},
        "resource/cluster": {"type": "slurm"},
    }


def test_without_a_usable_resource_there_is_no_core():
    with pytest.raises(NoResources, match="cluster"):
        create_core(cfg_dict={"resource/cluster": {"type": "ec2+shellcmd"}})


def test_an_engine_on_a_core():
    core = Core()
    engine = Engine(core, [echo(jobname="first")], max_in_flight=1)
    assert engine.select_resource("local") == 1
    counts = engine.run()
    assert counts["ok"] == engine.stats()["ok"] == 1
    engine.close()
    core.close()


def test_an_engine_without_any_resource_left_says_so():
    engine = create_engine()
    engine.select_resource(lambda resource: False)
    with pytest.raises(NoResources):
        engine.progress()
    engine.close()


def test_an_engine_from_a_configuration_file(tmp_path):
    (tmp_path / "my.conf").write_text(
        "[resource/mine]\ntype=shellcmd\nmax_cores=1\nmax_memory_per_core=100 MB\n"
    )
    engine = create_engine("my.conf", max_in_flight=3)
    assert engine.max_in_flight == 3
    (backend,) = engine.backends
    assert (backend.name, backend.capacity.cores) == ("mine", 1)
    assert backend.capacity.memory == (100 * MB).in_bytes()
    engine.close()


def test_an_engine_with_so_many_cores():
    engine = create_engine(cores=1)
    assert engine.backends[0].capacity.cores == 1
    engine.close()


def test_an_option_that_nobody_knows_is_an_error():
    with pytest.raises(TypeError):
        create_engine(max_in_fligth=3)


@pytest.mark.parametrize("given", [True, False])
def test_an_engine_in_the_background(core, tmp_path, given):
    engine = BgEngine("threading", *([Engine(core)] if given else [core]))
    before, over = threading.Event(), threading.Event()
    first, second = echo("first"), echo("second")
    engine.add(first)
    engine.trigger_before_progress(before.set)
    engine.start(0.01 * seconds)
    assert before.wait(PATIENCE)
    engine.add(second)

    def look():
        if engine.counts()["TERMINATED"] == 2:
            over.set()
        else:
            engine.trigger_after_progress(look)

    engine.trigger_after_progress(look)
    assert over.wait(PATIENCE)
    with pytest.raises(InvalidOperation, match="stop"):
        engine.start(1 * seconds)
    engine.stop(wait=True)
    assert not engine.running
    assert (first.execution.returncode, second.execution.returncode) == (0, 0)
    engine.remove(second)
    assert engine.counts()["total"] == 1
    engine.close()


def test_what_is_called_in_the_background_may_raise(core, caplog):
    engine = BgEngine("threading", core)
    engine.trigger_before_progress(int, "x")
    engine.progress()
    assert "int() with base 10" in caplog.text
    with pytest.raises(InvalidArgument, match="'threading' only"):
        BgEngine("gevent", core)
    engine.close()


def test_a_match_maker_asks_the_task(core):
    small = echo()
    large = echo(requested_cores=10_000)
    matcher = MatchMaker()
    assert matcher.filter(large, core.get_resources()) == []
    assert matcher.filter(small, core.get_resources()) == core.get_resources()
    assert matcher.rank(small, core.get_resources()) == core.get_resources()
