"""Damaged files: no object is taken for another, no neighbour is lost, every error has a name."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gc3libs.exceptions import DamagedStore, Error, LoadError, NewerFormat
from gc3libs.session import Session
from gc3libs.workflow import ParallelTaskCollection

from .apart import long
from .conftest import Place
from .ledger import task, whole

VALUES = range(1, 9)
CASES = 400 if long() else 40

Damage = Callable[[Path, random.Random], None]


def truncate(file: Path, chance: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))])


def zero(file: Path, chance: random.Random) -> None:
    """As a disk does that has the size of a file and not its content."""
    content = bytearray(file.read_bytes())
    start = chance.randrange(len(content))
    content[start:] = bytes(len(content) - start)
    file.write_bytes(content)


def flip_a_bit(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def exchange(file: Path, chance: random.Random) -> None:
    """Have the content of another file of the session."""
    others = sorted(each for each in _files(file) if each != file and each.stat().st_size)
    file.write_bytes(chance.choice(others).read_bytes())


def remove(file: Path, chance: random.Random) -> None:
    file.unlink()


def _files(file: Path) -> Iterator[Path]:
    session = next(each for each in file.parents if (each / "store.url").exists())
    return (each for each in session.rglob("*") if each.is_file())


DAMAGES = [truncate, zero, flip_a_bit, exchange, remove]


@pytest.fixture
def whole_session(place: Place) -> Place:
    place.make(*VALUES)
    session = Session(place.path)
    session.add(ParallelTaskCollection([task(100), task(101)], jobname="both"))
    session.close()
    return place


def damaged(place: Place, damage: Damage, pattern: str) -> Iterator[Path]:
    """The session, in its own place, with a file damaged; again and again."""
    kept = place.path.with_name("kept")
    shutil.copytree(place.path, kept, symlinks=True)
    files = sorted(each for each in place.path.glob(pattern) if each.stat().st_size)
    assert files
    for seed in range(CASES):
        chance = random.Random(f"{damage.__name__} {seed}")
        file = chance.choice(files)
        damage(file, chance)
        yield file
        shutil.rmtree(place.path)
        shutil.copytree(kept, place.path)


def look(path: Path) -> dict[str, str]:
    """What can be loaded, as it was saved, and the names of those tasks; only named errors."""
    try:
        session = Session(path, create=False)
    except Error as err:
        assert str(path) in str(err), repr(err)
        return {}
    found = {}
    try:
        for id_ in list(session.tasks):
            try:
                each = session.tasks[id_]
            except LoadError as err:
                assert repr(id_) in str(err)
                assert str(path) in str(err), repr(err)
                continue
            assert each.persistent_id == id_
            assert each.jobname == "both" or whole(each)
            found[id_] = each.get("jobname")
        session.counts()
        list(session.summaries(tree=True))
        len(list(session.iter_workflow()))
    except Error as err:
        assert str(path) in str(err), repr(err)
    finally:
        session.close()
    return found


NAMES = {f"Task.{value}": f"task {value}" for value in VALUES}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["files"], indirect=True)
def test_a_damaged_record_costs_only_itself(whole_session: Place, damage: Damage) -> None:
    """Fails if `FilesystemStore._read_one` does not look whose record it has read."""
    for file in damaged(whole_session, damage, "jobs/00/Task.[1-8]"):
        found = look(whole_session.path)
        lost = NAMES.keys() - found.keys()
        assert lost <= {file.name}
        assert {id_: found[id_] for id_ in NAMES.keys() - lost} == {
            id_: name for id_, name in NAMES.items() if id_ not in lost
        }


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_the_session_is_named(whole_session: Place, damage: Damage) -> None:
    """Fails if `read_origin` lets errors of JSON through."""
    for _ in damaged(whole_session, damage, "*[tld]"):  # index.txt, store.url, created
        for id_, name in look(whole_session.path).items():
            assert NAMES.get(id_, name) == name


@pytest.mark.parametrize("content", [b"sqlit", b"jobs", b"\0\0\0", b"a\nb", b"file:\xff\n\n7"])
def test_what_is_no_url_is_not_taken_for_a_path(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Fails if `Place.recorded_url` takes it as it is: a new store would be begun elsewhere."""
    place.make()
    (place.path / "store.url").write_bytes(content)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(DamagedStore, match=r"store\.url"):
        Session(place.path)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["files"], indirect=True)
def test_other_damaged_files_of_a_store_cost_no_record(
    whole_session: Place, damage: Damage
) -> None:
    """Fails if a damaged state file is believed: the next task would take another's number."""
    for _ in damaged(whole_session, damage, "jobs/store"):
        try:
            session = Session(whole_session.path)
        except NewerFormat:
            continue
        session.close()
        assert look(whole_session.path).items() >= NAMES.items()
        session = Session(whole_session.path)
        new = session.add(task(9))
        assert new not in NAMES
        session.close()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_damaged_database_gives_no_wrong_object(whole_session: Place, damage: Damage) -> None:
    """Fails if checksums of rows are not compared, or errors of odd rows not taken for damage."""
    for _ in damaged(whole_session, damage, "store.db"):
        for id_, name in look(whole_session.path).items():
            assert NAMES.get(id_, name) == name
