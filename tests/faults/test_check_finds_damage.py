"""`gc3 check` finds whatever is damaged: if it finds nothing, everything is as it was."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gc3libs.cli import main
from gc3libs.exceptions import Error
from gc3libs.session import Session
from gc3libs.workflow import ParallelTaskCollection

from .apart import long
from .conftest import KINDS, Place
from .ledger import task, whole

EXAMPLES = 400 if long() else 40
VALUES = range(1, 9)

FILES = ("index.txt", "store.url", "store.db", "jobs/0*/*", "jobs/children/*/*", "jobs/store")


@pytest.fixture(scope="module", params=["files", "sqlite"])
def original(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A session of eight tasks, and of a collection of two."""
    place = Place(tmp_path_factory.mktemp(request.param) / "original", KINDS[request.param])
    place.make(*VALUES)
    session = Session(place.path)
    session.add(ParallelTaskCollection([task(100), task(101)], jobname="both"))
    session.close()
    yield place.path


def content(path: Path) -> dict[str, object] | None:
    """What a session says of its tasks; None if there is any error."""
    try:
        session = Session(path, create=False)
        try:
            tasks = {each.persistent_id: each for each in session.iter_workflow()}
            listed = [each.id for each in session.summaries(tree=True)]
            assert sorted(listed) == sorted(tasks)
            assert session.counts(tree=True).total == len(tasks)
            return {
                id_: each.value if "value" in each and whole(each) else len(each.tasks)
                for id_, each in tasks.items()
            }
        finally:
            session.close()
    except (Error, AssertionError):
        return None


@st.composite
def damage(draw: st.DrawFn, length: int) -> tuple[str, int, int]:
    """How a file of this length is damaged: in what way, where, and with which bit or file."""
    ways = ("truncate", "zero", "flip", "exchange", "remove")
    return draw(st.sampled_from(ways)), draw(st.integers(0, length - 1)), draw(st.integers(0, 255))


def spoil(file: Path, others: list[Path], way: str, place: int, number: int) -> None:
    """Damage it so."""
    data = bytearray(file.read_bytes())
    if way == "remove":
        file.unlink()
        return
    if way == "truncate":
        del data[place:]
    elif way == "zero":
        data[place:] = bytes(len(data) - place)
    elif way == "flip":
        data[place] ^= 1 << number % 8
    else:
        data = bytearray(others[number % len(others)].read_bytes())
    file.write_bytes(data)


def check(path: Path) -> tuple[int, str]:
    """The exit code of `gc3 check`, and what it says."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["check", str(path)])
    said.seek(0)
    return code, said.read()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_check_does_not_find_is_not_there(
    original: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Fails if `Examination` leaves out any of a record's parts."""
    path = tmp_path / "session"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(original, path)
    files = sorted(each for name in FILES for each in path.glob(name) if each.stat().st_size)
    file = data.draw(st.sampled_from(files))
    before, whole_content = file.read_bytes(), content(path)
    way, place, number = data.draw(damage(len(before)))
    spoil(file, [each for each in files if each != file], way, place, number)
    assume(not file.exists() or file.read_bytes() != before)
    code, said = check(path)
    if code == 0:
        assert content(path) == whole_content, (file, way, place, number)
    else:
        assert str(path) in said or "index.txt" in said or "Task" in said, said


@pytest.mark.parametrize("original", ["files"], indirect=True)
@pytest.mark.parametrize("length", [None, 0, 20, 40])
def test_a_list_of_children_that_was_cut_short_is_found(
    original: Path, tmp_path: Path, length: int | None
) -> None:
    """Fails if a list says nothing of its length, or a record nothing of a list."""
    path = tmp_path / "session"
    shutil.copytree(original, path)
    (file,) = path.glob("jobs/children/*/*")
    if length is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:length])
    assert check(path)[0] == 1
