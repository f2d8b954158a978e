"""Objects of users' classes: what of them is kept, and what is refused, at save as at load."""

from __future__ import annotations

import gc
import pathlib
from typing import Any

import pytest

import gc3libs
from gc3libs.exceptions import LoadError, ObjectNotFound, SaveError, UntrustedObject
from gc3libs.persistence import Persistable, make_store
from gc3libs.persistence.children import Unavailable
from gc3libs.persistence.memory import MemoryStore
from gc3libs.persistence.payload import pack
from gc3libs.persistence.record import Record, Summary
from gc3libs.persistence.serialization import Writer, dumps_checked


def act(*args: Any) -> None:
    """Must not be called by anything that is read."""
    raise AssertionError(args)


class Ended(gc3libs.Task):
    def __del__(self) -> None:
        pass


class Made(gc3libs.Task):
    def __new__(cls, beta: float) -> Made:
        return super().__new__(cls)

    def __init__(self, beta: float) -> None:
        super().__init__(beta=beta)


class MadeByName(gc3libs.Task):
    def __new__(cls, *, beta: float) -> MadeByName:
        return super().__new__(cls)


class Reduced(gc3libs.Task):
    def __reduce__(self) -> Any:
        return act, ()


class Defaults(gc3libs.Task):
    def __new__(cls, beta: float = 0.0, *, gamma: float = 0.0, **extra: Any) -> Defaults:
        return super().__new__(cls)


class Retried(gc3libs.Task):
    __slots__ = ("seed",)

    def retry(self) -> bool:
        return False


class Secret(Persistable):
    __slots__ = ("__word", "unset")

    def __init__(self, word: str) -> None:
        self.__word = word

    def tell(self) -> str:
        return self.__word


class Grown(Persistable):
    """A class of which there was an earlier version."""

    schema_version = 3

    @classmethod
    def upgrade_state(cls, state: Any, version: int) -> Any:
        return {**state, "upgraded_from": version}


class Free(gc3libs.Task):
    """Does with its state what it likes."""

    def __setstate__(self, state: Any) -> None:
        super().__setstate__({"word": state})

    def __getstate__(self) -> Any:
        return self.__dict__.get("word", "")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def forge(store: MemoryStore, cls: str, state: Any, version: int = 1) -> str:
    """A record as somebody may have written it by hand."""
    summary = Summary(id=f"Forged.{store._reserve(1)}", cls=f"{__name__}:{cls}")
    store._write(
        [Record(summary=summary, revision=1, version=version, payload=dumps_checked(state))]
    )
    return summary.id


def reloaded(store: MemoryStore, obj: Persistable) -> Any:
    id_ = store.save(obj)
    store.invalidate_cache()
    return store.load(id_)


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (Ended, "__del__"),
        (Made, "__new__ needs arguments"),
        (MadeByName, "__new__ needs arguments"),
        (Reduced, "__reduce__"),
    ],
)
def test_classes_that_cannot_be_kept(
    cls: type[Persistable], words: str, store: MemoryStore
) -> None:
    obj = cls.__new__(cls, **{"beta": 1.0} if words.startswith("__new__") else {})
    for _ in range(2):
        with pytest.raises(SaveError, match=f"{cls.__name__}.*{words}"):
            store.save(obj)
    assert store.list() == []


@pytest.mark.parametrize("cls", ["Ended", "Made", "MadeByName"])
def test_classes_that_no_record_may_name(cls: str, store: MemoryStore) -> None:
    with pytest.raises(UntrustedObject, match=cls):
        store.load(forge(store, cls, {"beta": 1.0}))


def test_arguments_of_new_may_have_defaults(store: MemoryStore) -> None:
    assert reloaded(store, Defaults(beta=2.0)).beta == 2.0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"retry": act}, "'retry' of Retried, which would replace its method"),
        ({"__class__": 1}, "special to Python"),
        (({}, {"__class__": Ended}), "no slot"),
        (({}, {"_saved": None}), "no slot"),
        (({}, {"_home": "/etc"}), "no slot"),
        (({}, {"_pending_blobs": {}}), "no slot"),
        (({}, {"tags": []}), "no slot"),
        ({"_run": {"end_attempt": act}}, "'end_attempt' of Run, which would replace its method"),
    ],
)
def test_states_that_no_record_may_have(state: Any, words: str, store: MemoryStore) -> None:
    with pytest.raises(UntrustedObject, match=words):
        store.load(forge(store, "Retried", state))


@pytest.mark.parametrize("state", [{1: 2}, [1], ({}, {2: 3})])
def test_states_that_make_no_sense(state: Any, store: MemoryStore) -> None:
    with pytest.raises(LoadError, match="no dictionary of attributes"):
        store.load(forge(store, "Retried", state))


@pytest.mark.parametrize(
    ("name", "attribute", "words"),
    [
        ("retry", act, "'retry' of Retried, which would replace its method"),
        ("__wrapped__", 1, "__wrapped__ of Retried, which is special to Python"),
    ],
)
def test_attributes_that_could_not_be_loaded_are_refused_at_save(
    name: str, attribute: Any, words: str, store: MemoryStore
) -> None:
    for seed in (None, 1):
        task = Retried(jobname="fit", **{name: attribute})
        if seed is not None:
            task.seed = seed
        with pytest.raises(SaveError, match=f"Retried 'fit': .*{words}"):
            store.save(task)
        assert task.persistent_id is None


