"""What every kind of store promises, as tests.

```python
class TestMyStore(StoreTests):
    def make_store(self):
        return MyStore(...)
```

Add `MirrorTests` for a store that mirrors sessions; `UnsharedStoreTests` is for one that no second
store object can look into, as if it were kept in memory.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gc3libs.exceptions import Conflict, LeaseLost, ObjectNotFound
from gc3libs.persistence import query as queries
from gc3libs.persistence.factory import make_store
from gc3libs.persistence.facts import FIELDS
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.record import (
    Comparison,
    Fact,
    Guard,
    Query,
    Record,
    Stamp,
    StateCount,
    Summary,
    Totals,
)
from gc3libs.persistence.store import Store

HOSTILE = [
    "",
    " ",
    "a b",
    "'; DROP TABLE store; --",
    '"quoted" \\ back',
    "%s :name ?",
    "../../etc/passwd",
    "naïve ☃ \U0001f9ea",
    "line\nbreak\ttab",
    "[a-z]*?",
]
SESSION = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
OTHER = "0f8fad5b-d9cb-469f-a165-70867728950e"


def record_of(number: int, revision: int = 1, *, payload: bytes = b"p", **facts: Any) -> Record:
    """A record of "Thing.number"."""
    facts.setdefault("id", f"Thing.{number}")
    facts.setdefault("cls", "things:Thing")
    return Record(summary=Summary(**facts), revision=revision, payload=payload)


def run_python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


class StoreBase:
    """What a store's tests are made with."""

    def make_store(self) -> Store:
        """A new store object; each call opens the same store, empty when the test begins."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """A store object."""
        with self.make_store() as store:
            yield store

    @pytest.fixture
    def other(self, store: Store) -> Iterator[Store]:
        """A second object of the same store."""
        with self.make_store() as other:
            yield other


class ObjectTests(StoreBase):
    """Objects come back as they were."""

    def test_a_saved_object_comes_back(self, store: Store, other: Store) -> None:
        obj = Persistable()
        obj.number, obj.text = 1.5, "naïve ☃"
        id_ = store.save(obj)
        assert (obj.persistent_id, obj.changed) == (id_, False)
        loaded = other.load(id_)
        assert (loaded.number, loaded.text) == (1.5, "naïve ☃")
        assert loaded == obj

    def test_an_id_is_one_object_while_it_is_in_use(self, store: Store) -> None:
        obj = Persistable()
        assert store.load(store.save(obj)) is obj

    def test_references_are_kept_even_in_circles(self, store: Store, other: Store) -> None:
        one, two = Persistable(), Persistable()
        one.other, two.other = two, one
        loaded = other.load(store.save(one))
        assert loaded.other.other is loaded

    def test_many_objects_are_saved_and_loaded_in_order(self, store: Store, other: Store) -> None:
        objects = [Persistable() for _ in range(300)]
        for number, obj in enumerate(objects):
            obj.number = number
        ids = store.save_many(objects)
        assert len(set(ids)) == 300
        assert list(store.list()) == ids
        loaded = other.load_many(reversed(ids))
        assert [obj.number for obj in loaded.values()] == list(reversed(range(300)))

    def test_ten_megabytes_come_back(self, store: Store, other: Store) -> None:
        obj = Persistable()
        obj.data = bytes(range(256)) * 40960
        assert other.load(store.save(obj)).data == bytes(range(256)) * 40960

    @pytest.mark.parametrize("text", HOSTILE)
    def test_any_text_comes_back(self, store: Store, other: Store, text: str) -> None:
        obj = Persistable()
        obj.text = {text: text}
        assert other.load(store.save(obj)).text == {text: text}

    def test_what_was_removed_is_gone(self, store: Store, other: Store) -> None:
        id_, stays = store.save_many([Persistable(), Persistable()])
        store.remove(id_)
        with pytest.raises(ObjectNotFound) as caught:
            other.load(id_)
        assert caught.value.id == id_
        assert list(other.list()) == [stays]
        with pytest.raises(ObjectNotFound):
            store.remove(id_)

    def test_another_object_takes_the_place_of_a_replaced_one(
        self, store: Store, other: Store
    ) -> None:
        old, new = Persistable(), Persistable()
        new.text = "new"
        id_ = store.save(old)
        store.replace(id_, new)
        assert other.load(id_).text == "new"
        assert list(other.list()) == [id_]

    def test_threads_may_share_a_store(self, store: Store) -> None:
        with ThreadPoolExecutor(4) as pool:
            ids = list(pool.map(lambda _: store.save(Persistable()), range(40)))
        assert len(set(ids)) == 40
        assert sorted(store.list()) == sorted(ids)


class SharingTests(StoreBase):
    """Several store objects, in one process or in several, and processes that are killed."""

    def test_the_second_of_two_writers_is_told(self, store: Store, other: Store) -> None:
        mine = Persistable()
        mine.text = "first"
        id_ = store.save(mine)
        theirs = other.load(id_)
        theirs.text = "theirs"
        other.save(theirs)
        mine.text = "mine"
        with pytest.raises(Conflict) as caught:
            store.save(mine)
        assert caught.value.id == id_
        store.invalidate_cache()
        assert store.load(id_).text == "theirs"

    def test_the_url_leads_back(self, store: Store) -> None:
        id_ = store.save(Persistable())
        with make_store(store.url) as again:
            assert list(again.list()) == [id_]
            assert again.url == store.url

    def test_a_killed_process_loses_nothing(self, store: Store, other: Store) -> None:
        code = (
            "import os, sys\n"
            "from gc3libs.persistence import Persistable, make_store\n"
            "store = make_store(sys.argv[1])\n"
            "for number in range(5):\n"
            "    obj = Persistable()\n"
            "    obj.number = number\n"
            "    print(store.save(obj), flush=True)\n"
            f"os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
        )
        done = run_python(code, store.url)
        assert done.returncode == -signal.SIGKILL, done.stderr
        ids = done.stdout.split()
        assert [other.load(id_).number for id_ in ids] == [0, 1, 2, 3, 4]
        assert other.save(Persistable()) not in ids

    def test_processes_never_get_the_same_number(self, store: Store, other: Store) -> None:
        code = (
            "import sys\n"
            "from gc3libs.persistence import Persistable, make_store\n"
            "with make_store(sys.argv[1]) as store:\n"
            "    for _ in range(40):\n"
            "        print(store.save(Persistable()))\n"
        )
        with ThreadPoolExecutor(3) as pool:
            runs = list(pool.map(lambda _: run_python(code, store.url), range(3)))
        assert [done.returncode for done in runs] == [0, 0, 0], runs
        ids = [id_ for done in runs for id_ in done.stdout.split()]
        assert len(set(ids)) == 120
        assert sorted(store.list()) == sorted(ids)

    def test_a_forked_process_has_a_connection_of_its_own(self, store: Store, other: Store) -> None:
        store.save(Persistable())
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                store._write([record_of(900001)])
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        store._write([record_of(900002)])
        assert {"Thing.900001", "Thing.900002"} <= set(other.list())


class RecordTests(StoreBase):
    """The primitives."""

    def test_a_record_comes_back_whole(self, store: Store, other: Store) -> None:
        summary = Summary(
            id="Thing.7",
            cls="things:Thing",
            session=SESSION,
            position=3,
            leaf=False,
            state="TERMINATED",
            returncode=-1,
            jobname="name",
            info="info",
            resource="here",
            attempt=2,
            held=True,
            tags=("a", 'b"c'),
            created=1.1,
            changed=1700000000.123456,
            started=0.1 + 0.2,
            ended=4.0,
            cpu_time=1e-9,
            memory=2**40,
            digest="ab" * 32,
            parameters_json='{"beta": 0.1}',
        )
        record = Record(summary=summary, revision=1, version=3, details=b"\0d", payload=b"\0\xff")
        store._write([record])
        loaded = other._read(["Thing.7"])["Thing.7"]
        assert isinstance(loaded, Record)
        assert loaded.summary.parameters == {"beta": 0.1}
        same = replace(loaded.summary, parameters_json=summary.parameters_json)
        assert replace(loaded, summary=same) == record
        assert [each.id for each in other._summaries(Query())] == ["Thing.7"]

    def test_texts_that_no_database_takes_are_escaped(self, store: Store) -> None:
        strange = record_of(1, jobname="a\0b \udcff", tags=("\udc80", "t"), info="\0")
        nul = record_of(2, parameters_json='{"a\\u0000b": "\\u0000", "n": 1}')
        store._write([strange, nul])
        first, second = store._summaries(Query())
        assert first.name.encode().decode().startswith("a")
        assert first.tags[1] == "t"
        assert second.parameters["n"] == 1

    def test_what_is_not_there_is_absent(self, store: Store) -> None:
        store._write([record_of(1)])
        assert store._read(["Thing.2", "Other.1"]) == {}
        assert list(store._read(["Thing.1"])) == ["Thing.1"]
        store._delete(["Thing.2", "Other.1"])
        assert list(store._ids()) == ["Thing.1"]

    def test_numbers_are_never_given_again(self, store: Store, other: Store) -> None:
        first = store._reserve(3)
        second = other._reserve(2)
        assert second >= first + 3
        store._write([record_of(second)])
        store._delete([f"Thing.{second}"])
        assert store._reserve(1) >= second + 2

    def test_a_number_is_above_whatever_exists(self, store: Store, other: Store) -> None:
        store._write([record_of(5000)])
        assert other._reserve(1) > 5000

    @pytest.mark.parametrize("durable", [False, True])
    def test_a_write_needs_the_revision_before(self, store: Store, durable: bool) -> None:
        store._write([record_of(1), record_of(2)], durable=durable)
        store._write([record_of(1, 2, payload=b"new")], durable=durable)
        for revision in (1, 2, 4):
            with pytest.raises(Conflict) as caught:
                batch = [record_of(2, 2, payload=b"lost"), record_of(1, revision)]
                store._write(batch, durable=durable)
            assert caught.value.id == "Thing.1"
        read = store._read(["Thing.1", "Thing.2"])
        kept = {id_: (r.revision, r.payload) for id_, r in read.items() if isinstance(r, Record)}
        assert kept == {"Thing.1": (2, b"new"), "Thing.2": (1, b"p")}

    def test_a_vanished_record_is_not_written_again(self, store: Store) -> None:
        store._write([record_of(1)])
        store._delete(["Thing.1"])
        with pytest.raises(ObjectNotFound):
            store._write([record_of(1, 2)])
        assert list(store._ids()) == []

    def test_a_number_serves_one_class_only(self, store: Store, other: Store) -> None:
        store._write([record_of(1)])
        with pytest.raises(Conflict) as caught:
            other._write([record_of(2), record_of(1, id="Other.1")])
        assert caught.value.id == "Other.1"
        assert list(store._ids()) == ["Thing.1"]

    def test_ids_come_by_number(self, store: Store) -> None:
        numbers = [2001, 10, 9, 1000, 999, 100000]
        store._write([record_of(number) for number in numbers])
        assert list(store._ids()) == [f"Thing.{number}" for number in sorted(numbers)]

    def test_children_are_kept_in_order(self, store: Store, other: Store) -> None:
        children = ["Thing.4", "Thing.2", "Thing.3"]
        store._write([record_of(number) for number in (2, 3, 4, 5)])
        store._write([replace(record_of(1), children=children)])
        assert other._read_children(["Thing.1", "Thing.2"]).get("Thing.1") == children
        store._write([record_of(1, 2)])
        assert other._read_children(["Thing.1"])["Thing.1"] == children
        store._write([replace(record_of(1, 3), children=["Thing.5"], children_from=3)])
        assert other._read_children(["Thing.1"])["Thing.1"] == [*children, "Thing.5"]
        store._delete(["Thing.2"])
        assert other._read_children(["Thing.1"])["Thing.1"] == ["Thing.4", "Thing.3", "Thing.5"]
        store._write([replace(record_of(1, 4), children=["Thing.3"], children_from=2)])
        assert other._read_children(["Thing.1"])["Thing.1"] == ["Thing.4", "Thing.3", "Thing.3"]
        store._write([replace(record_of(1, 5), children=[])])
        assert not other._read_children(["Thing.1"]).get("Thing.1")

    def test_owners_are_found(self, store: Store, other: Store) -> None:
        store._write([record_of(number) for number in (2, 3, 4)])
        store._write([replace(record_of(1), children=["Thing.2", "Thing.3"])])
        store._write([replace(record_of(5), children=["Thing.3"])])
        owners = other.owners_of(["Thing.3", "Thing.2", "Thing.4", "Other.2"])
        assert {id_: sorted(found) for id_, found in owners.items() if found} == {
            "Thing.2": ["Thing.1"],
            "Thing.3": ["Thing.1", "Thing.5"],
        }
        assert other.children_of(["Thing.1", "Thing.5"]) == {
            "Thing.1": ["Thing.2", "Thing.3"],
            "Thing.5": ["Thing.3"],
        }
        assert not any(other.children_of(["Other.1", "Other.5"]).values())
        assert other.children_of(["Other.1", "Thing.1"])["Thing.1"] == ["Thing.2", "Thing.3"]
        store.remove_many(["Thing.5", "Thing.2"])
        owners = other.owners_of(["Thing.3", "Thing.2"])
        assert {id_: found for id_, found in owners.items() if found} == {"Thing.3": ["Thing.1"]}

    def test_records_are_read_as_far_as_there_are_any(self, store: Store, other: Store) -> None:
        store._write([record_of(1), record_of(2, payload=b"two")])
        found = other.records(["Thing.2", "Thing.3", "Other.1", "Thing.1"])
        assert {id_: record.payload for id_, record in found.items()} == {
            "Thing.1": b"p",
            "Thing.2": b"two",
        }
        assert other.record("Thing.2") == found["Thing.2"]
        with pytest.raises(ObjectNotFound):
            other.record("Thing.3")

    def test_records_are_rewritten_without_their_classes(self, store: Store, other: Store) -> None:
        store._write([record_of(2), replace(record_of(1), children=["Thing.2"])])
        read = store.record("Thing.1")
        changed = replace(read, summary=replace(read.summary, state="NEW"), details=b"d")
        store.rewrite([changed])
        now = other.record("Thing.1")
        assert (now.revision, now.summary.state, now.details) == (2, "NEW", b"d")
        assert other.children("Thing.1") == ["Thing.2"]
        with pytest.raises(Conflict) as caught:
            other.rewrite([other.record("Thing.2"), changed])
        assert caught.value.id == "Thing.1"
        with pytest.raises(LeaseLost):
            other.rewrite([now], guard=Guard(session=SESSION, epoch=1))
        assert other.records(["Thing.1"]) == {"Thing.1": now}
        assert other.record("Thing.2").revision == 1

    def test_an_object_whose_record_was_rewritten_is_loaded_anew(self, store: Store) -> None:
        obj = Persistable()
        obj.text = "old"
        id_ = store.save(obj)
        text = replace(store.record(id_), details=b"new")
        store.rewrite([text])
        assert store.load(id_) is not obj
        obj.text = "lost"
        with pytest.raises(Conflict):
            store.save(obj)
        assert store.record(id_).details == b"new"

    @pytest.mark.parametrize("key", ["Thing.1/result", "sha256/abcdef", "Thing.1/" + "x" * 300])
    def test_blobs_live_as_long_as_their_owner(self, store: Store, other: Store, key: str) -> None:
        store._write([record_of(1), record_of(11)], blobs={key: b"old", "Thing.11/result": b"11"})
        store._write([record_of(1, 2)], blobs={key: b"\0new"})
        assert other._read_blob(key) == b"\0new"
        assert other._read_blob("Thing.1/none") is None
        store._delete(["Thing.1"])
        assert other._read_blob(key) == (None if key.startswith("Thing.1/") else b"\0new")
        assert other._read_blob("Thing.11/result") == b"11"

    def test_a_lost_lease_stops_writes(self, store: Store, other: Store) -> None:
        guard = Guard(session=SESSION, epoch=1)
        with pytest.raises(LeaseLost):
            store._write([record_of(1)], guard=guard)
        store._set_epoch(guard)
        store._write([record_of(1)], guard=guard)
        other._set_epoch(Guard(session=SESSION, epoch=2))
        with pytest.raises(LeaseLost):
            store._write([record_of(2)], guard=guard)
        with pytest.raises(LeaseLost):
            store._delete(["Thing.1"], guard=guard)
        assert list(store._ids()) == ["Thing.1"]

    def test_everything_can_be_synced(self, store: Store, other: Store) -> None:
        store._write([record_of(1)])
        store._sync()
        store._delete(["Thing.1"], durable=True)
        store._sync()
        assert list(other._ids()) == []


class QueryTests(StoreBase):
    """Summaries and counts."""

    def test_queries_answer_as_the_yardstick_does(self, store: Store) -> None:
        dice = random.Random(17)
        records = [_random_record(number, dice) for number in range(1, 121)]
        store._write(records)
        summaries = [each.summary for each in records]
        for _ in range(250):
            query = _random_query(dice, summaries)
            expected = queries.select(summaries, query)
            found = list(store._summaries(query))
            assert [each.id for each in found] == [each.id for each in expected], query
            assert store._counts(query) == queries.count(expected), query

    def test_comparisons_let_through_all_that_fulfil_them(self, store: Store) -> None:
        """And more only where the database compares in another way."""
        dice = random.Random(18)
        records = [_random_record(number, dice) for number in range(1, 121)]
        store._write(records)
        summaries = [each.summary for each in records]
        for _ in range(250):
            query = Query(session=SESSION, where=_random_comparisons(dice))
            expected = [each.id for each in queries.select(summaries, query)]
            found = [each.id for each in store._summaries(query)]
            assert set(expected) <= set(found), query
            assert [id_ for id_ in found if id_ in expected] == expected
            assert sum(each.count for each in store._counts(query)) == len(found)

    def test_results_come_in_the_order_that_is_wanted(self, store: Store) -> None:
        dice = random.Random(19)
        records = [_random_record(number, dice) for number in range(1, 121)]
        store._write(records)
        summaries = [each.summary for each in records]
        for _ in range(100):
            query = Query(
                session=SESSION,
                order=dice.choice([None, *_FACTS]),
                reverse=dice.random() < 0.5,
                limit=dice.choice([None, 7]),
            )
            expected = queries.select(summaries, query)
            assert [each.id for each in store._summaries(query)] == [s.id for s in expected], query

    def test_totals_are_of_those_that_are_selected(self, store: Store) -> None:
        used = [1.5, None, 2.25, 99.0]
        store._write(
            [
                record_of(number, session=SESSION if number < 4 else "", cpu_time=seconds)
                for number, seconds in enumerate(used, start=1)
            ]
        )
        assert store._totals(Query(session=SESSION)) == Totals(3, 2, 3.75)
        assert store._totals(Query(session=OTHER)) == Totals(0, 0, 0.0)

    def test_results_can_be_had_page_by_page(self, store: Store) -> None:
        records = [
            record_of(number, session=SESSION, position=50 - number if number % 3 else None)
            for number in range(1, 50)
        ]
        store._write(records)
        everything = list(store._summaries(Query(session=SESSION)))
        pages: list[Summary] = []
        while True:
            after = queries.order_key(pages[-1]) if pages else None
            page = list(store._summaries(Query(session=SESSION, limit=7, after=after)))
            if not page:
                break
            pages += page
        assert pages == everything
        assert len(everything) == 49

    def test_writers_go_on_while_somebody_reads(self, store: Store, other: Store) -> None:
        store._write([record_of(number) for number in range(1, 3001)])
        reading = store._summaries(Query())
        first = next(reading)
        other._write([record_of(4000)])
        other._write([record_of(3000, 2, state="NEW")])
        assert first.id == "Thing.1"
        assert {"Thing.2", "Thing.3000"} <= {each.id for each in reading}

    def test_counts_are_by_state_and_returncode(self, store: Store) -> None:
        facts = [("NEW", None), ("TERMINATED", 1), ("TERMINATED", 0), ("TERMINATED", 1)]
        store._write(
            [
                record_of(number, state=state, returncode=code)
                for number, (state, code) in enumerate(facts, start=1)
            ]
        )
        assert store._counts(Query()) == [
            StateCount("NEW", None, 1),
            StateCount("TERMINATED", 0, 1),
            StateCount("TERMINATED", 1, 2),
        ]

    def test_thousands_of_ids_or_digests_can_be_asked_for(self, store: Store) -> None:
        store._write([record_of(number, digest=f"d{number}") for number in range(1, 4501)])
        ids = [f"Thing.{number}" for number in range(1, 9001, 2)]
        found = list(store._summaries(Query(ids=ids)))
        assert [each.id for each in found] == ids[:2250]
        digests = [f"d{number}" for number in range(1, 9001, 2)]
        assert list(store._summaries(Query(digests=digests))) == found


class MirrorTests(StoreBase):
    """What stores that mirror sessions do; a mix-in for their tests."""

    @pytest.fixture
    def mirror(self, store: Store) -> Store:
        """A store that mirrors sessions."""
        return store

    def members(self, store: Store, session: str = SESSION) -> list[tuple[str, int | None]]:
        """IDs and positions."""
        return [(each.id, each.position) for each in store._summaries(Query(session=session))]

    def test_a_write_keeps_what_the_store_knows_of_sessions(
        self, mirror: Store, other: Store
    ) -> None:
        mirror._write([record_of(1, session=SESSION, position=4)])
        mirror._write([record_of(1, 2, session=OTHER, position=None, state="NEW")])
        assert self.members(other) == [("Thing.1", 4)]
        assert self.members(other, OTHER) == []

    def test_objects_join_and_leave_sessions(self, mirror: Store, other: Store) -> None:
        mirror._write([record_of(number) for number in (1, 2, 3, 4)])
        mirror._write([record_of(2, 2), replace(record_of(1, 2), children=["Thing.4"])])
        mirror._enrol(["Thing.3", "Thing.1"], 5, Stamp(session=SESSION, value="one"))
        assert self.members(other) == [("Thing.3", 5), ("Thing.1", 6), ("Thing.4", None)]
        assert other._stamp(SESSION) == "one"
        mirror._withdraw(["Thing.3", "Thing.2"], Stamp(session=SESSION, value="two"))
        assert self.members(other) == [("Thing.1", 6), ("Thing.4", None)]
        mirror._withdraw(None, Stamp(session=SESSION, value="three"))
        assert self.members(other) == []
        assert other._stamp(SESSION) == "three"
        assert other._stamp(OTHER) is None
        assert len(list(other._ids())) == 4

    def test_only_what_exists_joins_a_session(self, mirror: Store) -> None:
        mirror._write([record_of(1)])
        with pytest.raises(ObjectNotFound):
            mirror._enrol(["Thing.1", "Thing.2"], 0, Stamp(session=SESSION, value="x"))
        assert self.members(mirror) == []
        assert mirror._stamp(SESSION) is None

    def test_a_stamp_is_set_with_what_it_stands_for(self, mirror: Store, other: Store) -> None:
        mirror._write([record_of(1)], stamp=Stamp(session=SESSION, value="one"))
        with pytest.raises(Conflict):
            mirror._write([record_of(1)], stamp=Stamp(session=SESSION, value="two"))
        assert other._stamp(SESSION) == "one"
        mirror._delete(["Thing.1"], stamp=Stamp(session=SESSION, value="three"))
        assert other._stamp(SESSION) == "three"

    def test_a_new_epoch_leaves_the_stamp(self, mirror: Store) -> None:
        mirror._write([record_of(1)], stamp=Stamp(session=SESSION, value="one"))
        mirror._set_epoch(Guard(session=SESSION, epoch=3))
        assert mirror._stamp(SESSION) == "one"


class UnsharedStoreTests(ObjectTests, RecordTests, QueryTests):
    """What a store promises of which there is but one object. A subclass defines `make_store`."""

    @pytest.fixture
    def other(self, store: Store) -> Iterator[Store]:
        """The same object."""
        yield store

    def test_stores_that_mirror_sessions_have_their_tests(self, store: Store) -> None:
        assert isinstance(self, MirrorTests) == store.mirrors_sessions


class StoreTests(ObjectTests, RecordTests, QueryTests, SharingTests):
    """What a store promises. A subclass defines `make_store`."""

    def test_stores_that_mirror_sessions_have_their_tests(self, store: Store) -> None:
        assert isinstance(self, MirrorTests) == store.mirrors_sessions


_VALUES: list[Any] = [0, 1, 1.0, True, False, None, "1", "a'b", 0.1, -3, 2**53, 1e300, "☃", ""]
_NAMES = ["fit-1", "fit-22", "Fit-1", "a]b", "a*b", "x^y", "new\nline", "☃", "a.b", ""]
_PATTERNS = [
    "*",
    "fit-*",
    "[fF]it-?",
    "[!f]*",
    "a[]]b",
    "a[*]b",
    "x[^z]y",
    "T*",
    "*\n*",
    "fit",
    "?",
]
_STATES = ["NEW", "RUNNING", "TERMINATED", ""]


def _random_record(number: int, dice: random.Random) -> Record:
    parameters = {
        name: dice.choice(_VALUES) for name in ("beta", 'odd "name', "n") if dice.random() < 0.6
    }
    encoded = msgspec.json.encode(parameters).decode()
    return record_of(
        number,
        id=f"{dice.choice(['Thing', 'Other'])}.{number}",
        cls=dice.choice(["things:Thing", "a.b:Outer.Inner", "__main__:fit"]),
        session=dice.choice(["", SESSION, OTHER]),
        position=dice.choice([None, *range(9)]),
        leaf=dice.random() < 0.7,
        state=dice.choice(_STATES),
        returncode=dice.choice([None, 0, 1, -2]),
        jobname=dice.choice(_NAMES),
        held=dice.random() < 0.3,
        tags=tuple(dice.sample(["a", "b", 'x"a', ",", "a,b", '["a'], dice.randrange(3))),
        resource=dice.choice(["", "local", "Local", "local "]),
        created=dice.choice([0.0, 10.0, 20.5]),
        started=dice.choice([None, 10.0, 20.25]),
        ended=dice.choice([None, 5.0, 30.1]),
        cpu_time=dice.choice([None, 0.1, 3.0]),
        memory=dice.choice([None, 0, 2**40]),
        digest=dice.choice(["", "d1", "d2", "d3"]),
        parameters_json=encoded,
    )


_FACTS = [
    *(Fact(name) for name in FIELDS),
    *(Fact(name, parameter=True) for name in ("beta", "n", 'odd "name', "none")),
]


def _random_comparisons(dice: random.Random) -> tuple[tuple[Comparison, ...], ...]:
    values = [*(each for each in _VALUES if each is not None), *_NAMES, "local", "NEW", 20, -0.5]
    return tuple(
        tuple(
            Comparison(
                dice.choice(_FACTS),
                dice.choice(["==", "!=", "<", "<=", ">", ">="]),
                dice.choice(values),
            )
            for _ in range(dice.choice([1, 1, 2]))
        )
        for _ in range(dice.choice([1, 1, 2]))
    )


def _random_query(dice: random.Random, summaries: list[Summary]) -> Query:
    possible: dict[str, Any] = {
        "session": dice.choice([SESSION, OTHER, "", "none"]),
        "ids": [each.id for each in dice.sample(summaries, dice.randrange(20))] + ["Thing.999"],
        "top": dice.random() < 0.5,
        "leaf": dice.random() < 0.5,
        "states": tuple(dice.sample(_STATES, dice.randrange(3))),
        "ok": True,
        "failed": True,
        "returncode": dice.choice([0, 1, 7]),
        "jobname": dice.choice(_PATTERNS),
        "parameters": {dice.choice(["beta", "n", 'odd "name', "none"]): dice.choice(_VALUES)},
        "tag": dice.choice(["a", "b", 'x"a', ",", "[", '["a']),
        "held": dice.random() < 0.5,
        "digests": dice.sample(["d1", "d2", "d9", ""], dice.randrange(4)),
        "after": queries.order_key(dice.choice(summaries)),
        "limit": dice.choice([0, 1, 5, 1000]),
    }
    chosen = dice.sample(sorted(possible), dice.randrange(4))
    return Query(**{name: possible[name] for name in chosen})
