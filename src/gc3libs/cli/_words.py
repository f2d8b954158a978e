"""Tasks in people's words, and as JSON."""

from __future__ import annotations

from typing import Any

from gc3libs.cli._output import iso
from gc3libs.model.termination import restore, words
from gc3libs.persistence import Summary
from gc3libs.persistence.facts import duration_of
from gc3libs.persistence.record import split_id

_STATES = {
    "NEW": "waiting",
    "SUBMITTED": "submitted",
    "RUNNING": "running",
    "STOPPED": "stopped",
    "TERMINATING": "ending",
    "UNKNOWN": "unknown",
    "": "",
}
STYLES = {
    "done": "green",
    "failed": "red",
    "running": "blue",
    "ending": "blue",
    "unknown": "yellow",
    "stopped": "yellow",
    "held": "yellow",
    "waiting": "dim",
    "submitted": "dim",
}
"""The colour of each word for a state."""

WORDS = tuple(STYLES)


def number_of(id_: str) -> int:
    """The number in an ID."""
    return split_id(id_)[1]


def state_word(summary: Summary) -> str:
    """Where a task is, in a word."""
    if summary.state == "TERMINATED":
        return "done" if summary.returncode == 0 else "failed"
    if summary.held and summary.state == "NEW":
        return "held"
    return _STATES.get(summary.state, summary.state.lower())


def exit_word(summary: Summary) -> str:
    """How a task ended, as short as that can be said; empty as long as it has not."""
    if summary.state != "TERMINATED":
        return ""
    return words(summary.returncode).removeprefix("exit ")


def task_object(summary: Summary) -> dict[str, Any]:
    """A task as `--json` shows it."""
    signal, exitcode = restore(summary.returncode)
    return {
        "id": summary.id,
        "number": number_of(summary.id),
        "name": summary.name,
        "class": summary.cls,
        "state": summary.state,
        "word": state_word(summary),
        "returncode": summary.returncode,
        "exitcode": exitcode,
        "signal": signal,
        "attempt": summary.attempt,
        "held": summary.held,
        "tags": summary.tags,
        "resource": summary.resource,
        "created": iso(summary.created),
        "changed": iso(summary.changed),
        "started": iso(summary.started),
        "ended": iso(summary.ended),
        "duration": duration_of(summary),
        "cpu_time": summary.cpu_time,
        "memory": summary.memory,
        "parameters": summary.parameters,
        "info": summary.info,
    }


def value_word(value: Any) -> str:
    """A parameter's value as a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)
