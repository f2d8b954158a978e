"""A database server that restarts, breaks connections off, is slow, or refuses what it took before.

Sessions and engines go on: nothing that was acknowledged is lost, nothing runs twice.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gc3libs import Application
from gc3libs.cmdline import run as run_session
from gc3libs.exceptions import RecoverableError
from gc3libs.session import Session

from ..services.databases import KINDS, Database
from ..services.proxy import Proxy
from .apart import Apart, Work, long
from .ledger import Ledger, Say, change, task

TASKS = 200 if long() else 40
TIMES = 20 if long() else 4

pytestmark = pytest.mark.server


@pytest.fixture(scope="module", params=list(KINDS))
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    server = KINDS[request.param]()
    try:
        server.make()
        yield server
    finally:
        server.remove()


@pytest.fixture
def table() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    between = Proxy(database.port)
    yield between
    between.close()


class Campaign:
    """Tasks that note in a file, one line each, that they were started."""

    def __init__(self, home: Path, url: str) -> None:
        self.session = home / "session"
        self._ran = home / "ran"
        session = Session(self.session, store_or_url=url)
        session.add_many(self._task(number) for number in range(TASKS))
        session.close()

    def _task(self, number: int) -> Application:
        script = f"echo {number} >>'{self._ran}'; sleep 0.0{number % 10}; exit {number % 3}"
        return Application(
            ["/bin/sh", "-c", script], [], [], None, jobname=f"job {number}", number=number
        )

    def run(self) -> Work:
        def work(say: Say) -> None:
            session = Session(self.session, create=False)
            run_session(session, cores=2, quiet=True)
            session.close()
            say("done")

        return work

    @property
    def started(self) -> int:
        """How many tasks were started so far."""
        return len(self._ran.read_text().split()) if self._ran.exists() else 0

    def check(self) -> None:
        """Each has run once, and is known to have ended as it did."""
        assert Counter(map(int, self._ran.read_text().split())) == Counter(range(TASKS))
        session = Session(self.session, create=False)
        ended = {each.parameters["number"]: each.returncode for each in session.summaries()}
        session.close()
        assert ended == {number: number % 3 * 256 for number in range(TASKS)}


@contextmanager
def engine(campaign: Campaign) -> Iterator[Apart]:
    """An engine in a process of its own, which is to come to its end."""
    process = Apart(campaign.run(), patience=600.0)
    process.begin()
    try:
        yield process
    except BaseException:
        process.kill()
        process.end()
        raise
    ended = process.end()
    assert (ended.status, ended.said.count(b"done")) == (0, 1), ended.said.decode()
    campaign.check()


def now_and_then(campaign: Campaign, process: Apart, disturb: Callable[[], None]) -> None:
    """Disturb it so many times, once it has begun and while it runs."""
    chance = random.Random(TIMES)
    for number in range(TIMES):
        while campaign.started <= TASKS * number // (TIMES + 1) and not process.is_over:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.05))
        disturb()


def test_a_server_that_crashes_and_comes_back(
    database: Database, table: str, tmp_path: Path
) -> None:
    """Fails if an engine gives up when its store is away, as do the next two."""
    campaign = Campaign(tmp_path, f"{database.url()}#table={table}")

    def restart() -> None:
        database.crash()
        time.sleep(0.2)
        database.start()

    with engine(campaign) as process:
        now_and_then(campaign, process, restart)


def test_connections_that_the_server_ends(database: Database, table: str, tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, f"{database.url()}#table={table}")
    with engine(campaign) as process:
        now_and_then(campaign, process, database.cut_connections)


def test_a_line_that_breaks_anywhere(
    database: Database, proxy: Proxy, table: str, tmp_path: Path
) -> None:
    campaign = Campaign(tmp_path, f"{database.url(proxy.port)}#table={table}")
    chance = random.Random(table)

    def break_off() -> None:
        proxy.cut_after = chance.randrange(2_000, 60_000)
        time.sleep(0.5)
        proxy.cut_after = None

    with engine(campaign) as process:
        now_and_then(campaign, process, break_off)


def test_answers_that_take_long(
    database: Database, proxy: Proxy, table: str, tmp_path: Path
) -> None:
    campaign = Campaign(tmp_path, f"{database.url(proxy.port)}#table={table}")
    proxy.delay = 0.05
    with engine(campaign):
        pass


@pytest.mark.parametrize("error", ["serialisation", "deadlock"])
def test_transactions_that_are_refused_are_made_again(
    database: Database, table: str, error: str, tmp_path: Path
) -> None:
    """Fails if `SqlStore` has no `retried` codes: the first refusal is an error then."""
    session = Session(tmp_path / "session", store_or_url=f"{database.url()}#table={table}")
    (found,) = session.load_many([session.add(task(0))]).values()
    database.refuse_some(table, error)
    before, value = database.refused(), 0
    while database.refused() < before + TIMES:
        value += 1
        change(found, value)
        session.save_all()
    session.close()
    ledger = Ledger()
    ledger.sure = {found.persistent_id: value}
    ledger.check(tmp_path / "session")


def working(path: Path, seed: int) -> Work:
    """Add and change tasks without end; what is acknowledged has been done."""

    def work(say: Say) -> None:
        chance = random.Random(seed)
        session = None
        while True:
            try:
                session = session or Session(path, create=False)
                value = chance.randrange(1000)
                say("has", session.add(task(value)), value)
                found = session.load(chance.choice(sorted(session.list_ids())))
                change(found, value + 1)
                say("will", found.persistent_id, found.value)
                session.save_all()
                say("has", found.persistent_id, found.value)
            except RecoverableError:
                time.sleep(0.02)

    return work


def test_what_was_acknowledged_is_there(
    database: Database, proxy: Proxy, table: str, tmp_path: Path
) -> None:
    """Lines break at any byte, and whoever works is killed in the end."""
    path, ledger = tmp_path / "session", Ledger()
    session = Session(path, store_or_url=f"{database.url(proxy.port)}#table={table}")
    ledger.sure = {session.add(task(1)): 1}
    session.close()
    chance = random.Random(7)
    for seed in range(TIMES):
        proxy.cut_after = chance.randrange(3_000, 40_000)
        process = Apart(working(path, seed))
        process.begin()
        time.sleep(1.0)
        process.kill()
        ledger.take(process.end().said)
        proxy.cut_after = None
        ledger.check(path)
    assert len(ledger.sure) > TIMES