def test_names_that_are_no_text_are_refused_at_save(store: MemoryStore) -> None:
    task = Retried()
    vars(task)[1] = 2  # type: ignore[index]
    with pytest.raises(SaveError, match="no dictionary of attributes"):
        store.save(task)


def test_a_name_that_was_fine_is_looked_at_again_with_another_value(store: MemoryStore) -> None:
    store.save(Retried(retry=3))
    with pytest.raises(SaveError, match="'retry'"):
        store.save(Retried(retry=act))


def test_attributes_of_the_execution_that_could_not_be_loaded_are_refused_at_save(
    store: MemoryStore,
) -> None:
    task = Retried()
    task.execution.note = "kept"
    assert reloaded(store, task).execution.note == "kept"
    task.execution.__dict__["finish"] = act
    task.changed = True
    with pytest.raises(SaveError, match="'finish' of Run, which would replace its method"):
        store.save(task)


def test_a_class_that_was_renamed(store: MemoryStore) -> None:
    with pytest.raises(UntrustedObject, match="has no 'Former'; if it was renamed, derive"):
        store.load(forge(store, "Former", {}))


def test_functions_may_be_attributes(store: MemoryStore) -> None:
    assert reloaded(store, Retried(objective=act)).objective is act


def test_slots_are_kept(store: MemoryStore) -> None:
    task = Retried(beta=1.0)
    task.seed = 7
    task.tags = ["a"]
    back = reloaded(store, task)
    assert (back.seed, back.beta, back.tags, back.retry()) == (7, 1.0, ["a"], False)


def test_slots_with_private_names_are_kept(store: MemoryStore) -> None:
    back = reloaded(store, Secret("word"))
    assert back.tell() == "word"
    assert not hasattr(back, "unset")


def test_who_sets_its_state_itself_may_have_any(store: MemoryStore) -> None:
    task = Free()
    task.word = "anything"
    assert reloaded(store, task).word == "anything"


def test_states_of_earlier_versions_are_upgraded(store: MemoryStore) -> None:
    back = store.load(forge(store, "Grown", {"a": 1}, version=2))
    assert vars(back) == {"a": 1, "upgraded_from": 2}
    assert vars(reloaded(store, Grown())) == {}


def test_states_of_later_versions_are_refused(store: MemoryStore) -> None:
    with pytest.raises(LoadError, match="version 4 of Grown, and this is version 3"):
        store.load(forge(store, "Grown", {}, version=4))


def test_a_long_chain_does_not_recurse(store: MemoryStore) -> None:
    first = last = Persistable()
    for _ in range(10_000):
        last.next = Persistable()
        last = last.next
    last.next = first
    id_ = store.save(first)
    del first, last
    gc.collect()
    store.invalidate_cache()
    found = store.load(id_)
    length, each = 0, found.next
    while each is not found:
        length, each = length + 1, each.next
    assert length == 10_000
    del each
    while found is not None:  # or else its end recurses
        found.next, found = None, found.next


def test_what_is_gone_raises_when_it_is_used(store: MemoryStore) -> None:
    owner, other = Persistable(), Persistable()
    owner.other = other
    id_ = store.save(owner)
    gone = other.persistent_id
    del owner, other
    gc.collect()
    assert gone is not None
    store.remove(gone)
    store.invalidate_cache()
    back = store.load(id_)
    assert isinstance(back.other, Unavailable)
    with pytest.raises(ObjectNotFound, match=gone):
        _ = back.other.number
    back.mark = 1
    again = reloaded(store, back)
    assert (again.mark, again.other.persistent_id) == (1, gone)


def test_a_damaged_object_leaves_those_that_refer_to_it(store: MemoryStore) -> None:
    bad = forge(store, "Retried", {"retry": act})
    good = Summary(id="Persistable.900", cls="gc3libs.persistence:Persistable")
    other = Persistable()
    other.persistent_id = bad
    pickled = Writer(lambda obj: bad).bytes_of({"other": other, "number": 1})
    store._write([Record(summary=good, revision=1, payload=pack(pickled, [bad]))])
    back = store.load("Persistable.900")
    assert back.number == 1
    with pytest.raises(UntrustedObject, match=bad):
        _ = back.other.beta


def test_an_object_belongs_to_one_store(store: MemoryStore) -> None:
    other = MemoryStore()
    task = Retried(beta=1.0)
    id_ = store.save(task)
    other.save(Retried())
    for obj in (task, Retried(after=task)):
        with pytest.raises(SaveError, match=f"{id_}: it belongs to another store, memory:"):
            other.save(obj)
    task.beta = 2.0
    assert store.save(task) == id_


def test_two_store_objects_may_share_an_object(tmp_path: pathlib.Path) -> None:
    with make_store(str(tmp_path / "jobs")) as one, make_store(str(tmp_path / "jobs")) as two:
        task = Retried(beta=1.0)
        id_ = one.save(task)
        for number, each in enumerate((two, one, two)):
            task.beta = number
            assert each.save(task) == id_
        assert two.save(Retried(after=task)) != id_
        with make_store(one.url) as other:
            assert other.load(id_).beta == 2
