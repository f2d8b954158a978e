"""What a run says when it is over or is stopped, and the words for its figures."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
from pathlib import Path

from gc3libs.cmdline._estimate import Estimate
from gc3libs.quantity import format_seconds

COLUMN = 29
"""Where the second of two hints begins."""
WIDTH = 80


def as_typed(path: str) -> str:
    """A path as people type it: from the current directory on, if it is below."""
    below = os.path.relpath(path)
    return path if below.startswith("..") else below


def gc3_command() -> str:
    """How people can call `gc3`: its name, or its path if the shell would not find it."""
    beside = Path(sys.executable).with_name("gc3")
    if shutil.which("gc3") or not beside.exists():
        return "gc3"
    return shlex.quote(as_typed(str(beside)))


def stopped_message(
    session: str,
    running: int,
    waiting: int,
    *,
    gc3: str = "gc3",
    go_on: str = "",
    end: str = "",
) -> str:
    """What to say after Ctrl-C, to somebody who may want to go on.

    Args:
        session: As it would be named in a command.
        running: How many tasks go on by themselves.
        waiting: How many were not started.
        gc3: How `gc3` is called.
        go_on: The command that goes on; default: `gc3 run`.
        end: How to end what runs; default: `gc3 kill`.

    >>> print(stopped_message("flu", running=2, waiting=82))
    Stopped. 2 tasks go on to their end, 82 wait; nothing is lost.
      go on:  gc3 run flu          end the 2 as well:  gc3 kill flu --running
    """
    name = shlex.quote(session)
    parts = []
    if running:
        parts.append(_plural(running, "task goes on to its end", "tasks go on to their end"))
    if waiting and running:
        parts.append(_plural(waiting, "waits", "wait"))
    elif waiting:
        parts.append(_plural(waiting, "task waits", "tasks wait"))
    first = f"Stopped. {', '.join(parts)}; nothing is lost." if parts else "Stopped."
    hints = [("go on", go_on or f"{gc3} run {name}")]
    if running:
        which = "it" if running == 1 else f"the {running:,}"
        hints.append((f"end {which} as well", end or f"{gc3} kill {name} --running"))
    return f"{first}\n{_hints(hints)}"


def end_message(
    session: str,
    *,
    done: int,
    failed: int,
    rest: int,
    seconds: float,
    cpu_seconds: float,
    gc3: str = "gc3",
) -> str:
    """What to say when a run is over.

    Args:
        session: As it would be named in a command.
        done: How many tasks ended well.
        failed: How many ended otherwise.
        rest: How many did not end, such as those that are held.
        seconds: How long the run took.
        cpu_seconds: What the tasks used.
        gc3: How `gc3` is called.

    >>> print(end_message("flu", done=396, failed=4, rest=0, seconds=9.8, cpu_seconds=18.1))
    flu: 396 done, 4 failed in 9.8 s (0.005 core-hours)
      why:  gc3 failures flu       results:  gc3 results flu -o flu.csv
    """
    name = shlex.quote(session)
    table = shlex.quote(f"{session.rstrip('/').rpartition('/')[2] or 'results'}.csv")
    counts = f"{done:,} done"
    counts += f", {failed:,} failed" if failed else ""
    counts += f", {rest:,} not ended" if rest else ""
    hints = []
    if failed:
        hints.append(("why", f"{gc3} failures {name}"))
    if rest:
        hints.append(("the rest", f"{gc3} status {name}"))
    if done:
        hints.append(("results", f"{gc3} results {name} -o {table}"))
    used = core_hours(cpu_seconds)
    first = f"{session}: {counts} in {format_seconds(seconds)}{f' ({used})' if used else ''}"
    return f"{first}\n{_hints(hints)}" if hints else first


def core_hours(cpu_seconds: float) -> str:
    """CPU time for people; nothing if it is next to nothing.

    >>> core_hours(18.1), core_hours(7200 * 1000), core_hours(1)
    ('0.005 core-hours', '2,000 core-hours', '')
    """
    hours = cpu_seconds / 3600
    if hours < 0.0005:
        return ""
    return f"{hours:,.3f} core-hours" if hours < 1 else f"{hours:,.4g} core-hours"


def pace(estimate: Estimate | None) -> str:
    """Rate and time left in words; nothing if they are not known.

    >>> pace(Estimate(rate=41.2, left=2.0, low=1.4, high=3.9))
    '41/s · 2 s left (1 to 4)'
    >>> pace(Estimate(rate=0.002, left=5400, low=3000, high=7300))
    '7.2/h · 1 h 30 min left (50 min to 2 h)'
    """
    if estimate is None:
        return ""
    return f"{_rate(estimate.rate)} · {_left(estimate)}"


def _rate(per_second: float) -> str:
    units = ((1, "s"), (60, "min"), (3600, "h"), (86400, "d"))
    factor, unit = next((each for each in units if per_second * each[0] >= 1), units[-1])
    number = per_second * factor
    return f"{number:,.0f}/{unit}" if number >= 9.95 else f"{number:.2g}/{unit}"


def _left(estimate: Estimate) -> str:
    left, low, high = (_rounded(each) for each in (estimate.left, estimate.low, estimate.high))
    if math.isinf(estimate.high):
        return f"{left} left (at least {low})"
    if low == high:
        return f"{left} left"
    if low.partition(" ")[2] == high.partition(" ")[2] == left.partition(" ")[2]:
        low, high = low.partition(" ")[0], high.partition(" ")[0]
    return f"{left} left ({low} to {high})"


def _rounded(seconds: float) -> str:
    """A length of time no finer than an estimate of it can be."""
    if math.isinf(seconds):
        return ""
    steps = ((60, 1), (600, 10), (3600, 60), (6 * 3600, 600), (48 * 3600, 3600))
    step = next((step for limit, step in steps if seconds < limit), 86400)
    rounded = max(round(seconds / step), 1) * step
    return f"{rounded} s" if rounded < 60 else format_seconds(rounded)


def _plural(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _hints(hints: list[tuple[str, str]]) -> str:
    """Labelled commands: two in one line where they fit, else one below the other."""
    lines = [f"  {label}:  {command}" for label, command in hints]
    if len(lines) == 2 and len(lines[0]) < COLUMN and COLUMN + len(lines[1]) <= WIDTH:
        return lines[0].ljust(COLUMN) + lines[1]
    widest = max(len(label) for label, _ in hints)
    return "\n".join(f"  {label + ':':<{widest + 1}}  {command}" for label, command in hints)
