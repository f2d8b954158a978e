"""A process of a soak that adds tasks to the session, whoever runs it meanwhile.

`python adding.py SESSION SEED COUNT` prints the IDs that were acknowledged, one a line.
"""

from __future__ import annotations

import sys
from pathlib import Path

import work

from gc3libs.session import Session


def main() -> None:
    path, seed, count = sys.argv[1:]
    session = Session(path, create=False)
    maker = work.Maker(seed, f"t{seed}", Path(path) / "out")
    tasks = list(maker.tasks(int(count)))
    if int(seed) % 2:
        ids = session.add_many(tasks)
        print(*ids, sep="\n", flush=True)
    else:
        for task in tasks:
            print(session.add(task), flush=True)
    session.close()


if __name__ == "__main__":
    main()
