"""A process of a soak that runs the session: `python engine.py SESSION CORES`.

It is an ordinary script of a user's, except that it says when it begins, and that a descriptor that
is left open makes it fail.
"""

from __future__ import annotations

import os
import sys

import work  # noqa: F401  # the classes of the session's tasks

import gc3libs
from gc3libs.exceptions import SessionInUse
from gc3libs.session import Session

IN_USE = 75
LEAK = 76


def descriptors() -> int:
    """How many are open."""
    return len(os.listdir("/proc/self/fd"))


def main() -> int:
    print("begins", flush=True)
    path, cores = sys.argv[1:]
    before = descriptors()
    session = Session(path, create=False)
    try:
        gc3libs.run(session, cores=int(cores), quiet=True)
    except SessionInUse:
        return IN_USE
    except KeyboardInterrupt:
        return 130
    finally:
        session.close()
    return 0 if descriptors() <= before else LEAK


if __name__ == "__main__":
    sys.exit(main())
