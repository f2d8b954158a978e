"""`gc3 resources`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._output import plural, write_json
from gc3libs.cli._place import ambient, find
from gc3libs.cli._tables import Cell, Column, Row, write_table
from gc3libs.quantity import format_bytes, format_seconds

if TYPE_CHECKING:
    from gc3libs.cmdline._inquiry import Answer

MORE = """\
Each resource that is enabled is asked whether it answers. USED is what all of
your sessions on this machine have there, where it has a limit.
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 resources [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    types.add_table_options(parser)


def run(args: argparse.Namespace) -> int:
    from gc3libs.cmdline._inquiry import ask
    from gc3libs.cmdline._resources import configured_resources
    from gc3libs.config import load_settings

    if len(args.words) > 1:
        raise exits.UsageError(f"{args.words[1]!r} is too much: gc3 resources [SESSION]")
    named = args.session or (args.words[0] if args.words else None)
    path = find(named) if named is not None else ambient()
    answers = ask(configured_resources(load_settings(session=path)))
    if args.json:
        where = None if path is None else str(path.absolute())
        write_json("resources", where, resources=[_plain(each) for each in answers])
        return exits.OK
    columns = [
        Column("RESOURCE"),
        Column("ANSWERS"),
        Column("CORES", right=True),
        Column("MEMORY", right=True),
        Column("WHAT", shrinks=True),
        Column("LIMITS", shrinks=True, optional=True),
        Column("USED", shrinks=True, optional=True),
    ]
    write_table(columns, map(_row, answers), header=not args.no_header)
    return exits.OK


def _plain(answer: Answer) -> dict[str, Any]:
    resource = answer.resource
    return {
        "name": resource.name,
        "type": answer.type,
        "enabled": resource.enabled,
        "answers": answer.answers,
        "error": answer.error,
        "host": answer.host,
        "verified": answer.verified,
        "cores": answer.cores,
        "memory": answer.memory,
        "limits": {name: _of_json(value) for name, value in answer.limits.items()},
        "used": [
            {"holder": each.holder, "pid": each.pid, "jobs": each.jobs, "cores": each.cores}
            for each in answer.holdings
        ],
        "facts": {name: _of_json(value) for name, value in answer.facts.items()},
    }


def _of_json(value: Any) -> Any:
    for convert in ("in_bytes", "in_seconds"):
        if hasattr(value, convert):
            return getattr(value, convert)()
    if isinstance(value, tuple | list):
        return list(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _row(answer: Answer) -> Row:
    if not answer.resource.enabled:
        said = Cell("off", "dim")
    else:
        said = Cell("yes", "green") if answer.answers else Cell("no", "red")
    return [
        answer.resource.name,
        said,
        "any" if answer.cores is None else str(answer.cores),
        "any" if answer.memory is None else format_bytes(answer.memory),
        _what(answer),
        ", ".join(_limits(answer.limits.items())) or "-",
        _used(answer),
    ]


def _what(answer: Answer) -> str:
    if answer.error:
        return answer.error
    facts = answer.facts
    if answer.type == "local":
        text = f"this machine, {answer.host}"
    elif "version" in facts:
        text = f"{facts['version']} on {answer.host}"
    else:
        named = (f"{name} {value}" for name, value in facts.items() if value is not None)
        text = ", ".join([answer.type, *named])
    return text if answer.verified else f"{text} (not verified)"


def _limits(limits: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in limits:
        if hasattr(value, "in_seconds"):
            yield f"{name} {format_seconds(value.in_seconds())}"
        elif hasattr(value, "in_bytes"):
            yield f"{name} {format_bytes(value.in_bytes())}"
        else:
            yield f"{name} {', '.join(value) if isinstance(value, tuple) else value}"


def _used(answer: Answer) -> str:
    jobs = sum(each.jobs for each in answer.holdings)
    if not jobs:
        return "-"
    cores = sum(each.cores for each in answer.holdings)
    holders = ", ".join(each.holder for each in answer.holdings if each.jobs)
    return f"{plural(jobs, 'job')}, {plural(cores, 'core')}: {holders}"
