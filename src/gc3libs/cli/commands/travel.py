"""`gc3 export`, `import`, `copy`."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._copying import copy_records
from gc3libs.cli._output import plural, say, write_json
from gc3libs.cli._packing import OUTPUTS, belongings, ending_of, pack, reading, unpack
from gc3libs.cli._place import find, is_session, open_session, shown, split

if TYPE_CHECKING:
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


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    uses = {
        "export": "gc3 export [SESSION] FILE [options]",
        "import": "gc3 import FILE [SESSION] [options]",
        "copy": "gc3 copy SESSION NEW [options]",
    }
    parser.usage = uses[name]
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    if name in ("export", "copy"):
        parser.add_argument("--outputs", action="store_true", help="with the tasks' outputs")
    if name == "copy":
        parser.add_argument("--store", metavar="URL", help="sqlite, file, or a URL")
    if name == "export":
        parser.add_argument("-f", "--force", action="store_true", help="replace FILE")
    types.add_dry_run(parser)


def run(args: argparse.Namespace) -> int:
    commands = {"export": _export, "import": _import, "copy": _copy}
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
            write_json(
                "export",
                session.path,
                file=str(file.absolute()),
                tasks=count,
                bytes=size,
                dry_run=args.dry_run,
            )
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
        if args.json:
            write_json("import", str(target.absolute()), tasks=None, dry_run=True)
        else:
            say(f"would unpack {file} into {target}", quiet=args.quiet)
        return exits.OK
    unpack(file, target)
    session = open_session(target)
    try:
        if args.json:
            write_json("import", session.path, tasks=len(session), dry_run=False)
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
                    copy_records(session, target, args.store)
                    if args.outputs and (path / OUTPUTS).is_dir():
                        shutil.copytree(path / OUTPUTS, target / OUTPUTS, symlinks=True)
            _make_its_own(target)
        if args.json:
            write_json(
                "copy",
                session.path,
                copy=str(target.absolute()),
                tasks=count,
                dry_run=args.dry_run,
            )
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
