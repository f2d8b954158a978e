"""What holds for every command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gc3libs.cli._table import COMMANDS

READING = {
    "status": [],
    "ls": [],
    "show": ["1"],
    "logs": ["1"],
    "history": ["1"],
    "failures": [],
    "results": [],
    "wait": [],
    "check": [],
    "config": [],
    "resources": [],
    "migrate": [],
    "undo": ["--list"],
}


def test_alone_it_shows_the_commands_by_what_people_do(gc3: Any) -> None:
    text = gc3().out
    assert re.findall(r"^(\S.*)$", text, re.MULTILINE)[1:6] == [
        "Make and fill",
        "Run",
        "Look",
        "Keep in order",
        "Set up",
    ]
    assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for name in COMMANDS)
    assert gc3("--help").out == text == gc3("-h").out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_that_fits_the_terminal(gc3: Any, name: str) -> None:
    result = gc3(name, "--help", env={"COLUMNS": "80"})
    assert result.out.startswith(f"usage: gc3 {name}")
    assert max(map(len, result.lines)) <= 80
    assert gc3("help", name, env={"COLUMNS": "80"}).out == result.out


def test_the_version(gc3: Any) -> None:
    import gc3libs

    assert gc3("-V").out == f"gc3 {gc3libs.__version__}\n"
    assert gc3("ls", "--version").out == f"gc3 {gc3libs.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lss"], "there is no command 'lss'. Did you mean 'ls'?"),
        (["ls", "--faild"], "there is no option --faild. Did you mean --failed?"),
        (["status", "flu", "more"], "'more' is too much"),
        (["run", "-j", "none"], "'none' is no whole number"),
        (["add", "flu", "--memory", "much", "--", "true"], "'much'"),
        (["ls", "flu", "--state", "runing"], "Did you mean 'running'?"),
        (["ls", "flu", "--where", "x >"], "is no condition"),
        (["ls", "flu", "--where", "__import__('os')"], "cannot be part of a condition"),
        (["ls", "flu", "--where", "y > 3"], "no task has 'y'"),
        (["ls", "flu", "--columns", "stat"], "Did you mean 'state'?"),
        (["ls", "flu", "--since", "yesterday"], "is no moment"),
        (["ls", "flu", "9-3"], "is no range"),
        (["tag", "flu", "1"], "which tag?"),
        (["retry", "flu", "1", "--memory", "x0"], "is no factor"),
        (["retry", "flu", "--family", "F9"], "there is no family 'F9'"),
        (["rm", "flu"], "which tasks?"),
        (["add", "flu"], "what is to be run?"),
        (["export", "flu", "flu.zip"], "ends with"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_64(
    flu: Any, words: list[str], message: str
) -> None:
    result = flu(*words, code=64)
    assert message in result.err
    assert result.err.startswith("gc3: ")
    assert result.err.count("\n") == 1
    assert result.out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status"], "no session here. Name one, set GC3_SESSION, or make one: gc3 new NAME"),
        (["status", "flux"], "there is no session flux. To make one: gc3 new flux"),
        (["show", "flu", "99"], "there is no task 99 in flu"),
        (["show", "flu", "none"], "there is no task 'none' in flu"),
        (["new", "flu"], "there is a session flu already"),
        (["undo", "flu"], "there is nothing to take back"),
        (["add", "flu", "--from", "none.csv", "--", "true"], "cannot read none.csv"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(flu: Any, words: list[str], message: str) -> None:
    result = flu(*words, code=1)
    assert message in result.err
    assert result.err.count("\n") == 1


def test_the_session_is_that_of_the_argument_the_environment_or_the_directory(flu: Any) -> None:
    named = flu("ls", "flu", "--ids").out
    assert named.splitlines() == [f"Application.{n}" for n in (1, 2, 3, 4)]
    assert flu("ls", "--ids", env={"GC3_SESSION": "flu"}).out == named
    assert flu("ls", "--ids", "-s", "flu").out == named
    inside = flu.path("flu", "out")
    assert flu("ls", "--ids", cwd=inside).out == named
    assert flu("show", "2", cwd=inside).lines[0] == "task        Application.2  x=2"
    result = flu("ls", code=1, env={"GC3_SESSION": "elsewhere"})
    assert "GC3_SESSION is elsewhere: there is no session" in result.err


@pytest.mark.parametrize("name", READING)
def test_json_has_a_schema_and_nothing_else_goes_to_standard_output(flu: Any, name: str) -> None:
    result = flu.try_(name, "flu", *READING[name], "--json")
    assert result.code == (2 if name == "wait" else 0)
    data = result.json
    assert data["schema"] == "gc3/1"
    assert data["command"] == name
    if name not in ("config", "resources"):
        assert data["session"] == str(flu.path("flu"))


def test_a_reader_that_goes_away_is_no_trouble(gc3: Any) -> None:
    gc3("new", "many")
    gc3("add", "many", "--over", "x=1:3000", "--", "true")
    with gc3.start("ls", "many") as process:
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
    assert error == ""
    assert process.returncode == 141


def test_help_loads_nothing_that_it_does_not_need(gc3: Any) -> None:
    program = (
        "import sys; from gc3libs.cli import main; main(['--help']); main(['ls', '--help']);"
        "print([m for m in ('rich', 'sqlalchemy', 'pandas', 'numpy', 'asyncio', 'gc3libs.session')"
        " if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "words", [["ls", "flu"], ["ls", "flu", "--where", "x > 3"], ["history", "flu", "3"]]
)
def test_looking_loads_nothing_that_runs_tasks(flu: Any, words: list[str]) -> None:
    program = (
        f"import sys; from gc3libs.cli import main; main({words});"
        "print([m for m in ('rich', 'sqlalchemy', 'pandas', 'asyncio', 'gc3libs.engine',"
        " 'gc3libs.cmdline._run', 'gc3libs.workflow') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=flu.directory,
        env=flu.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_fault_of_its_own_is_said_in_two_lines_and_kept(gc3: Any) -> None:
    gc3.path("sitecustomize.py").write_text(
        "import gc3libs.cli.commands.completion as completion\n"
        "def run(args): raise TypeError('so odd')\n"
        "completion.run = run\n"
    )
    result = gc3("completion", "bash", code=70, env={"PYTHONPATH": str(gc3.directory)})
    first, second = result.err.splitlines()
    assert first == "gc3: a fault of gc3 itself: TypeError: so odd"
    report = Path(second.rpartition(" ")[2]).read_text()
    assert report.startswith("gc3 completion bash\n")
    assert "raise TypeError('so odd')" in report
