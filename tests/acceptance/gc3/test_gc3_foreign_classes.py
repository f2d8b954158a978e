"""Looking at a session whose tasks are of classes that only its script has."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

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


def test_a_session_can_be_looked_at_without_its_script(gc3: Any) -> None:
    (gc3.directory / "retrying.py").write_text(SCRIPT)
    subprocess.run(
        [sys.executable, "retrying.py", "-C", "1"],
        cwd=gc3.directory,
        env=gc3.environment(),
        capture_output=True,
        check=False,
    )
    rows = gc3("ls", "retrying", "--tree").lines
    assert [row.split()[1:3] for row in rows[1:3]] == [["tries", "failed"], ["job", "failed"]]
    assert "exit 1" in gc3("failures", "retrying").out
    assert "retrying is not imported" in gc3("show", "retrying", "tries").out
    assert '"name": "tries"' in gc3("show", "retrying", "tries", "--json").out
