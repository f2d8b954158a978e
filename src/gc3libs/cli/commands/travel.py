"""`gc3 export`, `import`, `copy`, `migrate`."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gc3libs.cli import _exits as exits
from gc3libs.cli._output import plural, say, write_json
from gc3libs.cli._packing import OUTPUTS, belongings, ending_of, pack, reading, unpack
from gc3libs.cli._place import find, is_session, open_session, shown, split

if TYPE_CHECKING:
    from gc3libs.persistence import Record, Store
    from gc3libs.session import Session

MORE = """\
examples:
  gc3 export flu flu.tar.zst --outputs
  gc3 import flu.tar.zst
  gc3 copy flu flu-2                       a session of its own
  gc3 copy flu flu-3 --store file          the same tasks in another store

Tasks that are in flight stay with the original. Outputs inside of the session
(its directory "out") come along with --outputs.
"""
_BATCH: Final = 500
_CONTENT: Final = re.compile(rb"sha256/[0-9a-f]{64}")


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    uses = {
        "export": "gc3 export [SESSION] FILE [options]",
        "import": "gc3 import FILE [SESSION] [options]",
        "copy": "gc3 copy SESSION NEW [options]",
        "migrate": "gc3 migrate [SESSION] [options]",
    }
    parser.usage = uses[name]
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    if name in ("export", "copy"):
        parser.add_argument("--outputs", action="store_true", help="with the tasks' outputs")
    if name == "copy":
        parser.add_argument("--store", metavar="URL", help="sqlite, file, or a URL")
    if name == "export":
        parser.add_argument("-f", "--force", action="store_true", help="replace FILE")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")


def run(args: argparse.Namespace) -> int:
    commands = {"export": _export, "import": _import, "copy": _copy, "migrate": _migrate}
    return commands[args.command](args)


def _export(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if len(rest) != 1:
        raise exits.UsageError("which file? gc3 export SESSION FILE.tar.zst")
    file = Path(rest[0])
    ending_of(file)
    if file.exists() and not args.force:
        raise exits.CannotDo(f"{file} is there already: add -f to replace it")
    session = open_session(path)
    try:
        count = len(session)
        if not args.dry_run:
            with session.lease("gc3 export"), belongings(session, outputs=args.outputs) as found:
                pack(found, session.name, file)
        if args.json:
            size = file.stat().st_size if file.exists() else None
            write_json("export", session.path, file=str(file.absolute()), tasks=count, bytes=size)
        else:
            verb = "would pack" if args.dry_run else "packed"
            what = "" if args.outputs or not (path / OUTPUTS).exists() else ", without outputs"
            say(f"{verb} {plural(count)} of {session.name} into {file}{what}", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK


def _import(args: argparse.Namespace) -> int:
    if not 1 <= len(args.words) <= 2:
        raise exits.UsageError("which file? gc3 import FILE.tar.zst [SESSION]")
    file = Path(args.words[0])
    target = Path(args.words[1]) if len(args.words) > 1 else Path(_name_in(file))
    if target.exists():
        raise exits.CannotDo(f"{target} is there already: name another: gc3 import {file} NEW")
    if args.dry_run:
        say(f"would unpack {file} into {target}", quiet=args.quiet)
        return exits.OK
    unpack(file, target)
    session = open_session(target)
    try:
        if args.json:
            write_json("import", session.path, tasks=len(session))
        else:
            say(
                f"unpacked {plural(len(session))} into {target}. Next: gc3 status {shown(target)}",
                quiet=args.quiet,
            )
    finally:
        session.close()
    return exits.OK


def _name_in(file: Path) -> str:
    """The session's name in an archive."""
    with reading(file) as archive:
        first = archive.next()
        name = "" if first is None else first.name.partition("/")[0]
        for _ in archive:
            pass
    if name in ("", ".", ".."):
        raise exits.CannotDo(f"{file} holds no session")
    return name


