"""What a task asks of a cluster."""

import pytest

from gc3libs.exceptions import InvalidValue
from gc3libs.model import Application, FunctionTask
from gc3libs.persistence import make_store

WANTED = {
    "requested_nodes": 2,
    "requested_gpus": 1,
    "requested_queue": "long.q",
    "requested_account": "a-1",
    "requested_qos": "high",
}


def app(**extra):
    return Application(["true"], [], [], None, **extra)


def test_it_is_in_the_description_of_the_job():
    command = app(**WANTED).job_spec()
    found = {f"requested_{name}": getattr(command, name) for name in ("nodes", "gpus", "queue")}
    assert found.items() <= WANTED.items()
    assert (command.account, command.qos) == ("a-1", "high")


def test_nothing_is_asked_for_by_default():
    for task in (app(), FunctionTask(divmod, 7, 2)):
        command = task.job_spec()
        assert (command.nodes, command.gpus) == (1, 0)
        assert (command.queue, command.account, command.qos) == (None, None, None)


def test_it_is_kept_and_is_no_parameter(tmp_path):
    with make_store(f"sqlite:{tmp_path}/s.db") as store:
        id_ = store.save(app(beta=1.5, **WANTED))
    with make_store(f"sqlite:{tmp_path}/s.db") as store:
        task = store.load(id_)
        assert {name: getattr(task, name) for name in WANTED} == WANTED
        (summary,) = store.summaries()
        assert dict(summary.parameters) == {"beta": 1.5}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requested_nodes", 0),
        ("requested_gpus", -1),
        ("requested_queue", "-x"),
        ("requested_queue", "a b"),
        ("requested_account", ""),
        ("requested_qos", "a\nb"),
    ],
)
def test_what_makes_no_sense_is_named(name, value):
    with pytest.raises(InvalidValue, match=name):
        app(**{name: value})
    task = FunctionTask(divmod, 7, 2)
    setattr(task, name, value)
    with pytest.raises(InvalidValue, match=name):
        task.job_spec()
