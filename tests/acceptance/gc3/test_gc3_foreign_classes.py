"""Looking at a session whose tasks are of classes that only its script has."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
if __name__ == "__main__":
    import retrying
    retrying.Retrying().run()

from gc3libs import Application
from gc3libs.cmdline import SessionBasedScript
from gc3libs.workflow import RetryableTask


class Job(Application):
    pass


class Retrying(SessionBasedScript):
    '''Has a task of its own class inside of one of the library's.'''
    version = "1"

    def new_tasks(self, extra):
        job = Job(["false"], [], [], jobname="job", **extra)
        yield RetryableTask(job, max_retries=1, jobname="tries")
"""


@pytest.fixture
def retrying(gc3: Any) -> Any:
    (gc3.directory / "retrying.py").write_text(SCRIPT)
    subprocess.run(
        [sys.executable, "retrying.py", "-C", "1"],
        cwd=gc3.directory,
        env=gc3.environment(),
        capture_output=True,
        check=False,
    )
    return gc3


def test_what_tasks_ask_for_is_changed_with_the_script_that_is_named(retrying: Any) -> None:
    more = ["retry", "retrying", "job", "--walltime", "2h"]
    assert "name that with --script FILE" in retrying(*more, code=1).err
    result = retrying(*more, "--script", "retrying.py")
    assert "importing retrying.py" in result.err
    assert "will be run again: 1 task" in result.err


def test_a_session_can_be_looked_at_without_its_script(retrying: Any) -> None:
    gc3 = retrying
    rows = gc3("ls", "retrying", "--tree").lines
    assert [row.split()[1:3] for row in rows[1:3]] == [["tries", "failed"], ["job", "failed"]]
    assert "exit 1" in gc3("failures", "retrying").out
    assert "retrying is not imported" in gc3("show", "retrying", "tries").out
    assert '"name": "tries"' in gc3("show", "retrying", "tries", "--json").out
