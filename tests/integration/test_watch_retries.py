"""What a run shows of tasks that are tried again."""

from __future__ import annotations

import contextlib

from gc3libs import Application
from gc3libs.backends.local import LocalBackend
from gc3libs.cmdline import run
from gc3libs.cmdline._published import published
from gc3libs.cmdline._watch import Watch
from gc3libs.engine import Engine
from gc3libs.session import Session
from gc3libs.workflow import ParallelTaskCollection, RetryableTask

RECOVERS = "test -e {0}/came && exit 0; touch {0}/came; exit 7"


def shell(command: str) -> Application:
    return Application(["/bin/sh", "-c", command], [], [], None)


def test_a_try_that_failed_is_no_failure_any_more(tmp_path):
    made = Session(tmp_path / "session")
    made.add(RetryableTask(shell(RECOVERS.format(tmp_path)), max_retries=5))
    made.add(ParallelTaskCollection([RetryableTask(shell("exit 3"), max_retries=2)]))
    with contextlib.closing(LocalBackend(made.run_directory, cores=2)) as backend:
        engine = Engine(backend, store=made.store)
        engine.feed(made.unfinished())
        watch = Watch(made, engine, quiet=True)
        engine.run()
        watch.look()
        seen = published(tmp_path / "session" / "run")
        watch.close()
        engine.close()
    assert seen is not None
    progress = seen.progress
    assert (progress.total, progress.done, progress.failed) == (2, 1, 1)
    assert progress.causes == (("exit 3", 1),)
    assert watch.failures == 1


def test_a_run_that_stops_at_failures_does_not_stop_at_tries(tmp_path):
    made = Session(tmp_path / "session")
    made.add(RetryableTask(shell(RECOVERS.format(tmp_path)), max_retries=5))
    counts = run(made, max_failures=0, quiet=True)
    assert counts["ok"] == 1
