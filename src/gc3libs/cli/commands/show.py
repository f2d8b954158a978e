"""`gc3 show`."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gc3libs.cli import _exits as exits
from gc3libs.cli._output import has_colours, iso, printable, styled, write, write_json
from gc3libs.cli._place import open_session, split
from gc3libs.cli._select import one_task, record_of
from gc3libs.cli._words import (
    STYLES,
    exit_word,
    state_word,
    task_object,
    value_word,
)
from gc3libs.exceptions import LoadError
from gc3libs.persistence.facts import duration_of
from gc3libs.quantity import format_bytes, format_seconds

if TYPE_CHECKING:
    from gc3libs.model import RunDetails
    from gc3libs.persistence import Record, Summary
    from gc3libs.session import Session

MORE = """\
examples:
  gc3 show flu 17
  gc3 show flu beta=2.1-gamma=0.45
"""
_LABEL = 11


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = f"gc3 {name} [SESSION] TASK [options]"
    parser.add_argument("words", metavar="TASK", nargs="*", help="ID, number or name")


def run(args: argparse.Namespace) -> int:
    path, words = split(args.session, args.words)
    if len(words) != 1:
        raise exits.UsageError("say which task: gc3 show SESSION TASK")
    session = open_session(path)
    try:
        summary = one_task(session, words[0])
        view = _View(session, record_of(session, summary.id))
        if args.json:
            write_json("show", session.path, task=view.object())
        else:
            for label, text in view.facts():
                _write_fact(label, text)
    finally:
        session.close()
    return exits.OK


def _write_fact(label: str, text: str) -> None:
    lines = [printable(line) for line in text.splitlines()] or [""]
    if label == "state" and has_colours():
        word, space, rest = lines[0].partition(",")
        lines[0] = (styled(word, STYLES[word]) if word in STYLES else word) + space + rest
    write(f"{label:<{_LABEL}} {lines[0]}".rstrip())
    for line in lines[1:]:
        write(f"{'':<{_LABEL}} {line}")


class _View:
    """Everything that is known of one task."""

    def __init__(self, session: Session, record: Record) -> None:
        from gc3libs.model import decode_details

        self._session = session
        self._record = record
        self._summary: Summary = record.summary
        self._details: RunDetails = decode_details(record.details)
        errors: dict[str, LoadError] = {}
        found = session.store.load_many([record.id], errors)
        self._task: Any = found.get(record.id)
        self._error = errors.get(record.id)
        try:
            getattr(self._task, "arguments", None)
        except LoadError as err:  # it shows those of a task in it
            self._task, self._error = None, err
        self._children = session.store.children(record.id)

    def facts(self) -> Iterator[tuple[str, str]]:
        yield from self._identity()
        yield from self._command()
        yield from self._run()
        yield from self._places()
        yield from self._past()

    def _identity(self) -> Iterator[tuple[str, str]]:
        summary = self._summary
        yield "task", f"{summary.id}  {summary.name}"
        yield "state", self._state()
        if summary.failed:
            from gc3libs.cli._why import reason, stream_names

            name = stream_names(self._session, [summary.id], "stderr").get(summary.id)
            if why := reason(self._session, self._record, name):
                yield "why", why
        yield "class", summary.cls
        if summary.tags:
            yield "tags", ", ".join(summary.tags)
        if summary.parameters:
            pairs = (f"{k} = {value_word(v)}" for k, v in summary.parameters.items())
            yield "parameters", ", ".join(pairs)
        if self._children:
            yield "tasks in it", f"{len(self._children):,}"

    def _state(self) -> str:
        word, ending = state_word(self._summary), exit_word(self._summary)
        if word in ("done", "failed"):
            word += f", exit {ending}" if ending.isdigit() else f", {ending}"
        if self._summary.attempt > 1:
            word += f", attempt {self._summary.attempt}"
        return word

    def _command(self) -> Iterator[tuple[str, str]]:
        task = self._task
        if task is None:
            if self._error is not None:
                yield "command", f"not known here: {self._error.reason}"
            return
        arguments = getattr(task, "arguments", None)
        if arguments:
            environment = getattr(task, "environment", {})
            yield "command", shlex.join(_meant(str(each), environment) for each in arguments)
        for name in ("inputs", "outputs"):
            files = getattr(task, name, None)
            if files:
                yield name, "\n".join(map(_plain_path, files))
        wishes = [
            f"{getattr(task, f'requested_{name}')} {unit}".strip()
            for name, unit in (("cores", "cores"), ("memory", ""), ("walltime", ""))
            if getattr(task, f"requested_{name}", None) is not None
        ]
        if wishes:
            yield "asks for", ", ".join(wishes).replace("1 cores", "1 core")

    def _run(self) -> Iterator[tuple[str, str]]:
        summary, details = self._summary, self._details
        for label, moment in (("started", summary.started), ("ended", summary.ended)):
            if moment is not None:
                yield label, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
        seconds = duration_of(summary)
        used = [] if seconds is None else [format_seconds(seconds)]
        if summary.cpu_time is not None:
            used.append(f"{format_seconds(summary.cpu_time)} of CPU time")
        if summary.memory is not None:
            bound = "at most " if details.memory_is_bound else ""
            used.append(f"{bound}{format_bytes(summary.memory)} of memory")
        if used:
            yield "used", ", ".join(used)
        if details.resource:
            yield "ran on", details.resource
        if details.missing:
            yield "missing", ", ".join(details.missing)
        if details.result_kind or details.error is not None:
            yield "result", self._result()

    def _result(self) -> str:
        error = self._details.error
        if error is not None:
            return error.traceback.rstrip() or f"{error.type}: {error.message}"
        return repr(self._details.result)

    def _places(self) -> Iterator[tuple[str, str]]:
        from gc3libs.cli._why import STREAMS, output_places, stream, stream_names

        place = next((each for each in output_places(self._session, self._details)), None)
        if place is not None:
            yield "outputs in", str(place)
        for which in STREAMS:
            name = stream_names(self._session, [self._record.id], which).get(self._record.id)
            file = stream(self._session, self._record, which, name, self._details)
            if file is not None:
                yield which, str(file)
        yield from self._job_directory()
        if self._details.traceback:
            yield "traceback", self._details.traceback.rstrip()

    def _job_directory(self) -> Iterator[tuple[str, str]]:
        """Where the job is; of one that is over, only its own directory, and if it was kept."""
        directory = self._details.directory
        if not directory:
            return
        if self._summary.state != "TERMINATED":
            yield "runs in", directory
        elif Path(directory).name == self._details.token and Path(directory).is_dir():
            yield "ran in", directory

    def _past(self) -> Iterator[tuple[str, str]]:
        from gc3libs.model.termination import words

        for attempt in self._details.attempts:
            reason = f", {attempt.reason}" if attempt.reason else ""
            yield f"attempt {attempt.number}", f"{words(attempt.returncode)}{reason}"

    def object(self) -> dict[str, Any]:
        """For `--json`."""
        details = msgspec.to_builtins(self._details, builtin_types=(bytes,), enc_hook=repr)
        for name in ("started", "ended", "duration", "cpu_time", "memory", "resource", "others"):
            details.pop(name, None)
        details["history"] = [
            {"time": iso(moment), "what": text} for moment, text in self._details.history
        ]
        details["timestamps"] = {k: iso(v) for k, v in self._details.timestamps.items()}
        command = getattr(self._task, "arguments", None)
        return {
            **task_object(self._summary),
            "command": None if command is None else [str(each) for each in command],
            "children": self._children,
            "details": details,
        }


def _meant(word: str, environment: dict[str, str]) -> str:
    """A word of a command as it was typed for `gc3 add`."""
    return environment.get(word[1:], word) if word.startswith("$GC3_WORD_") else word


def _plain_path(url: Any) -> str:
    return str(getattr(url, "path", url))
