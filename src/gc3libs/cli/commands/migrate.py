"""`gc3 migrate`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._copying import batches
from gc3libs.cli._ordering import after_others
from gc3libs.cli._output import plural, say, write_json
from gc3libs.cli._place import open_session, split
from gc3libs.cli._scripts import import_script

if TYPE_CHECKING:
    from gc3libs.persistence import Record
    from gc3libs.session import Lease, Session

MORE = """\
Sessions of earlier versions can be used as they are: what is read is brought up
to date as it is read. This writes it back, for all tasks at once. Classes of a
script are known once that is named.
"""


class _Outdated(NamedTuple):
    """What could be brought up to date.

    Attributes:
        ids: Of tasks that an earlier version of their class has saved.
        unknown: Names of classes that are not at hand.
    """

    ids: list[str]
    unknown: list[str]


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 migrate [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--script", metavar="FILE", help="import it for its classes")
    types.add_dry_run(parser)


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 migrate [SESSION]")
    if args.script:
        import_script(Path(args.script))
    session = open_session(path)
    try:
        found = _outdated(session)
        if found.ids and not args.dry_run:
            with after_others(session, lambda: session.lease("gc3 migrate")) as lease:
                _write_back(session, lease, found.ids)
        _report(args, session, found)
    finally:
        session.close()
    return exits.OK


def _outdated(session: Session) -> _Outdated:
    versions: dict[str, int | None] = {}
    ids = []
    for record in _records(session):
        name = record.summary.cls
        if name not in versions:
            versions[name] = _version_of(name)
        version = versions[name]
        if version is not None and record.version < version:
            ids.append(record.id)
    return _Outdated(ids, sorted(name for name, version in versions.items() if version is None))


def _records(session: Session) -> Iterator[Record]:
    for ids in batches(session):
        yield from session.store.records(ids).values()


def _version_of(name: str) -> int | None:
    """Of what a class saves at present; None if the class is not at hand."""
    from gc3libs.persistence.classes import class_of
    from gc3libs.persistence.trust import NotTrusted

    try:
        return class_of(name).schema_version
    except NotTrusted:
        return None


def _write_back(session: Session, lease: Lease, ids: list[str]) -> None:
    for start in range(0, len(ids), 500):
        tasks = session.store.load_many(ids[start : start + 500]).values()
        for task in tasks:
            task.changed = True
        session.store.save_many(tasks, guard=lease.guard, durable=True)


def _report(args: argparse.Namespace, session: Session, found: _Outdated) -> None:
    from gc3libs.persistence.record import FORMAT

    if args.json:
        write_json(
            "migrate",
            session.path,
            format=FORMAT,
            ids=found.ids,
            unknown=found.unknown,
            dry_run=args.dry_run,
        )
        return
    if found.ids:
        verb = "would bring up to date" if args.dry_run else "brought up to date"
        say(f"{verb} {plural(len(found.ids))} of {session.name}", quiet=args.quiet)
    else:
        say(f"{session.name} is in the present format, {FORMAT}", quiet=args.quiet)
    if found.unknown:
        say(
            f"not looked at: tasks of {', '.join(found.unknown)}. Name the script: --script FILE",
            quiet=args.quiet,
        )
