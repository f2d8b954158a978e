"""Changing tasks, and taking it back: while nobody runs the session, and while somebody does."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from pathlib import Path
from typing import Any

import pytest


def words(gc3: Any, session: str = "flu") -> list[str]:
    return [task["word"] for task in gc3("ls", session, "--json").json["tasks"]]


def counts(gc3: Any, session: str) -> dict[str, int]:
    found: dict[str, int] = gc3("status", session, "--json").json["counts"]
    return found


# again


def test_retry_runs_again_what_failed_and_keeps_what_was(flu: Any) -> None:
    assert "will be run again: 2 tasks" in flu("retry", "flu", "--failed").err
    assert words(flu) == ["done", "done", "waiting", "waiting"]
    flu("run", "flu", code=2)
    task = flu("show", "flu", "3", "--json").json["task"]
    assert task["attempt"] == 2
    assert [each["returncode"] for each in task["details"]["attempts"]] == [768]
    assert flu.path("flu", "out", "x_3.~1~").exists() or flu.path("flu", "out", "x=3.~1~").exists()


def test_retry_of_what_ended_well_asks(flu: Any) -> None:
    result = flu("retry", "flu", "1-3", code=64)
    assert "Nobody can be asked: add -y to do it" in result.err
    assert words(flu) == ["done", "done", "failed", "failed"]
    flu("retry", "flu", "1-3", "-y")
    assert words(flu) == ["waiting", "waiting", "waiting", "failed"]


def test_retry_can_ask_for_more(gc3: Any) -> None:
    gc3("new", "s")
    wishes = ("--memory", "100MB", "--walltime", "10m")
    gc3("add", "s", *wishes, "--over", "x=1:2", "--", "false", "{x}")
    gc3("add", "s", "--", "false")
    gc3("run", "s", code=2)
    result = gc3("retry", "s", "--failed", "--memory", "x2", "--walltime", "1h30")
    assert "it asks for no memory: say how much" in result.err
    assert "asks for    1 core, 200MB, 90m" in gc3("show", "s", "1").lines
    assert words(gc3, "s") == ["waiting", "waiting", "failed"]
    gc3("undo", "s")
    assert "asks for    1 core, 100MB, 10m" in gc3("show", "s", "1").lines
    assert words(gc3, "s") == ["failed"] * 3


# families


def test_failures_are_grouped_by_cause(gc3: Any) -> None:
    gc3("new", "s")
    program = (
        "if test {g} = 0; then echo 'Error: division by 0 in run {b}' >&2; exit 1; fi;"
        'if test {b} = 3; then echo "no file /tmp/$$/{b}.dat" >&2; exit 2; fi'
    )
    gc3("add", "s", "--over", "b=1:4", "--over", "g=0:2", "--", "sh", "-c", program)
    gc3("run", "s", code=2)
    lines = gc3("failures", "s", env={"COLUMNS": "80"}).lines
    assert lines[0] == "F1  4 tasks · exit 1 · Error: division by 0 in run 1"
    assert lines[1] == "    g = 0 in all of them, in none of the 8 others"
    assert lines[3].startswith("F2  2 tasks · exit 2 · no file /tmp/")
    assert max(map(len, lines)) <= 80
    families = gc3("failures", "s", "--json").json["families"]
    assert [each["count"] for each in families] == [4, 2]
    gc3("retry", "s", "--family", "f2")
    assert [t["parameters"] for t in gc3("ls", "s", "--waiting", "--json").json["tasks"]] == [
        {"b": 3, "g": 1},
        {"b": 3, "g": 2},
    ]


def test_what_most_of_a_family_have_in_common_stands_out(gc3: Any) -> None:
    gc3("new", "s")
    program = "if test {g} = 0 || test {b} = 9; then echo odd >&2; exit 1; fi"
    gc3("add", "s", "--over", "b=1:9", "--over", "g=0:2", "--", "sh", "-c", program)
    gc3("run", "s", code=2)
    (family,) = gc3("failures", "s", "--json").json["families"]
    (common,) = family["stands_out"]
    assert common == {
        "name": "g",
        "value": 0,
        "having": 9,
        "tasks": 11,
        "others_having": 0,
        "others": 16,
    }
    assert "    g = 0 in 9 of them, in none of the 16 others" in gc3("failures", "s").lines


# each change, and back


@pytest.mark.parametrize(
    ("command", "after"),
    [
        (["hold", "flu", "5-6"], ["held", "held", "waiting"]),
        (["kill", "flu", "5-6", "-y"], ["failed", "failed", "waiting"]),
        (["rm", "flu", "5-6", "-y"], ["waiting"]),
        (["tag", "flu", "--all", "--add", "good"], ["waiting"] * 3),
    ],
)
def test_a_change_can_be_taken_back(flu: Any, command: list[str], after: list[str]) -> None:
    flu("add", "flu", "--over", "y=5:7", "--", "true", "{y}")
    before = {task["id"]: task for task in flu("ls", "flu", "--json").json["tasks"]}
    assert "would " in flu(*command, "-n").err
    assert words(flu)[4:] == ["waiting"] * 3
    flu(*command)
    assert words(flu)[4:] == after
    flu("undo", "flu")
    assert {task["id"]: task for task in flu("ls", "flu", "--json").json["tasks"]} == before
    assert "nothing to take back" in flu("undo", "flu", code=1).err
    flu("run", "flu", code=2)
    assert words(flu)[4:] == ["done"] * 3


def test_what_has_gone_on_since_stays(flu: Any) -> None:
    flu("add", "flu", "--over", "y=5:6", "--", "true", "{y}")
    flu("tag", "flu", "5-6", "--add", "one")
    flu("run", "flu", code=2)
    result = flu("undo", "flu")
    assert "nothing was left of: tag of 2 tasks" in result.err
    assert "left 2 tasks (Application.5, Application.6): it has gone on since" in result.err
    assert words(flu)[4:] == ["done", "done"]


def test_removed_tasks_come_back_to_their_place(flu: Any) -> None:
    everything = flu("ls", "flu", "--ids").lines
    flu("rm", "flu", "1-2", "-y")
    flu("rm", "flu", "4", "-y")
    flu("undo", "flu")
    flu("undo", "flu")
    assert flu("ls", "flu", "--ids").lines == everything
    assert flu("check", "flu").code == 0
    assert flu("status", "flu", "--json").json["counts"]["total"] == 4


def test_how_long_changes_can_be_taken_back_is_a_setting(flu: Any) -> None:
    for word in ("one", "two"):
        flu("tag", "flu", "1", "--add", word)
    flu.path("gc3.toml").write_text('undo_time = "0s"\n')
    flu("tag", "flu", "1", "--add", "three")
    assert len(flu("undo", "flu", "--list").lines) == 2
    flu.path("gc3.toml").write_text('undo_time = "soon"\n')
    result = flu("tag", "flu", "1", "--add", "four", code=1)
    assert "gc3.toml, undo_time" in result.err
    assert flu("show", "flu", "1", "--json").json["task"]["tags"] == ["one", "two", "three"]


def test_changes_are_taken_back_last_first(flu: Any) -> None:
    flu("tag", "flu", "1", "--add", "a")
    flu("tag", "flu", "2", "--add", "b")
    assert [line.split("  ")[1] for line in flu("undo", "flu", "--list").lines] == [
        "tag of 1 task",
        "tag of 1 task",
    ]
    flu("undo", "flu")
    assert flu("ls", "flu", "--tag", "a", "--ids").out == "Application.1\n"
    assert flu("ls", "flu", "--tag", "b", "--ids").out == ""


def test_what_cannot_be_done_to_a_task_is_said(flu: Any) -> None:
    assert "left 1 task (Application.1): it is over" in flu("kill", "flu", "1", "-y", code=1).err
    assert "it does not wait any more" in flu("hold", "flu", "1", code=1).err
    flu("add", "flu", "--over", "y=5", "--", "true")
    assert "left 1 task (Application.5): it is not over" in flu("retry", "flu", "5", code=1).err
    assert "no such tasks" in flu("kill", "flu", "--waiting", "--name", "none").err


# while it runs


@pytest.fixture
def live(gc3: Any) -> Any:
    """A session that is run, with one task that runs until `go` is removed, and eight more."""
    gc3("new", "s")
    gc3.path("go").mkdir()
    wait = f"while test -d {gc3.path('go')}; do sleep 0.05; done"
    gc3("add", "s", "--name", "long", "--", "sh", "-c", wait)
    gc3("add", "s", "--over", "x=1:8", "--", "true", "{x}")
    gc3.run = gc3.start("run", "s", "-j", "1")
    gc3("wait", "s", "--for", "running > 0", "--timeout", "20s")
    yield gc3
    if gc3.path("go").exists():
        gc3.path("go").rmdir()
    with gc3.run as process:
        process.communicate(timeout=30)


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_runs_is_changed_by_the_engine(live: Any) -> None:
    assert live("status", "s", "--json").json["runner"]["pid"] == live.run.pid
    assert "queued: hold of 1 task" in live("hold", "s", "8").err
    assert "queued: rm of 1 task" in live("rm", "s", "9", "-y").err
    assert live("tag", "s", "long", "--add", "slow", "--json").json["queued"] is True
    until(lambda: len(words(live, "s")) == 8 and words(live, "s")[7] == "held")
    live("release", "s", "8")
    live.path("go").rmdir()
    live("wait", "s", "--timeout", "20s")
    assert words(live, "s") == ["done"] * 8
    assert live("ls", "s", "--tag", "slow", "--ids").out == "Application.1\n"


def test_a_running_task_is_ended_by_the_engine(live: Any) -> None:
    assert "queued: kill of 1 task" in live("kill", "s", "long", "-y").err
    live("wait", "s", "--timeout", "20s", code=2)
    assert words(live, "s") == ["failed", *["done"] * 8]
    assert live("ls", "s", "1", "--columns", "name,info", "--no-header").out == "long  cancelled\n"


def test_what_was_queued_comes_before_what_is_wanted_next(live: Any) -> None:
    live.run.send_signal(signal.SIGSTOP)
    assert "queued: hold of 1 task" in live("hold", "s", "8").err
    live.run.send_signal(signal.SIGKILL)
    with live.run as process:
        process.communicate(timeout=20)
    assert "released 1 task" in live("release", "s", "--all").err
    live.path("go").rmdir()
    live("run", "s")
    assert words(live, "s") == ["done"] * 9


def test_what_is_added_to_a_running_session_is_run(live: Any) -> None:
    live("add", "s", "--over", "z=8:9", "--", "true", "{z}")
    live.path("go").rmdir()
    live("wait", "s", "--timeout", "20s")
    with live.run as process:
        process.communicate(timeout=20)
    assert words(live, "s") == ["done"] * 11


def test_a_second_run_is_told_who_runs_it(live: Any) -> None:
    result = live("run", "s", code=1)
    assert f"(process {live.run.pid})" in result.err
    assert "gc3 status s --watch" in result.err
    assert result.err.count("\n") == 1


def test_what_runs_without_an_engine_is_ended_by_the_command(live: Any) -> None:
    live.run.send_signal(signal.SIGKILL)
    with live.run as process:
        process.communicate(timeout=20)
    result = live("kill", "s", "--running", "-y")
    assert "ended " in result.err
    task = live("show", "s", "long", "--json").json["task"]
    assert (task["word"], task["info"]) == ("failed", "cancelled")
    assert "its job was ended: gc3 retry has it done again" in live("undo", "s").err
    live("retry", "s", "--failed")
    live.path("go").rmdir()
    live("run", "s")
    assert words(live, "s") == ["done"] * 9


def test_what_has_ended_without_an_engine_is_said(live: Any) -> None:
    live.run.send_signal(signal.SIGKILL)
    with live.run as process:
        process.communicate(timeout=20)
    assert live("status", "s", "--json").json["left"]["cut_off"] == 0
    live.path("go").rmdir()
    deadline = time.monotonic() + 60
    while not (left := live("status", "s", "--json").json["left"]["ended"]):
        assert time.monotonic() < deadline
    have = "has" if left == 1 else "have"
    assert any(
        f"{left} {have} ended: the next run collects" in x for x in live("status", "s").lines
    )
    live("run", "s")
    assert words(live, "s") == ["done"] * 9


def test_a_request_that_came_too_late_is_carried_out_by_the_next_run(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=1:2", "--", "true", "{x}")
    requests = gc3.path("s", "requests")
    requests.mkdir()
    (requests / "1.json").write_text('{"verb":"hold","ids":["Application.1"],"by":"ann@here"}')
    (requests / "2.json").write_text("{")
    result = gc3("run", "s", code=8)
    assert "cannot be read" in result.err
    assert words(gc3, "s") == ["held", "done"]
    assert [each.name for each in requests.iterdir()] == ["2.bad"]


def test_a_detached_run_goes_on_without_the_terminal(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=1:3", "--", "sleep", "0.{x}")
    found = gc3("run", "s", "--detach", "--json").json
    gc3("wait", "s", "--timeout", "30s")
    until(lambda: not Path(f"/proc/{found['pid']}").exists() or _is_zombie(found["pid"]))
    assert counts(gc3, "s")["done"] == 3
    assert "3 done" in Path(found["log"]).read_text()


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


# on a terminal


def on_a_terminal(gc3: Any, *argv: str, typed: str = "", **env: str) -> str:
    """What a command shows on a terminal of 80 columns, with what a user types."""
    import fcntl
    import struct
    import subprocess
    import termios

    from_terminal, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [*gc3.start.__globals__["command"](), *argv],
        cwd=gc3.directory,
        env=gc3.environment(TERM="xterm-256color", **env),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    os.write(from_terminal, typed.encode())
    shown = b""
    while True:
        if not select.select([from_terminal], [], [], 30)[0]:
            process.kill()
            break
        try:
            part = os.read(from_terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(from_terminal)
    process.wait(timeout=20)
    return shown.decode()


def test_it_asks_before_it_destroys(flu: Any) -> None:
    shown = on_a_terminal(flu, "rm", "flu", "--failed", typed="n\n")
    assert "Remove 2 tasks (2 failed: x=3, x=4) of flu? [y/N]" in shown
    assert "nothing was done" in shown
    assert len(words(flu)) == 4
    assert "removed 2 tasks" in on_a_terminal(flu, "rm", "flu", "--failed", typed="yes\n")
    assert len(words(flu)) == 2


def test_colours_are_for_terminals_whose_users_want_them(flu: Any) -> None:
    assert "\x1b[31mfailed" in on_a_terminal(flu, "ls", "flu")
    assert "\x1b" not in on_a_terminal(flu, "ls", "flu", NO_COLOR="1")
    assert "\x1b" not in flu("ls", "flu").out


def test_tables_fit_a_terminal_of_80_columns(gc3: Any) -> None:
    gc3("new", "s")
    over = [word for n in range(8) for word in ("--over", f"parameter_{n}=1000001,2")]
    gc3("add", "s", *over, "--zip", "--", "false")
    gc3("run", "s", code=2)
    for argv in (["ls", "s"], ["status", "s"], ["failures", "s"], ["results", "s"], ["sessions"]):
        lines = on_a_terminal(gc3, *argv, NO_COLOR="1").splitlines()
        assert max(map(len, lines)) <= 80, lines
        assert len(lines) > 1
    assert max(map(len, gc3("ls", "s").lines)) > 80


def test_the_live_view_leaves_the_last_word(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=1:5", "--", "sleep", "0.{x}")
    shown = on_a_terminal(gc3, "run", "s")
    assert "of 2 slots" in shown or "slots" in shown
    assert "5 done" in shown.splitlines()[-2]


def test_watching_a_session_until_it_is_over(live: Any) -> None:
    with live.start("status", "s", "--watch") as watch:
        first = watch.stdout.readline()
        live.path("go").rmdir()
        rest, _ = watch.communicate(timeout=30)
    assert first.startswith("s: 0 of 9 done, 1 running, 8 waiting")
    assert rest.splitlines()[-1].startswith("s: 9 of 9 done")
    shown = on_a_terminal(live, "status", "s", "--watch")
    assert "9 tasks · nobody runs it" in shown
