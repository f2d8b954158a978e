"""Reading a record, from whomever, does nothing but give values."""

from __future__ import annotations

import contextlib
import copyreg
import gc
import logging
import os
import pathlib
import pickle
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gc3libs.exceptions import LoadError, UntrustedObject
from gc3libs.persistence.memory import MemoryStore
from gc3libs.persistence.payload import pack
from gc3libs.persistence.record import Record, Summary
from gc3libs.persistence.serialization import dumps_checked, loads_checked, read
from gc3libs.persistence.trust import NotTrusted, find, is_users_own, trust, why_no_value

from . import test_values, victim
from .attacks import ATTACKS, DAMAGED, HARMLESS, REFUSED, Attack, name, value

trust_module = sys.modules[trust.__module__]  # the package has a function of that name


class Unharmed:
    """Everything that an attack might have changed."""

    def check(self) -> None:
        gc.collect()
        assert victim.MARKS == []
        assert os.listdir() == ["package"]
        assert {each for each in sys.modules if "marker_" in each} == set()
        assert "antigravity" not in sys.modules
        assert "this" not in sys.modules
        assert victim.Colour.RED.value == 1
        assert list(victim.Colour) == [victim.Colour.RED, victim.Colour.BLUE]
        assert victim.Table.ONE == {"a": 1}
        assert victim.Words.ONE == ["a"]
        assert victim.Plain().method() == "mine"
        assert vars(victim.act) == {}
        assert trust_module._trusted_packages == set()
        assert logging.getLogger("attacks").level == logging.NOTSET
        assert not logging.getLogger("attacks").disabled


