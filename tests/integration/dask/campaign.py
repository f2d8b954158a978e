"""A user's program: `campaign.py SESSION LEDGER COUNT ADDRESS`.

Without an address (`""`) it has a cluster of its own. `GC3_TEST_FATE="Class.method before"` has it
killed when it comes to that. Run again, it goes on.
"""

import os
import signal
import sys
import time
from pathlib import Path

import gc3libs
from gc3libs.backends.dask import DaskBackend
from gc3libs.backends.dask.book import Book
from gc3libs.backends.dask.link import Link
from gc3libs.config import DaskResource


@gc3libs.task
def note(number, ledger):
    with open(ledger, "a") as file:
        file.write(f"f{number}\n")
    time.sleep(0.01 * (number % 5))
    return number * number


def tasks(ledger, count):
    for number in range(count):
        if number % 3:
            yield note.task(number, ledger)
        else:
            line = f"echo c{number} >>'{ledger}'; echo {number} >result; exit {number % 2}"
            yield gc3libs.Application(
                ["/bin/sh", "-c", line], [], ["result"], f"out/{number}", jobname=f"c{number}"
            )


def meet(fate):
    """Have this process killed before or after its first call of a method."""
    name, moment = fate.split()
    owner, method = name.split(".")
    cls = {"Book": Book, "Link": Link}[owner]
    call = getattr(cls, method)

    def watched(*args):
        if moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        call(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(cls, method, watched)


def main(session_path, ledger, count, address):
    with gc3libs.Session(session_path, store_or_url="sqlite") as session:
        if not len(session):
            session.add_many(tasks(ledger, int(count)))
        workdir = Path(session.run_directory, "dask")
        backend = DaskBackend("dask", DaskResource(address=address or None, cores=2), workdir)
        try:
            gc3libs.run(session, backend=backend, quiet=True)
        finally:
            backend.close()
        Path(session_path, "over").touch()


if __name__ == "__main__":
    if "GC3_TEST_FATE" in os.environ:
        meet(os.environ["GC3_TEST_FATE"])
    main(*sys.argv[1:])
