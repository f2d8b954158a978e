"""Sessions that earlier versions have written are opened, and go on."""

import datetime
import decimal
import importlib.util
import pathlib
import shutil
import sys

import numpy as np
import pytest

import gc3libs
from gc3libs.exceptions import NoResult, UntrustedObject
from gc3libs.quantity import GB, hours
from gc3libs.session import Session

FORMATS = pathlib.Path(__file__).parents[1] / "data" / "formats"
IDS = ["Application.1", "Fit.2", *(f"FunctionTask.{n}" for n in (3, 4, 5))]
COLLECTION = "SequentialTaskCollection.6"


@pytest.fixture(params=["flu-files", "flu-sqlite"])
def session(request, tmp_path):
    path = tmp_path / "flu"
    shutil.copytree(FORMATS / "v1" / request.param, path)
    session = Session(path, create=False)
    yield session
    session.close()


@pytest.fixture
def influenza(monkeypatch):
    """The user's module, imported."""
    spec = importlib.util.spec_from_file_location("influenza", FORMATS / "influenza.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "influenza", module)
    spec.loader.exec_module(module)
    return module


def test_the_session_of_format_1_answers_without_its_classes(session):
    assert list(session.tasks) == [*IDS, COLLECTION]
    assert session.counts().states == {"NEW": 4, "TERMINATED": 4}
    assert [each.id for each in session.summaries(failed=True)] == [IDS[0], IDS[4]]
    assert [each.id for each in session.summaries(beta=1.5)] == [IDS[0]]
    with pytest.raises(UntrustedObject, match="influenza is not imported"):
        session.load("Fit.2")


def test_an_application_of_format_1(session):
    task = session.load(IDS[0])
    assert type(task) is gc3libs.Application
    assert task.arguments == ["./fit", "--beta", "1.5"]
    assert [(url.path, name) for url, name in task.inputs.items()] == [("/data/flu.csv", "flu.csv")]
    assert list(task.outputs) == ["fit.json"]
    assert (task.output_dir, task.jobname, task.tags, task.beta) == ("out", "fit-1", ["first"], 1.5)
    assert (task.requested_memory, task.requested_walltime) == (2 * GB, 3 * hours)
    assert task.day == datetime.datetime(1978, 1, 22, 7, 30, tzinfo=datetime.UTC)
    assert task.price == decimal.Decimal("0.10")
    assert task.data == pathlib.PurePosixPath("/data/flu.csv")
    assert task.counts == {"in bed": [3, 8, 28], "odd": {1, 2}}
    run = task.execution
    assert (run.state, run.exitcode, run.signal, run.attempt) == ("TERMINATED", 1, 0, 1)
    assert (run.duration.amount(gc3libs.quantity.seconds), run.details.ended) == (90, 1.7e9 + 90)
    assert set(run.timestamp) == {"SUBMITTED", "RUNNING", "TERMINATING", "TERMINATED"}


def test_a_task_of_the_users_of_format_1(session, influenza):
    task = session.load(IDS[1])
    assert type(task) is influenza.Fit
    assert (task.seed, task.misfit()) == (17, 2.5)
    assert task.prior == influenza.Prior(2.5, influenza.Kind.UNIFORM)
    assert task.objective is influenza.objective
    assert task.grid.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert (task.start, type(task.start)) == (0.5, np.float64)
    assert task.itself is task
    assert task.after is session.load(IDS[0])


def test_a_state_of_an_earlier_version_of_a_class(session, influenza, monkeypatch):
    def upgrade_state(cls, state, version):
        attributes, slots = state
        return {**attributes, "version": version}, slots

    monkeypatch.setattr(influenza.Fit, "schema_version", 3)
    monkeypatch.setattr(influenza.Fit, "upgrade_state", classmethod(upgrade_state))
    assert session.load(IDS[1]).version == 2


def test_results_of_format_1(session):
    plain, blob, error = (session.load(id_) for id_ in IDS[2:])
    assert plain.result == 5.0
    assert blob.result.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(NoResult, match="ValueError: math domain error"):
        _ = error.result
    assert plain.job_spec().argv[0] == sys.executable


def test_a_collection_of_format_1(session):
    chain = session.load(COLLECTION)
    assert type(chain) is gc3libs.workflow.SequentialTaskCollection
    assert chain.jobname == "chain"
    assert [task.step for task in chain.tasks] == [1, 2, 3]


def test_a_session_of_format_1_goes_on(session, influenza):
    with session:
        task = session.load(IDS[1])
        task.seed = 18
        assert session.add(gc3libs.Task(beta=9.0)) not in [*IDS, COLLECTION]
        session.load(COLLECTION).add(gc3libs.Task(step=4))
        session.remove(IDS[0])
    with_all = Session(session.path, create=False)
    assert len(with_all) == 6
    assert with_all.load(IDS[1]).seed == 18
    assert [task.step for task in with_all.load(COLLECTION).tasks] == [1, 2, 3, 4]
    with_all.close()
