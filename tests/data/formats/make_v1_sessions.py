"""Writes the sessions in `v1`, with objects of the first payload format.

Run once, when the format came into being; `test_stored_sessions.py` reads what it wrote, for ever.
"""

import contextlib
import datetime
import decimal
import json
import math
import os
import pathlib
import pickle
import sys

import influenza
import numpy as np

import gc3libs
from gc3libs import Run
from gc3libs.model import FunctionTask
from gc3libs.model.callables import Source
from gc3libs.persistence.serialization import dumps_checked
from gc3libs.quantity import GB, hours
from gc3libs.session import Session
from gc3libs.workflow import SequentialTaskCollection

STATES = (Run.State.SUBMITTED, Run.State.RUNNING, Run.State.TERMINATING, Run.State.TERMINATED)


def ended(task, returncode=0):
    """The task, after a run."""
    task.execution.start_attempt("token")
    for state in STATES:
        task.execution.state = state
    task.execution.finish(
        signal=0, exitcode=returncode, started=1.7e9, ended=1.7e9 + 90, cpu_time=80.0
    )
    return task


def called(function, *args, outcome):
    """A function task, after its job has left an outcome."""
    task = FunctionTask(function, *args)
    source = Source(*vars(task)["_function"])
    vars(task)["_function"] = (source.module, source.qualname, "", source.identity, (), "flu")
    ended(task).accept_outcome(pickle.dumps({"format": 1, **outcome}, protocol=5))
    return task


def tasks():
    """What the sessions hold."""
    application = gc3libs.Application(
        ["./fit", "--beta", 1.5],
        inputs=["/data/flu.csv"],
        outputs=["fit.json"],
        output_dir="out",
        jobname="fit-1",
        tags=["first"],
        requested_memory=2 * GB,
        requested_walltime=3 * hours,
        beta=1.5,
        day=datetime.datetime(1978, 1, 22, 7, 30, tzinfo=datetime.UTC),
        price=decimal.Decimal("0.10"),
        data=pathlib.PurePosixPath("/data/flu.csv"),
        counts={"in bed": [3, 8, 28], "odd": {1, 2}},
    )
    yield ended(application, returncode=1)
    fit = influenza.Fit(
        ["true"],
        inputs=[],
        outputs=[],
        output_dir=None,
        prior=influenza.Prior(2.5),
        objective=influenza.objective,
        grid=np.linspace(0, 1, 5),
        start=np.float64(0.5),
        after=application,
    )
    fit.seed = 17
    yield fit
    fit.itself = fit
    yield called(math.hypot, 3, 4, outcome={"kind": "plain", "value": 5.0})
    array = dumps_checked(np.arange(6).reshape(2, 3))
    yield called(math.dist, [1], [2], outcome={"kind": "blob", "data": array, "value": None})
    error = {"type": "ValueError", "message": "math domain error", "traceback": "Traceback ..."}
    yield called(math.sqrt, -1, outcome={"kind": "error", **error})
    yield SequentialTaskCollection([gc3libs.Task(step=1), gc3libs.Task(step=2)], jobname="chain")


def fill(path, store):
    """Make one session."""
    with contextlib.closing(Session(path, store_or_url=store)) as session:
        made = list(tasks())
        session.add_many(made)
        made[-1].add(gc3libs.Task(step=3))
        session.save_all()
    created = path / "created"
    facts = json.loads(created.read_text())
    facts.update(host="laptop", path="/home/somebody/flu")
    created.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1]).resolve()
    sys.argv = ["flu.py"]
    os.chdir("/")
    fill(target / "flu-files", "file")
    fill(target / "flu-sqlite", "sqlite")
