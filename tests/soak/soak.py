#!/usr/bin/env python3
"""A campaign under constant disturbance, and an account of every task at its end.

    python tests/soak/soak.py --minutes 60 --seed 1 --store sqlite

Engines and supervisors are killed, interrupted and started twice while tasks of all kinds are
added, retried, held, removed and looked at by other processes. At the end every task that was
acknowledged must be there, none may have been started twice, and nothing may be left: no process,
lock, descriptor or temporary file. What is not so is printed, and the directory is kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from account import Account
from havoc import Havoc
from world import World


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long it is disturbed")
    parser.add_argument("--seed", type=int, default=0, help="of what happens; 0: another each time")
    parser.add_argument("--store", default="sqlite", help="sqlite, file, or the URL of a table")
    parser.add_argument("--directory", type=Path, help="where; default: among temporary files")
    return parser.parse_args()


def main() -> int:
    """Status 0: all is as it must be, 1: it is not."""
    options = arguments()
    seed = options.seed or int.from_bytes(os.urandom(3))
    home = Path(tempfile.mkdtemp(prefix="gc3-soak-", dir=options.directory))
    print(f"seed {seed}, store {options.store}, in {home}", flush=True)
    descriptors = len(os.listdir("/proc/self/fd"))
    world = World(home, options.store)
    havoc = Havoc(world, seed)
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end and not world.troubles:
        havoc.step()
    havoc.settle()
    account = Account(world, havoc)
    troubles = list(account.troubles())
    if len(os.listdir("/proc/self/fd")) > descriptors:
        troubles.append("descriptors are left open")
    print(account.summary)
    print("done:", ", ".join(f"{name} {count}" for name, count in havoc.happened.most_common()))
    for trouble in troubles:
        print("TROUBLE:", trouble)
    if troubles:
        havoc.write(home / "havoc.json")
    else:
        shutil.rmtree(home)
    return bool(troubles)


if __name__ == "__main__":
    sys.exit(main())