def _copy(args: argparse.Namespace) -> int:
    if len(args.words) != 2:
        raise exits.UsageError("from where, and where to? gc3 copy SESSION NEW")
    path, target = find(args.words[0]), Path(args.words[1])
    if target.exists() and (is_session(target) or any(target.iterdir())):
        raise exits.CannotDo(f"{target} is there already: name another")
    session = open_session(path)
    try:
        count = len(session)
        if not args.dry_run:
            with session.lease("gc3 copy"):
                if args.store is None:
                    _copy_files(session, target, outputs=args.outputs)
                else:
                    _copy_records(session, target, args.store)
                    if args.outputs and (path / OUTPUTS).is_dir():
                        shutil.copytree(path / OUTPUTS, target / OUTPUTS, symlinks=True)
            _make_its_own(target)
        if args.json:
            write_json("copy", session.path, copy=str(target.absolute()), tasks=count)
        else:
            verb = "would copy" if args.dry_run else "copied"
            say(f"{verb} {plural(count)} of {session.name} to {target}", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK


def _copy_files(session: Session, target: Path, *, outputs: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        belongings(session, outputs=outputs) as found,
        tempfile.TemporaryDirectory(prefix=".gc3-copy-", dir=target.parent) as scratch,
    ):
        beside = Path(scratch) / "session"
        beside.mkdir()
        for name, path in found.items():
            if path.is_dir():
                shutil.copytree(path, beside / name, symlinks=True)
            else:
                shutil.copy2(path, beside / name)
        beside.rename(target)


def _make_its_own(target: Path) -> None:
    """Give the copy a name of its own, and end in it what runs in the original."""
    session = open_session(target)
    try:
        session.lease("gc3 copy").release()
    finally:
        session.close()


# to another kind of store


def _copy_records(session: Session, target: Path, url: str) -> None:
    """A new session with the same records, each under its ID."""
    from gc3libs.session import Session

    new = Session(target, store_or_url=url)
    try:
        if next(iter(new.store.summaries()), None) is not None:
            raise exits.CannotDo(
                f"{new.store_url} holds other tasks: add #table=NAME to the URL for a table of its"
                " own"
            )
        for ids in _batches(session):
            records = session.store.records(ids)
            _insert(session.store, new.store, [records[id_] for id_ in ids if id_ in records])
        new._register.enter(list(session.tasks), flush=True)  # loads nothing
    except BaseException:
        new.destroy()
        raise
    finally:
        new.close()


def _batches(session: Session) -> Iterator[list[str]]:
    """IDs of all tasks, owners before what they own."""
    seen: set[str] = set()
    level: Sequence[str] = list(session.tasks)
    while level:
        below: dict[str, None] = {}
        for start in range(0, len(level), _BATCH):
            ids = [id_ for id_ in level[start : start + _BATCH] if id_ not in seen]
            seen.update(ids)
            yield ids
            for children in session.store.children_of(ids).values():
                below.update(dict.fromkeys(children))
        level = [id_ for id_ in below if id_ not in seen]


def _insert(source: Store, target: Store, records: Sequence[Record]) -> None:
    from msgspec.structs import replace

    owned = source.children_of([record.id for record in records])
    blobs: dict[str, bytes] = {}
    for record in records:
        keys = [key.decode() for key in _CONTENT.findall(record.payload)]
        keys += [f"{record.id}/arguments", f"{record.id}/result"]
        keys += [f"{record.id}/result.{n}" for n in range(1, record.summary.attempt + 1)]
        for key in keys:
            data = source.read_blob(key)
            if data is not None:
                blobs[key] = data
    target.insert(
        [
            replace(
                record,
                summary=replace(record.summary, session="", position=None),
                children=owned.get(record.id),
            )
            for record in records
        ],
        blobs,
    )


def _migrate(args: argparse.Namespace) -> int:
    """Opening a session reads older formats; so far there is one, and nothing to bring up to it."""
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 migrate [SESSION]")
    from gc3libs.persistence.record import FORMAT

    session = open_session(path)
    try:
        if args.json:
            write_json("migrate", session.path, format=FORMAT, migrated=0)
        else:
            say(f"{session.name} is in the present format, {FORMAT}", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK
