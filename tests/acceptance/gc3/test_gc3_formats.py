"""Sessions of earlier versions, of the library and of classes, and bringing them up to date."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FORMATS = Path(__file__).parents[2] / "data" / "formats"

SCRIPT = """
from gc3libs import Application
from gc3libs.session import Session


class Job(Application):
    {body}


if __name__ == "__main__":
    with Session("s", store_or_url="{store}") as session:
        session.add_many(Job(["true"], [], [], "out", jobname=f"j{{n}}", size=n) for n in range(3))
"""
LATER = """schema_version = 2

    @classmethod
    def upgrade_state(cls, state, version):
        state["size"] *= 10
        return state
"""


@pytest.mark.parametrize("name", ["flu-files", "flu-sqlite"])
def test_a_session_of_format_1_is_looked_at_and_checked(gc3: Any, name: str) -> None:
    shutil.copytree(FORMATS / "v1" / name, gc3.path("flu"))
    assert len(gc3("ls", "flu", "--tree", "--ids").lines) > 5
    result = gc3("migrate", "flu")
    assert "flu is in the present format, 1" in result.err
    assert "Name the script: --script FILE" in result.err


@pytest.mark.parametrize("store", ["sqlite", "file"])
def test_tasks_are_brought_up_to_date_with_their_class(gc3: Any, store: str) -> None:
    script = gc3.path("job.py")
    script.write_text(SCRIPT.format(body="pass", store=store))
    subprocess.run([sys.executable, "job.py"], cwd=gc3.directory, check=True)
    assert "in the present format" in gc3("migrate", "s", "--script", "job.py").err
    script.write_text(SCRIPT.format(body=LATER, store=store))
    shutil.rmtree(gc3.path("__pycache__"), ignore_errors=True)
    assert "not looked at: tasks of job:Job" in gc3("migrate", "s").err
    result = gc3("migrate", "s", "--script", "job.py", "-n")
    assert "would bring up to date 3 tasks of s" in result.err
    assert "brought up to date 3 tasks" in gc3("migrate", "s", "--script", "job.py").err
    found = gc3("migrate", "s", "--script", "job.py", "--json").json
    assert (found["ids"], found["unknown"]) == ([], [])
    tasks = gc3("ls", "s", "--json").json["tasks"]
    assert [task["parameters"] for task in tasks] == [{"size": 0}, {"size": 10}, {"size": 20}]
