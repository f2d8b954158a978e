"""An engine that runs a campaign on a host without a batch system.

Usage: python campaign.py HOME HOST DIRECTORY
"""

import sys

from gc3libs.backends.batch import BatchBackend
from gc3libs.config import HostResource
from gc3libs.engine import Engine
from gc3libs.persistence import make_store
from gc3libs.quantity import Duration


def backend_of(home, host, directory, cores=4):
    """The host as a backend that keeps what it knows in `home`."""
    settings = HostResource(
        cores=cores,
        transport="ssh",
        host=host,
        directory=directory,
        poll_every=Duration("0.2s"),
    )
    return BatchBackend("cluster", settings, f"{home}/run", settle=1.0)


def main(home, host, directory):
    """Run all tasks of the store to their ends."""
    with make_store(f"sqlite:{home}/store.db") as store:
        backend = backend_of(home, host, directory)
        engine = Engine(backend, store=store)
        engine.feed(store.list())
        engine.run()
        engine.close()
        backend.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
