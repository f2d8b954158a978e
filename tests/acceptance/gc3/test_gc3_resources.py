"""Resources as a user configures and uses them: this machine, and hosts without a batch system."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BOX = '[resources.box]\ntype = "host"\ncores = 2\npoll_every = "1 s"\n'
BOTH = f"{BOX}[resources.local]\nenabled = true\ncores = 2\n"
PATIENCE = 120.0


@pytest.fixture
def there(gc3: Any) -> Any:
    """A user who has this machine and a host, which is this machine, too."""
    configure(gc3, BOTH)
    gc3("new", "flu")
    return gc3


def configure(gc3: Any, text: str) -> None:
    place = gc3.home / ".config" / "gc3"
    place.mkdir(parents=True, exist_ok=True)
    (place / "gc3.toml").write_text(text)


def add(gc3: Any, count: int, seconds: float = 0.0, session: str = "flu", more: str = "") -> None:
    """Tasks that say when they begin and end."""
    ledger = gc3.path("ledger")
    command = f"echo + {session} {{x}} >> {ledger}; sleep {seconds}; echo - >> {ledger}; {more}"
    gc3("add", session, "--over", f"x=1:{count}", "--", "/bin/sh", "-c", command)


def ran(gc3: Any) -> Counter[str]:
    """How often each task was started."""
    ledger = gc3.path("ledger")
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return Counter(line for line in lines if line.startswith("+"))


def most_at_a_time(gc3: Any) -> int:
    now = most = 0
    for line in gc3.path("ledger").read_text().splitlines():
        now += 1 if line.startswith("+") else -1
        most = max(most, now)
    return most


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def wait_for_runs(gc3: Any, run: Any, count: int) -> None:
    wait_for(lambda: ran(gc3).total() >= count or run.poll() is not None, "nothing runs")


def test_tasks_go_to_all_resources_and_run_once(there: Any) -> None:
    add(there, 12, 0.2)
    there("run", "flu")
    assert set(ran(there).values()) == {1}
    assert ran(there).total() == 12
    places = {task["resource"] for task in tasks_of(there)}
    assert places == {"local", "box"}


def tasks_of(gc3: Any, session: str = "flu") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gc3("ls", session, "--json").json["tasks"]
    return found


def where_new_ones_go(gc3: Any, *words: str, **options: Any) -> set[str]:
    """Run tasks that are added now; the resources where they were."""
    known = {task["id"] for task in tasks_of(gc3)}
    add(gc3, 3, more=f": {len(known)}")
    gc3("run", "flu", *words, **options)
    return {task["resource"] for task in tasks_of(gc3) if task["id"] not in known}


def test_one_resource_is_chosen_by_name_or_pattern(there: Any) -> None:
    assert where_new_ones_go(there, "-r", "b*") == {"box"}
    assert where_new_ones_go(there, env={"GC3_USE": "local"}) == {"local"}
    assert where_new_ones_go(there, "-r", "box", env={"GC3_USE": "local"}) == {"box"}
    failed = there("run", "flu", "-r", "far", code=1)
    assert failed.err == "gc3: no resource is called 'far'; there are: local, box\n"


def test_where_another_resource_is_configured_this_machine_is_used_if_that_is_said(
    there: Any,
) -> None:
    configure(there, BOX)
    assert where_new_ones_go(there) == {"box"}
    assert where_new_ones_go(there, "-r", "local") == {"local"}
    configure(there, f"{BOX}enabled = false\n")
    assert where_new_ones_go(there) == {"local"}
    failed = there("run", "flu", "-r", "box", code=1)
    assert failed.err == "gc3: no resource called 'box' is enabled\n"


def test_killed_again_and_again_each_task_runs_once(there: Any) -> None:
    add(there, 24, 0.2)
    for kill in range(3):
        run = there.start("run", "flu", start_new_session=True)
        wait_for_runs(there, run, 5 * kill + 3)
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    there("run", "flu")
    assert set(ran(there).values()) == {1}
    assert ran(there).total() == 24
    assert {task["exitcode"] for task in tasks_of(there)} == {0}


def test_a_limit_holds_for_all_sessions_of_a_user_together(there: Any) -> None:
    configure(there, "[resources.local]\ncores = 4\nmax_jobs = 2\n")
    there("new", "cold")
    add(there, 8, 0.2)
    add(there, 8, 0.2, "cold")
    runs = [there.start("run", session, "-q") for session in ("flu", "cold")]
    assert [run.communicate(timeout=PATIENCE) and run.returncode for run in runs] == [0, 0]
    assert ran(there).total() == 16
    assert most_at_a_time(there) == 2


def test_whoever_is_killed_holds_no_slots_any_more(there: Any) -> None:
    configure(there, f"{BOX}max_jobs = 2\n")
    there("new", "cold")
    add(there, 2, 600)
    add(there, 2, 0, "cold")
    run = there.start("run", "flu", "-q", start_new_session=True)
    wait_for(lambda: ran(there).total() == 2, "it does not begin")
    (used,) = there("resources", "--json").json["resources"][1]["used"]
    assert (used["jobs"], used["cores"], used["pid"]) == (2, 2, run.pid)
    assert used["holder"].endswith("flu")
    assert "2 jobs, 2 cores: " in there("resources", env={"COLUMNS": "200"}).out
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert there("resources", "--json").json["resources"][1]["used"] == []
    there("run", "cold")
    there("kill", "flu", "--all", "-y")
    assert {task["info"] for task in tasks_of(there)} == {"cancelled"}
    assert not _sleeps(there)


def _sleeps(gc3: Any) -> list[str]:
    """Processes that jobs have left."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = each.read_bytes()
            place = os.readlink(each.with_name("cwd"))
        except OSError:
            continue
        if b"sleep\x00600" in command and place.startswith(str(gc3.directory)):
            found.append(each.parent.name)
    return found


