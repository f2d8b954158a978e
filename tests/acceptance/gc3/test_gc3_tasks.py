"""Making tasks, running them, and looking at them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def ids(result: Any) -> list[int]:
    return [int(line.rpartition(".")[2]) for line in result.lines]


def names(gc3: Any, session: str) -> list[str]:
    return [task["name"] for task in gc3("ls", session, "--json").json["tasks"]]


# adding


def test_a_grid_of_values(gc3: Any) -> None:
    gc3("new", "s")
    result = gc3("add", "s", "--over", "x=0:0.2:0.1", "--over", "c=a,b", "--", "echo", "{x}", "{c}")
    assert "added 6 tasks" in result.err
    tasks = gc3("ls", "s", "--json").json["tasks"]
    assert [task["parameters"] for task in tasks] == [
        {"x": x, "c": c} for x in (0.0, 0.1, 0.2) for c in "ab"
    ]
    assert gc3("show", "s", "x=0.1-c=b", "--json").json["task"]["command"] == ["echo", "0.1", "b"]


def test_zipped_values_go_together(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--zip", "--over", "x=1:3", "--over", "c=a,b,c", "--", "echo", "{x}")
    assert names(gc3, "s") == ["x=1-c=a", "x=2-c=b", "x=3-c=c"]
    result = gc3("add", "s", "--zip", "--over", "x=1:3", "--over", "c=a", "--", "true", code=64)
    assert "as many values of each, not 3 and 1" in result.err


def test_values_from_files(gc3: Any) -> None:
    gc3("new", "s")
    gc3.path("t.csv").write_text("n,word\n1,one\n2,two and more\n")
    gc3.path("t.jsonl").write_text('{"n": 3, "word": null}\n\n{"n": 4, "word": "four"}\n')
    gc3.path("n.txt").write_text("5\n6\n")
    for source in (["--from", "t.csv"], ["--from", "t.jsonl"], ["--over", "n=@n.txt"]):
        gc3("add", "s", *source, "--name", "run-{n}", "--", "echo", "{n}")
    tasks = gc3("ls", "s", "--json").json["tasks"]
    assert [task["name"] for task in tasks] == [f"run-{n}" for n in range(1, 7)]
    assert [task["parameters"].get("word", "-") for task in tasks] == [
        "one",
        "two and more",
        None,
        "four",
        "-",
        "-",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("n,word\n1\n", "t.csv, line 2: 1 values for 2 columns"),
        ("n,a b\n1,2\n", "'a b' is no name"),
        ("", "is empty"),
    ],
)
def test_a_table_that_makes_no_sense(gc3: Any, content: str, message: str) -> None:
    gc3("new", "s")
    gc3.path("t.csv").write_text(content)
    assert message in gc3("add", "s", "--from", "t.csv", "--", "true", code=1).err


def test_a_task_that_is_there_is_not_added_again(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=1:2", "--", "echo", "{x}")
    result = gc3("add", "s", "--over", "x=1:3", "--", "echo", "{x}")
    assert "added 1 task; 2 are there already" in result.err
    assert len(names(gc3, "s")) == 3


def test_a_dry_run_shows_the_first_task_and_adds_none(gc3: Any) -> None:
    gc3("new", "s")
    result = gc3("add", "s", "-n", "--over", "x=1:3", "--", "sh", "-c", "echo {x}")
    assert "command:    sh -c 'echo 1'" in result.lines
    assert "3 tasks in all; nothing was added" in result.err
    assert names(gc3, "s") == []


def test_no_shell_looks_at_the_words(gc3: Any) -> None:
    gc3("new", "s")
    word = 'a "b" $HOME `id` *'
    gc3("add", "s", "--", "printf", "%s|", word, "{{x}}")
    gc3("run", "s")
    assert gc3("logs", "s", "1").out == f"{word}|{{x}}|"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--", "echo", "{x}"], "{x} in '{x}' has no values"),
        (["--over", "jobname=1,2", "--", "echo"], "cannot be called 'jobname'"),
        (["--over", "x=1,2", "--over", "x=3", "--", "echo"], "'x' is given twice"),
        (["--over", "1x=2", "--", "echo"], "write NAME="),
        (["--over", "x=3:1", "--", "echo"], "no steps of 1 from 3 to 1"),
    ],
)
def test_a_template_that_makes_no_sense(gc3: Any, words: list[str], message: str) -> None:
    gc3("new", "s")
    assert message in gc3("add", "s", *words, code=64).err


def test_what_tasks_ask_for_and_their_files(gc3: Any) -> None:
    gc3("new", "s")
    gc3.path("in.txt").write_text("given")
    gc3(
        *("add", "s", "--inputs", "in.txt", "--outputs", "out.txt", "--output-dir", "o/{x}"),
        *("--cores", "2", "--memory", "512MiB", "--walltime", "1h30", "--over", "x=7"),
        *("--", "cp", "in.txt", "out.txt"),
    )
    gc3("run", "s")
    assert gc3.path("o", "7", "out.txt").read_text() == "given"
    shown = gc3("show", "s", "1").out
    assert re.search(r"^asks for +2 cores, 512MiB, 90m", shown, re.MULTILINE)


# running


def test_the_exit_code_says_how_it_ended(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=0:1", "--", "sh", "-c", "exit {x}")
    gc3("hold", "s", "1")
    assert "4 done" not in gc3("run", "s", code=2 | 8).err
    gc3("release", "s", "1")
    gc3("run", "s", code=2)
    gc3("rm", "s", "--failed", "-y")
    gc3("run", "s", code=0)


def test_too_many_failures_stop_the_run(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=1:200", "--", "false", "{x}")
    code = gc3.try_("run", "s", "-j", "1", "--max-failures", "3").code
    assert code & ~4 == 2 | 8
    counts = gc3("status", "s", "--json").json["counts"]
    assert 3 < counts["failed"] < 100
    assert counts["waiting"] > 100


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_says_how_to_go_on(gc3: Any, number: int, code: int) -> None:
    gc3("new", "s")
    gc3.path("go").mkdir()
    wait = f"echo started; while test -d {gc3.path('go')}; do sleep 0.05; done"
    gc3("add", "s", "--over", "x=1:3", "--", "sh", "-c", wait)
    with gc3.start("run", "s", "-j", "1") as process:
        gc3("wait", "s", "--for", "running > 0", "--timeout", "20s")
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "gc3 run s" in err
    gc3.path("go").rmdir()
    gc3("run", "s")
    assert gc3("status", "s", "--json").json["counts"]["done"] == 3


SCRIPT = """\
import sys
import gc3libs
from gc3libs.session import Session

