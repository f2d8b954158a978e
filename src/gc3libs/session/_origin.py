"""The file `created`: which session this is, and who made it, where, by what command."""

from __future__ import annotations

import json
import os
import shlex
import sys
import uuid
from pathlib import Path
from typing import Any

import msgspec

from gc3libs._atomic import open_inside, write_file
from gc3libs.exceptions import DamagedStore, NewerFormat, StoreUnavailable

FORMAT = 1


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says.

    Attributes:
        format: Of the file.
        command: The command line that made the session.
        argv: The same, word by word.
        uuid: Names the session, wherever it is moved; a copy gets its own.
        host, path: Where it was when it was last written as a whole.
        made_directory: The directory was not there before.
        made_store: Nor was the store, which is inside the directory.
        shares: Another session claims records of this one's tasks in the store.
        epoch: Of the last lease.
        copied_from: Path of the session that this one is a copy of.
    """

    format: int = FORMAT
    command: str = ""
    argv: list[str] = []
    uuid: str = ""
    host: str = ""
    path: str = ""
    made_directory: bool = False
    made_store: bool = False
    shares: bool = False
    epoch: int = 0
    copied_from: str = ""


def new_origin(path: str, *, made_directory: bool, made_store: bool) -> Origin:
    """Of a session that is being made by this process."""
    return Origin(
        command=shlex.join(sys.argv),
        argv=list(sys.argv),
        uuid=new_uuid(),
        host=this_host(),
        path=path,
        made_directory=made_directory,
        made_store=made_store,
    )


def new_uuid() -> str:
    """A name that nothing else has."""
    return str(uuid.uuid4())


def this_host() -> str:
    """The name of this machine."""
    return os.uname().nodename


def read_origin(file: Path) -> Origin | None:
    """What the file says; None if there is none.

    Raises:
        DamagedStore: It is something else.
        NewerFormat: A later version wrote it.
        StoreUnavailable: It cannot be read.
    """
    try:
        with os.fdopen(open_inside(file, os.O_RDONLY), "rb") as opened:
            content: Any = json.load(opened)
        found = msgspec.convert(content, Origin)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise StoreUnavailable(f"cannot read {file}: {err.strerror}") from err
    except (ValueError, msgspec.ValidationError) as err:
        raise DamagedStore(str(file), f"it does not say which session this is: {err}") from err
    if found.format > FORMAT:
        raise NewerFormat(str(file), found.format, FORMAT)
    return found


def write_origin(file: Path, origin: Origin, made: float | None = None) -> None:
    """Replace the file, durably. Needs the session's lock.

    Args:
        made: Its time from now on, when the session was made; None: this moment.

    Raises:
        StoreUnavailable: It cannot be written; it is as it was.
    """
    try:
        text = json.dumps(msgspec.to_builtins(origin), indent=1)
        write_file(file, text + "\n", alone=True)
        if made is not None:
            os.utime(file, (made, made))
    except OSError as err:
        raise StoreUnavailable(f"cannot write {file}: {err.strerror}") from err