def test_tasks_at_a_resource_that_is_not_configured_any_more_are_not_run_elsewhere(
    there: Any,
) -> None:
    configure(there, BOX)
    add(there, 2, 600)
    run = there.start("run", "flu", "-q", start_new_session=True)
    wait_for(lambda: ran(there).total() == 2, "it does not begin")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    configure(there, "")
    failed = there("run", "flu", "-q", code=1)
    assert "tasks are at the resource 'box', which is not configured any more" in failed.err
    assert ran(there).total() == 2
    configure(there, BOX)
    there("kill", "flu", "--all", "-y")
    assert not _sleeps(there)


def test_a_task_that_fits_nowhere_is_refused_with_the_limits(there: Any) -> None:
    configure(there, BOTH.replace("cores = 2\npoll", "cores = 2\nmax_walltime = '1 h'\npoll"))
    there("add", "flu", "--walltime", "2h", "--cores", "8", "--", "true")
    there("run", "flu", code=2)
    (task,) = tasks_of(there)
    assert "local: 8 cores: it has 2; box: 2 h: max_walltime is 1 h" in task["info"]


def test_resources_are_asked_whether_they_answer(there: Any) -> None:
    configure(
        there,
        BOX
        + '[resources.gone]\ntype = "dask"\naddress = "tcp://127.0.0.1:1"\nmax_jobs = 3\n'
        + '[resources.off]\ntype = "lsf"\nenabled = false\n',
    )
    found = {each["name"]: each for each in there("resources", "--json").json["resources"]}
    assert list(found) == ["local", "box", "gone", "off"]
    answers = {name: (each["enabled"], each["answers"]) for name, each in found.items()}
    assert answers == {
        "local": (False, None),
        "box": (True, True),
        "gone": (True, False),
        "off": (False, None),
    }
    assert found["gone"]["error"]
    assert (found["box"]["cores"], found["gone"]["limits"]) == (2, {"max_jobs": 3})
    assert (found["off"]["verified"], found["box"]["verified"]) == (False, True)
    lines = there("resources", env={"COLUMNS": "80"}).lines
    assert [line.split()[:2] for line in lines[1:]] == [
        ["local", "off"],
        ["box", "yes"],
        ["gone", "no"],
        ["off", "off"],
    ]
    assert all(len(line) <= 80 for line in lines)
    assert "not verified" in lines[4]


def test_where_nothing_is_enabled_nothing_runs(there: Any) -> None:
    configure(there, "[resources.local]\nenabled = false\n")
    add(there, 1)
    failed = there("run", "flu", code=1)
    assert failed.err == "gc3: no resource is enabled, of local\n"
    assert there("resources").lines[1].split()[:2] == ["local", "off"]


def test_what_is_set_of_a_resource_is_listed_with_where_it_comes_from(there: Any) -> None:
    configure(there, BOX)
    listed = there("config", env={"GC3_RESOURCES_BOX_MAX_JOBS": "5"}).out
    assert "resources.box.max_jobs" in listed
    assert "$GC3_RESOURCES_BOX_MAX_JOBS" in listed
    assert "resources.box.queue" not in listed
    assert "resources.box.queue" in there("config", "--all").out
    keys = [each["key"] for each in there("config", "--json").json["settings"]]
    assert "resources.box.queue" in keys


# a few tasks first


def test_a_few_tasks_are_run_first_and_the_others_when_they_are_well(there: Any) -> None:
    add(there, 12)
    there("run", "flu", "--canary", "3")
    assert ran(there).total() == 12


def test_if_one_of_the_first_fails_the_others_are_not_started(there: Any) -> None:
    add(there, 20, more="test {x} -lt 20")
    stopped = there("run", "flu", "--canary", "3", code=2 | 8)
    first = {int(line.split()[-1]) for line in ran(there)}
    assert first == {1, 20, 10}
    assert "1 of 3 tasks that were tried first has failed; 17 were not started" in stopped.err
    assert "gc3 run flu --canary 0" in stopped.err
    there("retry", "flu", "--failed", "-y")
    there("run", "flu", code=2 | 8, env={"GC3_CANARY": "3"})
    assert {line.split()[-1]: count for line, count in ran(there).items()}["20"] == 2
    assert ran(there).total() == 4
    there("run", "flu", "--canary", "0", code=2)
    assert ran(there).total() == 21


def test_what_has_ended_well_before_counts(there: Any) -> None:
    add(there, 3)
    there("run", "flu", "--canary", "5")
    there("add", "flu", "--over", "x=100:110", "--", "false")
    there("run", "flu", "--canary", "3", code=2)
    assert Counter(task["exitcode"] for task in tasks_of(there)) == {0: 3, 1: 11}


# scripts

SCRIPT = """
import gc3libs
from gc3libs.cmdline import SessionBasedScript

class Campaign(SessionBasedScript):
    \"\"\"Runs three tasks.\"\"\"
    version = "1"

    def new_tasks(self, extra):
        for number in range(3):
            yield gc3libs.Application(["true"], [], [], jobname=f"task-{number}", **extra)

if __name__ == "__main__":
    Campaign().run()
"""


def test_scripts_use_the_configured_resources(there: Any) -> None:
    there.path("campaign.py").write_text(SCRIPT)
    there("run", "flu", "campaign.py", "-C", "1", "-s", "mine", "-r", "box")
    assert {task["resource"] for task in tasks_of(there, "mine")} == {"box"}