@pytest.fixture(scope="module", autouse=True)
def quick_garbage() -> Iterator[None]:
    """Objects of numpy and pandas are many; the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def unharmed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unharmed]:
    package = tmp_path / "package"
    (package / "marker_package").mkdir(parents=True)
    for file in ("marker_module.py", "marker_package/__init__.py", "marker_package/inner.py"):
        (package / file).write_text("import pathlib\npathlib.Path('marker').touch()\nx = print\n")
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trust_module, "_trusted_packages", set())
    victim.MARKS.clear()
    yield Unharmed()
    victim.MARKS.clear()


def resolve(id_: str) -> Any:
    assert type(id_) is str
    return victim.Job()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(attack: Attack, unharmed: Unharmed, capsys: pytest.CaptureFixture[str]) -> None:
    if attack.fate == HARMLESS:
        made = read(attack.payload, resolve)
        unharmed.check()
        del made
    elif attack.fate == REFUSED:
        with pytest.raises(NotTrusted):
            read(attack.payload, resolve)
    else:
        assert attack.fate == DAMAGED
        with pytest.raises(Exception) as caught:
            read(attack.payload, resolve)
        assert not isinstance(caught.value, MemoryError)
    assert capsys.readouterr() == ("", "")
    unharmed.check()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_through_a_store(attack: Attack, unharmed: Unharmed) -> None:
    store = MemoryStore()
    other = store.save(victim.Quiet())
    summary = Summary(id="Quiet.1000", cls=f"{victim.__name__}:Quiet")
    payload = pack(attack.payload, ["Job.1"]) if b"Job.1" in attack.payload else attack.payload
    store._write([Record(summary=summary, revision=1, payload=payload)])

    if attack.fate == HARMLESS:
        with contextlib.suppress(LoadError):  # most of them are no states
            store.load("Quiet.1000")
    else:
        with pytest.raises(UntrustedObject if attack.fate == REFUSED else LoadError) as caught:
            store.load("Quiet.1000")
        assert caught.value.id == "Quiet.1000"

    assert store.load(other).persistent_id == other
    unharmed.check()


@pytest.mark.parametrize("cls", ["os:system", "builtins:dict", "builtins:ValueError", ":", "a", ""])
def test_classes_of_records(cls: str, unharmed: Unharmed) -> None:
    store = MemoryStore()
    store._write([Record(summary=Summary(id="Task.1", cls=cls), revision=1, payload=b"}.")])

    with pytest.raises(UntrustedObject):
        store.load("Task.1")

    unharmed.check()


@pytest.mark.parametrize("cls", ["act", "Plain", "Process", "instance", "Meta", "Colour", "system"])
def test_what_is_no_class_of_records(cls: str, unharmed: Unharmed) -> None:
    store = MemoryStore()
    summary = Summary(id="Task.1", cls=f"{victim.__name__}:{cls}")
    store._write([Record(summary=summary, revision=1, payload=b"}.")])

    with pytest.raises(UntrustedObject):
        store.load("Task.1")

    unharmed.check()


@pytest.fixture
def extension() -> Iterator[int]:
    copyreg.add_extension("os", "getcwd", 240)
    yield 240
    copyreg.remove_extension("os", "getcwd", 240)
    copyreg.clear_extension_cache()  # type: ignore[attr-defined]


@pytest.mark.parametrize("cached", [False, True])
def test_extension_registry(extension: int, cached: bool) -> None:
    """Objects in the cache of extensions are taken by pickle in C without a word."""
    code = bytes([0x80, 4, 0x82, extension])
    if cached:
        assert pickle.loads(code + b".") is os.getcwd

    with pytest.raises(NotTrusted):
        loads_checked(code + b")R.")


def test_second_encoding_of_a_trusted_name() -> None:
    for protocol in (2, 3):
        back = loads_checked(pickle.dumps([victim.Plain, victim.Colour.RED], protocol))
        assert back == [victim.Plain, victim.Colour.RED]


# whatever is damaged fails, and nothing else happens

_CAREFULLY = name(victim.__name__, "Plain") + b"0"
_SAMPLES = [
    b"\x80\x04" + _CAREFULLY + dumps_checked(each)[2:]
    for each in (
        test_values.STANDARD,
        test_values.USERS,
        test_values.NUMPY,
        [victim.Pair(1), {"a": victim.Box((1, 2))}, test_values.Boom(3)],
        test_values.PANDAS["frame"],
    )
]


def _read_damaged(data: bytes) -> None:
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # regular expressions and numpy have some for nonsense
        read(data, resolve)
    assert victim.MARKS == []


@given(st.sampled_from(_SAMPLES), st.data())
def test_truncated(sample: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(sample) - 1))

    with pytest.raises(Exception):  # noqa: B017
        read(sample[:length], resolve)


@settings(max_examples=300)
@given(st.sampled_from(_SAMPLES), st.data())
def test_bytes_changed(sample: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(len(_CAREFULLY) + 2, len(sample) - 1))
        damaged[at] = data.draw(st.integers(0, 255))

    _read_damaged(bytes(damaged))


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                *(bytes([code]) for code in range(256) if chr(code) not in ".rj"),
                name(victim.__name__, "Acting"),
                name(victim.__name__, "act"),
                name(victim.__name__, "Plain"),
                value("x"),
                value({"a": 1}),
                value((1, "x")),
                b"(",
                b")R",
                b")\x81",
                b"}b",
            ]
        ),
        max_size=30,
    )
)
def test_arbitrary_operations(operations: list[bytes]) -> None:
    _read_damaged(b"\x80\x04" + _CAREFULLY + b"".join(operations) + b".")


# names


def test_lists_name_what_is_there() -> None:
    for module, qualname in trust_module.STANDARD_TYPES:
        if qualname != "WindowsPath":
            assert isinstance(find(module, qualname), type)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("nowhere_at_all", "not imported: run, or import"),
        ("hypothesis", 'say gc3libs.trust\\("hypothesis"\\)'),
        ("hypothesis.strategies", 'say gc3libs.trust\\("hypothesis"\\)'),
        ("os", "os.x is not one of the standard library's values"),
        ("gc3libs.session", "gc3libs.session.x is no task or value"),
        (victim.__name__, "has no 'x'"),
    ],
)
def test_refusals_say_what_to_do(module: str, words: str) -> None:
    with pytest.raises(NotTrusted, match=words):
        find(module, "x")


def test_trusted_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_module, "_trusted_packages", set())
    with pytest.raises(NotTrusted):
        find("hypothesis.errors", "Flaky")

    trust("hypothesis")

    error = sys.modules["hypothesis.errors"].Flaky
    assert find("hypothesis.errors", "Flaky") is error
    assert type(loads_checked(dumps_checked(error("x")))) is error
    with pytest.raises(NotTrusted):
        find("hypothesisandmore", "x")


@pytest.mark.parametrize("package", ["os", "subprocess", "gc3libs", "gc3libs.session", "builtins"])
def test_what_cannot_be_trusted(package: str) -> None:
    with pytest.raises(ValueError, match=package.partition(".")[0]):
        trust(package)


def test_packages_are_names() -> None:
    with pytest.raises(TypeError):
        trust(os)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        trust("")


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/home/somebody/sweep.py", True),
        (os.__file__, False),
        (pytest.__file__, False),
        ("/opt/other/lib/python3.9/site-packages/x.py", False),
        ("/usr/lib/python3/dist-packages/x.py", False),
        (None, False),
    ],
)
def test_whose_module_it_is(file: str | None, own: bool) -> None:
    module = types.ModuleType("sweep")
    if file is not None:
        module.__file__ = file

    assert is_users_own(module) is own


def test_interactive_session_is_the_users() -> None:
    assert is_users_own(types.ModuleType("__main__"))


def test_link_into_an_installation_does_not_make_it_the_users(tmp_path: pathlib.Path) -> None:
    link = tmp_path / "innocent.py"
    link.symlink_to(os.__file__)
    module = types.ModuleType("innocent")
    module.__file__ = str(link)

    assert not is_users_own(module)


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (victim.Plain, ""),
        (victim.Box, ""),
        (victim.Pair, ""),
        (victim.Colour, ""),
        (victim.ActingError, ""),
        (victim.Meta, "class of classes"),
        (victim.Finalizer, "__del__"),
        (victim.Process, "__del__"),
        (victim.Reduced, "Reduced.__reduce__ decides"),
        (victim.Arguments, "__getnewargs_ex__"),
        (victim.ActingSet, "set.__reduce__"),
        (test_values.MyFrame, "__setstate__"),
    ],
)
def test_value_classes(cls: type, words: str) -> None:
    assert (words in why_no_value(cls)) if words else (why_no_value(cls) == "")


def test_class_defined_again_is_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    first = find(victim.__name__, "Plain")
    second = type("Plain", (), {"__module__": victim.__name__, "__qualname__": "Plain"})
    monkeypatch.setattr(victim, "Plain", second)

    assert find(victim.__name__, "Plain") is second is not first


def test_module_imported_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotTrusted):
        find("later", "Plain")
    module = types.ModuleType("later")
    module.__file__ = "/home/somebody/later.py"
    module.Plain = type("Plain", (), {"__module__": "later", "__qualname__": "Plain"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "later", module)

    assert find("later", "Plain") is module.Plain


# classes of scripts

_SCRIPT = """
import dataclasses, enum, pathlib, sys
from gc3libs.persistence.serialization import dumps_checked, loads_checked

