#!/usr/bin/env python3
"""The same work by gc3 and by others, in turns on the same machine: add, list, run, resume.

    python benchmarks/others.py                  # 10,000 tasks; installs the others in venvs
    python benchmarks/others.py --count 500

* add: what is to be run is kept so that a killed process loses nothing;
* list: a fresh process says what is there;
* run: so many times a command that does nothing, two at a time;
* resume: commands that note that they were run; everything is killed in the middle and started
  again. What counts is how many were run twice, or not at all.

What a tool cannot do is left out. GNU parallel must be installed; the others come from PyPI.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import rivals

PATIENCE = 120.0
"""Seconds after which what goes on after a kill is taken to hang."""


def seconds_of(words: rivals.Words, directory: Path) -> float:
    """Run it to its end."""
    began = time.perf_counter()
    with (directory / "said").open("ab") as said:
        done = subprocess.run(words, cwd=directory, stdout=said, stderr=said, check=False)
    if done.returncode:
        text = (directory / "said").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{shlex.join(words)[:300]} ended with {done.returncode}:\n{text}")
    return time.perf_counter() - began


def rate(what: Callable[[rivals.Work], rivals.Words] | None, work: rivals.Work) -> float | None:
    """Tasks a second; None if the tool does not do it."""
    return None if what is None else work.tasks / seconds_of(what(work), work.directory)


class Resumed(NamedTuple):
    """What came of tasks whose tool was killed: run twice, not at all; seconds of the rest.

    The seconds are infinite if it did not come to its end.
    """

    twice: int
    never: int
    seconds: float


def resumed(tool: rivals.Tool, work: rivals.Work) -> Resumed | None:
    """Kill it, and whatever it has started, when half is done; then let it go on."""
    if tool.run is None:
        return None
    if tool.add is not None:
        seconds_of(tool.add(work), work.directory)
    ran = work.directory / "ran"
    with (work.directory / "said").open("ab") as said:
        process = subprocess.Popen(
            tool.run(work), cwd=work.directory, stdout=said, stderr=said, start_new_session=True
        )
    while len(_lines(ran)) < work.tasks // 2 and process.poll() is None:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)
    seconds = _seconds_again((tool.again or tool.run)(work), work.directory)
    times = Counter(_lines(ran))
    return Resumed(sum(n > 1 for n in times.values()), work.tasks - len(times), seconds)


def _seconds_again(words: rivals.Words, directory: Path) -> float:
    """How long it takes to go on; infinite if it hangs."""
    began = time.perf_counter()
    with (directory / "said").open("ab") as said:
        process = subprocess.Popen(
            words, cwd=directory, stdout=said, stderr=said, start_new_session=True
        )
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return math.inf
    return time.perf_counter() - began


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


class Result(NamedTuple):
    """A line of the table; rates are tasks a second."""

    name: str
    version: str
    add: float | None
    list: float | None
    run: float | None
    resumed: Resumed | None
    tasks: int


def measured(tool: rivals.Tool, home: Path, count: int) -> Result:
    """All that a tool does."""
    said = subprocess.run(tool.version, capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.[\w.]+|\d{8}", said)
    count = max(20, count * tool.share // 100)
    work = rivals.Work(_fresh(home, "run"), count, f"true {rivals.MARK}")
    add = rate(tool.add, work)
    look = rate(tool.list, work)
    run = rate(tool.run, work)
    directory = _fresh(home, "resume")
    noting = rivals.Work(directory, max(20, count // 10), f"echo {rivals.MARK} >>{directory}/ran")
    return Result(
        tool.name, found[0] if found else "", add, look, run, resumed(tool, noting), count
    )


def _fresh(home: Path, name: str) -> Path:
    path = home / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def table(results: Sequence[Result]) -> str:
    """A Markdown table; ratios are ours by theirs."""
    ours = results[0]
    lines = [
        "| tool | version | add | list | run | killed and resumed | tasks |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in results:
        cells = [
            each.name,
            each.version,
            _cell(each.add, ours.add),
            _cell(each.list, ours.list),
            _cell(each.run, ours.run),
            _fate(each.resumed),
            f"{each.tasks:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(theirs: float | None, ours: float | None) -> str:
    if theirs is None or ours is None:
        return "-"
    return f"{theirs:,.0f}/s" + ("" if theirs == ours else f" ({ours / theirs:.2g} x)")


def _fate(what: Resumed | None) -> str:
    if what is None:
        return "-"
    end = "hangs" if math.isinf(what.seconds) else f"{what.seconds:.1f} s"
    return f"{what.twice} twice, {what.never} never, {end}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="of tasks")
    parser.add_argument("--directory", type=Path, help="on the disk to measure")
    parser.add_argument("--venvs", type=Path, help="where the others are, or are to be, installed")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    home = Path(tempfile.mkdtemp(prefix="gc3-others-", dir=options.directory))
    try:
        results = []
        for tool in rivals.tools(options.venvs or home / "venvs"):
            results.append(measured(tool, home, options.count))
            print(results[-1], flush=True)
        print("\n" + table(results))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