class Mine(gc3libs.Application):
    def terminated(self):
        self.word = "seen"

if __name__ == "__main__":
    print("as a program:", sys.argv[1:])
    with Session("s", store_or_url="sqlite") as session:
        session.add(Mine(["true"], [], [], None, jobname="mine"))
"""


def test_a_script_is_imported_only_when_it_is_named(gc3: Any) -> None:
    gc3.path("mine.py").write_text(SCRIPT)
    assert gc3("run", "-s", "s", "mine.py", code=1).out == ""
    gc3("new", "s")
    assert "as a program: ['a']" in gc3("run", "s", "mine.py", "a").out
    result = gc3("run", "s", code=1)
    assert "tasks of s are of classes of mine" in result.err
    assert gc3("ls", "s").lines[1].split()[:3] == ["1", "mine", "waiting"]
    result = gc3("run", "s", "mine.py")
    assert "importing mine.py" in result.err
    assert "as a program" not in result.out
    assert gc3("ls", "s", "--json").json["tasks"][0]["parameters"] == {"word": "seen"}


# looking


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [1, 2, 3, 4]),
        (["2-3"], [2, 3]),
        (["4", "1-2", "Application.4"], [4, 1, 2]),
        (["x=[23]"], [2, 3]),
        (["--failed"], [3, 4]),
        (["--done"], [1, 2]),
        (["--state", "done,failed"], [1, 2, 3, 4]),
        (["--waiting"], []),
        (["--name", "x=1"], [1]),
        (["--where", "x > 1 and exitcode != 0"], [3, 4]),
        (["--where", "not (x in (1, 2)) or name == 'x=1'"], [1, 3, 4]),
        (["--where", "2 <= x < 4 and memory > '1kB' and duration < '1h'"], [2, 3]),
        (["--where", "x == 'one' or x > 'one'"], []),
        (["--sort", "x", "--reverse", "--limit", "2"], [4, 3]),
        (["--since", "1h"], [1, 2, 3, 4]),
        (["--since", "2999-01-01"], []),
        (["--failed", "1-3"], [3]),
    ],
)
def test_choosing_tasks(flu: Any, words: list[str], expected: list[int]) -> None:
    assert ids(flu("ls", "flu", "--ids", *words)) == expected


def test_ids_are_piped_from_one_command_to_the_next(flu: Any) -> None:
    failed = flu("ls", "flu", "--failed", "--ids").out
    assert ids(flu("ls", "flu", "-", "--ids", given=failed)) == [3, 4]


def test_the_table_is_as_people_want_it(flu: Any) -> None:
    result = flu("ls", "flu")
    assert re.split(r"\s\s+", result.lines[0]) == [
        *("ID", "NAME", "STATE", "EXIT", "TIME", "MEMORY", "X", "WHY")
    ]
    assert result.lines[3].split()[:4] == ["3", "x=3", "failed", "3"]
    assert result.lines[3].endswith("Fault: at 0x3f")
    assert result.err == "4 tasks\n"
    assert flu("ls", "flu", "3", "--no-header", "--columns", "x,state").lines == ["3  failed"]
    assert flu("ls", "flu", "-q", "--failed").err == ""


def test_everything_about_a_task(flu: Any) -> None:
    text = flu("show", "flu", "x=3").out
    for line in ("state +failed, exit 3", "why +Fault: at 0x3f", "parameters +x = 3"):
        assert re.search(f"^{line}$", text, re.MULTILINE), text
    task = flu("show", "flu", "3", "--json").json["task"]
    assert (task["returncode"], task["exitcode"], task["signal"]) == (768, 3, 0)
    assert task["details"]["history"][-1]["what"] == "terminated: exit 3"


def test_what_a_task_has_written(flu: Any) -> None:
    assert flu("logs", "flu", "3").out == "out 3\n"
    assert flu("logs", "flu", "3", "--stderr").out == "Fault: at 0x3f\n"
    path = Path(flu("logs", "flu", "3", "--path").out.strip())
    assert path.read_text() == "out 3\n"
    flu("add", "flu", "--over", "x=9", "--", "true")
    assert "has not been started" in flu("logs", "flu", "x=9").err


def test_the_output_of_a_running_task_is_followed_to_its_end(gc3: Any) -> None:
    gc3("new", "s")
    gc3.path("go").mkdir()
    program = f"echo first; while test -d {gc3.path('go')}; do sleep 0.05; done; echo last"
    gc3("add", "s", "--", "sh", "-c", program)
    with gc3.start("run", "s") as run:
        gc3("wait", "s", "--for", "running > 0", "--timeout", "20s")
        with gc3.start("logs", "s", "1", "-f") as logs:
            first = logs.stdout.readline()
            gc3.path("go").rmdir()
            rest, _ = logs.communicate(timeout=20)
        run.communicate(timeout=20)
    assert (first, rest) == ("first\n", "last\n")
    assert logs.returncode == 0


def test_every_step_is_in_the_history(flu: Any) -> None:
    flu("retry", "flu", "3")
    steps = [line[21:] for line in flu("history", "flu", "3").lines]
    assert steps[-2:] == ["terminated: exit 3", "to be done again"]


def test_names_that_would_move_the_cursor_do_not(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--name", "evil\x1b[2J\nname", "--", "true")
    for words in (["ls", "s"], ["show", "s", "1"], ["status", "s"], ["history", "s", "1"]):
        text = gc3(*words).out
        assert "\x1b" not in text
    assert "evil?[2J?name" in gc3("ls", "s").out


def test_a_directory_with_blanks_and_a_newline_in_its_name(gc3: Any) -> None:
    name = "my session\nof flu"
    gc3("new", name)
    gc3("add", name, "--over", "x=1:2", "--", "echo", "{x}")
    gc3("run", name)
    assert gc3("status", name, "--json").json["counts"]["done"] == 2
    assert gc3("logs", name, "2").out == "2\n"
    assert gc3("sessions", "--json").json["sessions"][0]["path"] == name
    assert len(gc3("sessions").lines) == 2


def test_a_collection_is_shown_as_a_tree(gc3: Any) -> None:
    program = (
        "import gc3libs\n"
        "from gc3libs.session import Session\n"
        "from gc3libs.workflow import ParallelTaskCollection\n"
        "app = lambda n: gc3libs.Application(['false'], [], [], None, jobname=n)\n"
        "with Session('s', store_or_url='sqlite') as s:\n"
        "    s.add(ParallelTaskCollection([app('one'), app('two')], jobname='both'))\n"
    )
    gc3.path("make.py").write_text(program)
    subprocess.run(
        [sys.executable, "make.py"], cwd=gc3.directory, env=gc3.environment(), check=True
    )
    rows = [line.split()[1] for line in gc3("ls", "s", "--tree").lines[1:]]
    assert sorted(rows) == ["both", "one", "two"]
    assert rows[0] == "both"
    assert gc3("ls", "s", "--tree").lines[2].split("  ")[1:3] != ["both", ""]
    gc3("run", "s", code=2)
    gc3("retry", "s", "--failed")
    assert [each["word"] for each in gc3("ls", "s", "--json").json["tasks"]] == ["waiting"] * 2
    gc3("run", "s", code=2)
    assert [each["attempt"] for each in gc3("ls", "s", "--json").json["tasks"]] == [2, 2]
    before = gc3("ls", "s", "--tree", "--ids").out
    assert "it belongs to a collection: remove that" in gc3("rm", "s", "one", "-y", code=1).err
    gc3("rm", "s", "both", "-y")
    assert gc3("ls", "s", "--tree", "--ids").out == ""
    gc3("undo", "s")
    assert gc3("ls", "s", "--tree", "--ids").out == before


def test_the_directory_of_a_job_is_shown_as_long_as_it_is_the_job_s(gc3: Any) -> None:
    gc3("new", "s")
    gc3("add", "s", "--over", "x=0:1", "--", "sh", "-c", "touch left; exit {x}")
    gc3("run", "s", code=2)
    assert "ran in" not in gc3("show", "s", "1").out  # it is gone, or serves another job
    kept = gc3.path("s", "run", "jobs", "Application.2.1")
    assert f"ran in      {kept}" in gc3("show", "s", "2").lines
    kept.joinpath("left").unlink()
    kept.rmdir()
    assert "ran in" not in gc3("show", "s", "2").out
