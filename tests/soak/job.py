"""What the tasks of a soak do: each notes its start, and its end, in a ledger outside the session.

`python job.py KIND NAME`, with the standard library only. A note is one line, appended by one
write and synced: whoever is killed right afterwards has been noted.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

LEDGER = "SOAK_LEDGER"
"""The variable that names the ledger."""

_MEGABYTE = 1 << 20


def note(what: str, value: object) -> None:
    """Append a line to the ledger: what happened to this attempt of a task."""
    line = json.dumps([what, os.environ["GC3_JOB"], value, time.time()]) + "\n"
    ledger = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(ledger, line.encode())
        os.fsync(ledger)
    finally:
        os.close(ledger)


def attempt() -> int:
    """Which attempt this is, counted from 1."""
    return int(os.environ["GC3_JOB"].rpartition(".")[2])


def good(name: str) -> int:
    """Take a moment, leave an output."""
    time.sleep(random.uniform(0, 0.3))
    _leave(name)
    return 0


def slow(name: str) -> int:
    """Take long enough to be met by a kill."""
    time.sleep(random.uniform(1, 3))
    _leave(name)
    return 0


def failing(name: str) -> int:
    """Leave an output, and fail."""
    _leave(name)
    return 1 + int(name.rpartition("-")[2]) % 100


def dying(name: str) -> int:
    """Be ended by a signal of its own."""
    note("end", "signal")
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def hanging(name: str) -> int:
    """Go on for far too long."""
    time.sleep(600)
    return 0


def stubborn(name: str) -> int:
    """Go on for far too long, whoever asks it to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
    return 0


def hungry(name: str) -> int:
    """Take much more memory than it said."""
    hoard = bytearray(300 * _MEGABYTE)
    for place in range(0, len(hoard), 4096):
        hoard[place] = 1
    time.sleep(600)
    return len(hoard)


def breeding(name: str) -> int:
    """Leave children behind, one of which holds its standard output open."""
    for output in (None, subprocess.DEVNULL):
        subprocess.Popen([sys.executable, "-ISc", "import time; time.sleep(600)"], stdout=output)
    _leave(name)
    return 0


def binary(name: str) -> int:
    """Print what is no text, and much of it."""
    for number in range(random.randrange(1, 20)):
        os.write(1 + number % 2, random.randbytes(_MEGABYTE // 8))
    _leave(name)
    return 0


def broken(name: str) -> int:
    """Leave no output, though one was promised."""
    return 0


def third(name: str) -> int:
    """Succeed at the third attempt only."""
    _leave(name)
    return 0 if attempt() >= 3 else 4


def _leave(name: str) -> None:
    with open("result", "w", encoding="utf-8") as file:
        file.write(name)


KINDS: dict[str, Callable[[str], int]] = {
    each.__name__: each
    for each in (
        good,
        slow,
        failing,
        dying,
        hanging,
        stubborn,
        hungry,
        breeding,
        binary,
        broken,
        third,
    )
}


def main() -> int:
    kind, name = sys.argv[1:]
    note("start", name)
    code = KINDS[kind](name)
    note("end", code)
    return code


if __name__ == "__main__":
    sys.exit(main())
