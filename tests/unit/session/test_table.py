"""A session as a table of pandas."""

from __future__ import annotations

import math
import pickle
import sys

import pytest

from gc3libs import FunctionTask, Task
from gc3libs.exceptions import Error
from gc3libs.session import Session


@pytest.fixture
def session(tmp_path):
    made = Session(tmp_path / "session", store_or_url="sqlite")
    yield made
    made.close()


def done(outcome, **parameters):
    """A call that has left this outcome."""
    task = FunctionTask(math.hypot, 3, 4)
    for name, value in parameters.items():
        setattr(task, name, value)
    task.execution.finish(
        signal=0, exitcode=0, started=100.0, ended=102.5, cpu_time=1.5, max_memory=2_000_000
    )
    task.accept_outcome(pickle.dumps(outcome))
    task.execution.state = "TERMINATED"
    return task


def test_results_and_figures(session):
    pytest.importorskip("pandas")
    blob = {"kind": "blob", "value": "[1, 2]", "data": pickle.dumps([1, 2])}
    error = {"kind": "error", "type": "ValueError", "message": "no", "traceback": ""}
    session.add_many(
        [
            done({"kind": "plain", "value": 0.5}, beta=1),
            done(blob, beta=2),
            done(error, beta=3),
            Task(beta=4, id="mine", state="mine"),
        ]
    )
    session.store.invalidate_cache()
    table = session.to_pandas()
    assert table["result"].tolist() == [0.5, [1, 2], None, None]
    assert table["beta"].tolist() == [1, 2, 3, 4]
    assert table["state"].tolist() == [*["TERMINATED"] * 3, "NEW"]
    assert table["returncode"].tolist()[:3] == [0, 0, 256]
    assert table["duration"].tolist()[:3] == [2.5] * 3
    assert table["memory"].sum() == 6_000_000
    assert math.isnan(table["cpu_time"].iloc[3])
    assert table.index.tolist() == list(session.tasks)


def test_without_pandas(session, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(Error, match=r"pip install 'gc3libs\[pandas\]'"):
        session.to_pandas()
