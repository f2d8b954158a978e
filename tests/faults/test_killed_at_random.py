"""Processes that are killed at random moments, whatever they do, over and over, on every store."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc3libs.session import Session

from .apart import Apart, long
from .conftest import Place
from .ledger import Say
from .operations import OPERATIONS, Operation, add_several, on

ROUNDS = 200 if long() else 12
MOST_ROUNDS = 100 * ROUNDS
SERVERS = {
    "postgresql": os.environ.get(
        "GC3LIBS_TEST_POSTGRESQL", "postgresql://root@127.0.0.1:5432/test"
    ),
    "mysql": os.environ.get("GC3LIBS_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test"),
}


def much_work(seed: int) -> Operation:
    """Operations by chance, without end."""

    def work(session: Session, say: Say) -> None:
        chance = random.Random(seed)
        while True:
            if len(session) < 5:
                add_several(session, say)
            OPERATIONS[chance.choice(sorted(OPERATIONS))](session, say)

    return work


def kill_again_and_again(place: Place) -> None:
    """As often as it takes, on a machine that has little time, to see something acknowledged."""
    chance = random.Random(place.store)
    place.make(*range(1, 9))
    said = seed = 0
    while seed < ROUNDS or said < ROUNDS:
        seed += 1
        assert seed < MOST_ROUNDS
        process = Apart(on(place.path, much_work(seed)))
        process.begin()
        time.sleep(chance.uniform(0.0, 0.15))
        process.kill()
        ended = process.end()
        assert ended.killed, ended.said.decode()
        said += len(place.ledger.take(ended.said))
        place.ledger.check(place.path)
    place.ledger.check_goes_on(place.path)


def test_nothing_acknowledged_is_lost(place: Place) -> None:
    """Fails if `Index` takes an unterminated last line for an entry.

    Also without `alone` in `write_file`: each kill would leave one more file.
    """
    kill_again_and_again(place)
    names = {str(each.relative_to(place.path)) for each in place.path.glob("*")}
    names |= {str(each.relative_to(place.path)) for each in place.path.glob("run/*")}
    assert names <= {"index.txt", "store.url", "created", "jobs", "store.db", "run", "run/lease"}


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[str]:
    """A URL with a table of its own, on a server, if there is one."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from gc3libs.persistence.sql import SqlStore

    url = SERVERS[request.param]
    name = f"t{uuid.uuid4().hex[:12]}"
    engine = SqlStore(url, table=name)._engine
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError as err:
        assert os.environ.get("CI") != "true", err
        pytest.skip(f"no server at {url}")
    engine.dispose()  # processes made by fork must not share a connection
    yield f"{url}#table={name}"
    with engine.begin() as connection:
        for each in sqlalchemy.inspect(connection).get_table_names():
            if each.startswith(name):
                connection.execute(sqlalchemy.text(f"DROP TABLE {each}"))
    engine.dispose()


@pytest.mark.server
@pytest.mark.parametrize("table", list(SERVERS), indirect=True)
def test_nothing_acknowledged_is_lost_on_a_server(table: str, tmp_path: Path) -> None:
    """Fails if stamp and records are written in two transactions."""
    kill_again_and_again(Place(tmp_path / "session", table))
