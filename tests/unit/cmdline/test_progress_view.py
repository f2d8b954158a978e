"""What a run shows while it runs, when it is stopped and when it is over."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from gc3libs.cmdline._messages import end_message, gc3_command, stopped_message
from gc3libs.cmdline._picture import Picture, fit
from gc3libs.cmdline._progress import Progress, ProgressView

FLU = Progress(
    total=400,
    done=312,
    failed=4,
    running=2,
    waiting=82,
    examples=(("beta=2.1-gamma=0.45", 0.4), ("beta=2.1-gamma=0.46", 0.1)),
    slots=(2, 2),
    causes=(("ZeroDivisionError", 3), ("walltime", 1)),
)


class FakeClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def drawn(progress: Progress, width: int = 80, pace: str = "41/s", **options: object) -> list[str]:
    """The lines of a picture, without colours and trailing blanks."""
    console = Console(width=width, file=io.StringIO(), record=True, **options)  # type: ignore[arg-type]
    console.print(Picture("flu", "this machine", progress, pace, "Ctrl-C: stop"))
    return [each.rstrip() for each in console.export_text().splitlines()]


def terminal() -> Console:
    return Console(force_terminal=True, width=80, file=io.StringIO(), _environ={"TERM": "xterm"})


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_of_a_run() -> None:
    assert drawn(FLU, pace="41/s · 2 s left (1 to 4)") == [
        "flu · 400 tasks · 2 of 2 slots · this machine",
        "",
        "  done      312  ████████████████████████████████████████████▍              78 %",
        "  failed      4  ▌                                                           1 %",
        "                 3 x ZeroDivisionError, 1 x walltime",
        "  running     2  beta=2.1-gamma=0.45 (0.4 s), beta=2.1-gamma=0.46 (0.1 s)",
        "  waiting    82",
        "",
        "  41/s · 2 s left (1 to 4)                                          Ctrl-C: stop",
    ]


def test_rows_of_nothing_are_left_out() -> None:
    text = "\n".join(drawn(Progress(total=3, waiting=3)))
    assert "failed" not in text and "held" not in text
    assert "held        1" in "\n".join(drawn(Progress(total=3, waiting=2, held=1)))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    names = tuple((f"名前-{number}-" + "x" * 90, 1e6 * number) for number in range(64))
    progress = Progress(
        total=1_000_000, done=900_000, failed=99_000, running=64, waiting=936, examples=names
    )
    console = Console(width=width, file=io.StringIO(), legacy_windows=False)
    console.print(Picture("f" * 300, "this machine", progress, "1,200/s · 8 s left", "stop"))
    lines = shown(console).splitlines()
    assert max(console.measure(each).maximum for each in lines) <= width
    assert len(lines) == 8


def test_ascii_where_the_terminal_knows_no_blocks() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(width=80, file=file, legacy_windows=False)
    progress = Progress(total=4, done=3, waiting=1)
    console.print(Picture("flu", "this machine", progress, "1/s", "Ctrl-C: stop"))
    file.seek(0)
    text = file.read()
    assert "flu - 4 tasks - this machine" in text
    assert "  done        3  " + "#" * 42 + " " in text


def test_names_cannot_speak_to_the_terminal() -> None:
    progress = Progress(
        total=2,
        failed=1,
        running=1,
        examples=(("[red]a\x1b[2Jb\nc", 0.1),),
        causes=(("\x1b]0;x\x07", 1),),
    )
    console = terminal()
    with ProgressView("se\x1b[2Jss\nion", "here", console, clock=FakeClock()) as view:
        view.update(progress)
        text = shown(console)
    assert "[red]a?[2Jb?c (0.1 s)" in text
    assert "se?[2Jss?ion" in text
    assert "1 x ?]0;x?" in text
    assert "\x1b[2J" not in text and "\x1b]0" not in text


def test_a_terminal_is_redrawn_four_times_a_second_at_most() -> None:
    clock, console = FakeClock(), terminal()
    with ProgressView("flu", "this machine", console, clock=clock) as view:
        for number in range(1000):
            view.update(Progress(total=1000, done=number, waiting=1000 - number))
            clock.sleep(0.001)
        assert 3 <= shown(console).count("1,000 tasks") <= 5


def test_due_tells_when_data_are_wanted() -> None:
    clock = FakeClock()
    with ProgressView("flu", "this machine", terminal(), clock=clock) as view:
        assert view.due
        view.update(FLU)
        assert not view.due
        clock.sleep(0.25)
        assert view.due


def test_the_picture_leaves_only_the_message() -> None:
    console = terminal()
    view = ProgressView("flu", "this machine", console, clock=FakeClock())
    view.update(FLU)
    view.close(stopped_message("flu", 2, 82))
    after = shown(console).rpartition("\x1b[2K")[2]
    assert "waiting" not in after
    assert after.strip().startswith("Stopped. 2 tasks go on")
    assert "\x1b[?25h" in shown(console)


def test_lines_without_a_terminal_come_less_and_less_often(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = FakeClock()
    with ProgressView("flu", "this machine", clock=clock) as view:
        for _ in range(600):
            view.update(FLU)
            clock.sleep(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "flu: 312 of 400 done, 4 failed, 2 running, 82 waiting"
    assert 8 <= len(lines) <= 12


def test_the_last_line_tells_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressView("flu", "this machine", clock=FakeClock()) as view:
        view.update(Progress(total=2, waiting=2))
        view.update(Progress(total=2, done=2))
    assert capsys.readouterr().err.splitlines()[-1] == "flu: 2 of 2 done"


def test_no_colour_is_asked_for_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(force_terminal=True, width=80, file=io.StringIO())
    console.print(Picture("flu", "this machine", FLU, "", ""))
    assert "\x1b[3" not in shown(console)


def test_rich_is_not_loaded_without_a_terminal() -> None:
    program = (
        "import sys; from gc3libs.cmdline._progress import *\n"
        "with ProgressView('s', 'here') as view: view.update(Progress(total=1))\n"
        "sys.exit('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0


def test_a_real_terminal() -> None:
    program = (
        "from gc3libs.cmdline._progress import *\n"
        "view = ProgressView('flu', 'this machine')\n"
        "view.update(Progress(total=5, done=2, waiting=3)); print('from a hook')\n"
        "view.close('over')"
    )
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=slave, stdout=slave, env=environment
    ) as child:
        os.close(slave)
        output = b""
        while chunk := _read(master):
            output += chunk
    os.close(master)
    text = output.decode()
    assert child.returncode == 0
    assert "from a hook" in text and "5 tasks" in text
    assert text.rstrip().endswith("over")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("running", "waiting", "message"),
    [
        (
            2,
            82,
            "Stopped. 2 tasks go on to their end, 82 wait; nothing is lost.\n"
            "  go on:  gc3 run flu          end the 2 as well:  gc3 kill flu --running",
        ),
        (
            1,
            0,
            "Stopped. 1 task goes on to its end; nothing is lost.\n"
            "  go on:  gc3 run flu          end it as well:  gc3 kill flu --running",
        ),
        (0, 1200, "Stopped. 1,200 tasks wait; nothing is lost.\n  go on:  gc3 run flu"),
    ],
)
def test_what_is_said_when_it_is_stopped(running: int, waiting: int, message: str) -> None:
    assert stopped_message("flu", running, waiting) == message


def test_what_is_said_at_the_end() -> None:
    assert end_message("flu", done=400, failed=0, rest=0, seconds=9.8, cpu_seconds=0.1) == (
        "flu: 400 done in 9.8 s\n  results:  gc3 results flu -o flu.csv"
    )
    long = end_message("my flu", done=1, failed=2, rest=3, seconds=60, cpu_seconds=3600)
    assert long.splitlines() == [
        "my flu: 1 done, 2 failed, 3 not ended in 1 min (1 core-hours)",
        "  why:       gc3 failures 'my flu'",
        "  the rest:  gc3 status 'my flu'",
        "  results:   gc3 results 'my flu' -o 'my flu.csv'",
    ]


def test_hints_name_gc3_as_the_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "my venv" / "bin" / "gc3"
    command.parent.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(command.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gc3_command() == "gc3"  # not there at all: the name says most
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    assert gc3_command() == f"'{command}'"
    monkeypatch.chdir(tmp_path)
    assert gc3_command() == "'my venv/bin/gc3'"
    assert "'my venv/bin/gc3' run flu" in stopped_message("flu", 0, 1, gc3=gc3_command())
    monkeypatch.setenv("PATH", str(command.parent))
    assert gc3_command() == "gc3"


@pytest.mark.parametrize("width", range(1, 40))
def test_fitted_lists_fit(width: int) -> None:
    assert len(fit(["alpha", "beta", "gamma"], width, 1000)) <= max(width, 2)
