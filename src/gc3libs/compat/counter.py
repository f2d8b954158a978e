"""Numbers that a user gets only once."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import overload

from gc3libs.exceptions import InvalidValue


@overload
def progressive_number(
    qty: None = None, id_filename: str | os.PathLike[str] | None = None
) -> int: ...


@overload
def progressive_number(
    qty: int, id_filename: str | os.PathLike[str] | None = None
) -> list[int]: ...


def progressive_number(
    qty: int | None = None, id_filename: str | os.PathLike[str] | None = None
) -> int | list[int]:
    """The next number, or the next `qty` of them, whichever process asks.

    The last number handed out is kept in a file, in hexadecimal; the file is locked meanwhile.

    Args:
        qty: How many numbers; without it, the result is one number and no list.
        id_filename: The file; the one that ``GC3PIE_ID_FILE`` names, or ``~/.gc3/next_id.txt``,
            if not given.

    Raises:
        InvalidValue: the file holds something else, or `qty` is less than 1.
    """
    count = 1 if qty is None else qty
    if count < 1:
        raise InvalidValue(f"cannot hand out {count} numbers: ask for one at least")
    last = _advance(Path(id_filename or _default_file()), count)
    return last if qty is None else list(range(last - count + 1, last + 1))


def _default_file() -> str:
    return os.environ.get("GC3PIE_ID_FILE") or str(Path.home() / ".gc3" / "next_id.txt")


def _advance(path: Path, count: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        try:
            last = int(text or "0", 16) + count
        except ValueError as err:
            raise InvalidValue(f"{path} holds {text!r}, and no hexadecimal number") from err
        file.truncate(0)
        file.write(f"{last:x}\n")
    return last