@dataclasses.dataclass
class Fit:
    beta: float
    class Kind(enum.Enum):
        GOOD = 1

def objective(x):
    return x

VALUE = [Fit(1.5), Fit, Fit.Kind.GOOD, objective, {Fit.Kind.GOOD: 1}]

if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_bytes(dumps_checked(VALUE))
    assert loads_checked(pathlib.Path(sys.argv[1]).read_bytes()) == VALUE
"""


def _run(*arguments: str, cwd: pathlib.Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_values_of_a_script(tmp_path: pathlib.Path) -> None:
    """Saved by the running script, read by it, and by a program that imports it."""
    (tmp_path / "sweep.py").write_text(_SCRIPT)
    (tmp_path / "reader.py").write_text(
        "import pathlib, sweep\n"
        "from gc3libs.persistence.serialization import loads_checked\n"
        "assert loads_checked(pathlib.Path('data').read_bytes()) == sweep.VALUE\n"
    )

    _run("sweep.py", "data", cwd=tmp_path)
    _run("reader.py", cwd=tmp_path)
    assert loads_refused((tmp_path / "data").read_bytes())
    _run("-m", "sweep", "data", cwd=tmp_path)
    _run("reader.py", cwd=tmp_path)


def loads_refused(data: bytes) -> bool:
    with pytest.raises(NotTrusted, match="sweep is not imported"):
        loads_checked(data)
    return True


def test_values_of_a_script_with_an_odd_name(tmp_path: pathlib.Path) -> None:
    (tmp_path / "my-sweep 2.py").write_text(_SCRIPT)

    _run("my-sweep 2.py", "data", cwd=tmp_path)


def test_values_of_an_interactive_session(tmp_path: pathlib.Path) -> None:
    _run("-c", _SCRIPT, "data", cwd=tmp_path)


def test_nothing_of_numpy_or_pandas_is_imported_in_vain(tmp_path: pathlib.Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from gc3libs.persistence.serialization import dumps_checked, loads_checked\n"
        "loads_checked(dumps_checked([pathlib.Path(), ValueError(1)]))\n"
        "print(sorted({'numpy', 'pandas', 'argparse', 'cloudpickle'} & set(sys.modules)))\n"
    )

    assert _run("-c", code, cwd=tmp_path) == "[]\n"
