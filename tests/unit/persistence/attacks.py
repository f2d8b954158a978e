"""Pickles that want something done when they are read: a corpus for whoever reads pickles.

They are assembled by hand, since pickle would not write most of them. None of them may do anything;
most must be refused (`REFUSED`), those that are no more than damaged must fail in whatever way
(`DAMAGED`), and some have a harmless reading (`HARMLESS`).

What they want done leaves a file `MARKER` in the current directory, or a mark in `victim.py`, the
user's script, whose module is called `VICTIM`.
"""

from __future__ import annotations

import dataclasses
import pickle
import struct
from collections.abc import Iterator
from typing import Any

MARKER = "marker"
VICTIM = f"{__name__.rpartition('.')[0]}.victim"
OURS = "gc3libs.persistence"
SERIALIZATION = f"{OURS}.serialization"
STANDARD = f"{OURS}.standard_values"
NUMPY = f"{OURS}.numpy_values"
PANDAS = f"{OURS}.pandas_values"

REFUSED = "refused"
DAMAGED = "damaged"
HARMLESS = "harmless"


@dataclasses.dataclass(frozen=True)
class Attack:
    """A payload, and what must become of it."""

    name: str
    fate: str
    payload: bytes


# an assembler


class Code(bytes):
    """Operations that leave one value on the stack."""


def value(thing: Any) -> Code:
    """Operations for a builtin value; `Code` in it stands for itself."""
    if isinstance(thing, Code):
        return thing
    if isinstance(thing, str):
        data = thing.encode("utf-8", "surrogatepass")
        return Code(b"X" + struct.pack("<I", len(data)) + data)
    if isinstance(thing, bytes):
        return Code(b"B" + struct.pack("<I", len(thing)) + thing)
    if isinstance(thing, tuple):
        return Code(b"(" + b"".join(map(value, thing)) + b"t")
    if isinstance(thing, list):
        return Code(b"](" + b"".join(map(value, thing)) + b"e")
    if isinstance(thing, dict):
        return Code(b"}(" + b"".join(value(each) for pair in thing.items() for each in pair) + b"u")
    return Code(pickle.dumps(thing, 2)[2:-1])


def name(module: str, qualname: str) -> Code:
    """STACK_GLOBAL, as protocol 4 has it."""
    return Code(value(module) + value(qualname) + b"\x93")


def old_name(module: str, qualname: str) -> Code:
    """GLOBAL, as earlier protocols have it."""
    return Code(f"c{module}\n{qualname}\n".encode())


def reduce(function: Code, *args: Any) -> Code:
    return Code(function + value(args) + b"R")


def new(cls: Code, *args: Any) -> Code:
    return Code(cls + value(args) + b"\x81")


def build(target: Code, state: Any) -> Code:
    return Code(target + value(state) + b"b")


def whole(code: bytes, protocol: int = 4) -> bytes:
    return b"\x80" + bytes([protocol]) + code + b"."


def call(module: str, qualname: str, *args: Any) -> bytes:
    """A whole pickle that calls something."""
    return whole(reduce(name(module, qualname), *args))


def ours(qualname: str) -> Code:
    return name(SERIALIZATION, qualname)


def standard(qualname: str, *args: Any) -> bytes:
    return call(STANDARD, qualname, *args)


def numpys(qualname: str, *args: Any) -> bytes:
    return call(NUMPY, qualname, *args)


def array(dtype: str, data: bytes) -> Code:
    count = len(data) // int(dtype[2:].partition("[")[0])
    return reduce(name(NUMPY, "numpy_array"), dtype, (count,), "C", data)


def index(*items: int) -> Code:
    data = struct.pack(f"<{len(items)}q", *items)
    return reduce(name(PANDAS, "pandas_index"), array("<i8", data), None, None)


# functions that act, and the ways to get hold of them

_COMMAND = "touch 'marker'"
_SCRIPT = "open('marker', 'w')"
_GOOD_PICKLE = call("os", "system", _COMMAND)

CALLS: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "os.system": ("os", "system", (_COMMAND,)),
    "posix.system": ("posix", "system", (_COMMAND,)),
    "os.popen": ("os", "popen", (_COMMAND,)),
    "os.execv": ("os", "execv", ("/bin/touch", ["touch", "marker"])),
    "os.open": ("os", "open", ("marker", 0o101)),
    "os.mkdir": ("os", "mkdir", ("marker",)),
    "subprocess.Popen": ("subprocess", "Popen", (["touch", "marker"],)),
    "subprocess.call": ("subprocess", "call", (["touch", "marker"],)),
    "pty.spawn": ("pty", "spawn", (["touch", "marker"],)),
    "eval": ("builtins", "eval", (_SCRIPT,)),
    "exec": ("builtins", "exec", (_SCRIPT,)),
    "eval of Python 2": ("__builtin__", "eval", (_SCRIPT,)),
    "open": ("builtins", "open", ("marker", "w")),
    "__import__": ("builtins", "__import__", ("antigravity",)),
    "getattr": ("builtins", "getattr", (name("builtins", "int"), "__class__")),
    "setattr": ("builtins", "setattr", (name(VICTIM, "Plain"), "method", None)),
    "type": ("builtins", "type", ("X", (), {})),
    "print": ("builtins", "print", ("here",)),
    "compile": ("builtins", "compile", (_SCRIPT, "", "exec")),
    "map": ("builtins", "map", (name("os", "system"), [_COMMAND])),
    "iter": ("builtins", "iter", ([],)),
    "bytes of a number": ("builtins", "bytes", (10**12,)),
    "bytearray of a number": ("builtins", "bytearray", (10**12,)),
    "list of a range": ("builtins", "list", (reduce(name("builtins", "range"), 0, 10**12, 1),)),
    "import_module": ("importlib", "import_module", ("antigravity",)),
    "runpy": ("runpy", "_run_code", (_SCRIPT, {})),
    "timeit": ("timeit", "timeit", (_SCRIPT,)),
    "pdb": ("pdb", "run", (_SCRIPT,)),
    "profile": ("cProfile", "run", (_SCRIPT,)),
    "code": ("code", "InteractiveInterpreter", ()),
    "ctypes": ("ctypes", "CDLL", ("libc.so.6",)),
    "socket": ("socket", "create_connection", (("127.0.0.1", 9),)),
    "shutil": ("shutil", "rmtree", ("marker",)),
    "webbrowser": ("webbrowser", "open", ("http://127.0.0.1:9/",)),
    "logging": ("logging", "FileHandler", ("marker",)),
    "sqlite3": ("sqlite3", "connect", ("marker",)),
    "attrgetter": ("operator", "attrgetter", ("__class__",)),
    "methodcaller": ("operator", "methodcaller", ("method",)),
    "itemgetter": ("operator", "itemgetter", (0,)),
    "partial": ("functools", "partial", (name(VICTIM, "act"),)),
    "functools.reduce": ("functools", "reduce", (name("operator", "add"), [])),
    "namedtuple": ("collections", "namedtuple", ("X", "a")),
    "types.FunctionType": ("types", "FunctionType", (None, {})),
    "types.new_class": ("types", "new_class", ("X",)),
    "marshal": ("marshal", "loads", (b"N",)),
    "pickle": ("pickle", "loads", (_GOOD_PICKLE,)),
    "_pickle": ("_pickle", "loads", (_GOOD_PICKLE,)),
    "cloudpickle": ("cloudpickle", "loads", (_GOOD_PICKLE,)),
    "cloudpickle.subimport": ("cloudpickle.cloudpickle", "subimport", ("antigravity",)),
    "cloudpickle.function": ("cloudpickle.cloudpickle", "_make_function", (None, {}, "", (), ())),
    "copyreg": ("copyreg", "add_extension", ("os", "system", 99)),
    "reconstructor": (
        "copyreg",
        "_reconstructor",
        (name(VICTIM, "Plain"), name("builtins", "object"), None),
    ),
    "newobj": ("copyreg", "__newobj__", (name(VICTIM, "Plain"),)),
    "numpy.load": ("numpy", "load", ("marker", None, True)),
    "numpy._reconstruct": (
        "numpy._core.multiarray",
        "_reconstruct",
        (name("numpy", "ndarray"), (10**12,), b"b"),
    ),
    "numpy.scalar": ("numpy._core.multiarray", "scalar", (name("numpy", "dtype"), _GOOD_PICKLE)),
    "numpy.dtype": ("numpy", "dtype", ("O8", False, True)),
    "numpy.ndarray": ("numpy", "ndarray", ((10**12,),)),
    "pandas.read_pickle": ("pandas", "read_pickle", ("marker",)),
    "pandas.eval": ("pandas", "eval", ("1",)),
    "pandas.DataFrame": ("pandas", "DataFrame", ({"a": [1]},)),
    "pandas internals": ("pandas._libs.internals", "_unpickle_block", (None, None, 2)),
    "pytest": ("pytest", "main", ([],)),
    "trust": ("gc3libs.persistence.trust", "trust", ("os",)),
    "trust, by the package": ("gc3libs.persistence", "trust", ("os",)),
    "trust, by the façade": ("gc3libs", "trust", ("os",)),
    "find": ("gc3libs.persistence.trust", "find", ("os", "system")),
    "own reader": (SERIALIZATION, "loads_checked", (b"N.",)),
    "own writer": (SERIALIZATION, "Writer", (name(VICTIM, "act"),)),
    "own state": (f"{OURS}.instances", "apply_state", (name(VICTIM, "Plain"), {})),
    "session": ("gc3libs.session", "Session", ("marker",)),
    "store": ("gc3libs.persistence.factory", "make_store", ("marker",)),
    "store, by the package": ("gc3libs.persistence", "make_store", ("marker",)),
    "registration": ("gc3libs.persistence.factory", "register", ("x", name(VICTIM, "act"))),
    "file store": ("gc3libs.persistence.filesystem", "FilesystemStore", ("marker",)),
    "engine": ("gc3libs.engine", "Engine", ()),
    "utils": ("gc3libs.utils", "mkdir", ("marker",)),
    "task": ("gc3libs", "Task", ()),
    "quantity": ("gc3libs.quantity", "Memory", ("2 GB",)),
    "script's function": (VICTIM, "act", ("x",)),
    "script's class": (VICTIM, "Acting", ("x",)),
    "script's method": (VICTIM, "Acting.append", (None, 1)),
    "script's metaclass": (VICTIM, "Meta", ("X", (), {})),
    "class with metaclass": (VICTIM, "WithMeta", ()),
    "script's named tuple": (VICTIM, "ActingTuple", (1, 2)),
    "script's text": (VICTIM, "ActingText", ("x",)),
    "set of the script's": (VICTIM, "ActingSet", ([1],)),
    "script's task": (VICTIM, "Job", ()),
    "function that the script imported": (VICTIM, "system", (_COMMAND,)),
    "module that the script imported": (VICTIM, "subprocess", ()),
    "instance of the script's": (VICTIM, "instance", ()),
    "property of the script's": (VICTIM, "decorated", ()),
    "class that calls itself another module's": (VICTIM, "Liar", ()),
    "other name of a class": (VICTIM, "Renamed", ()),
    "through a module": (VICTIM, "subprocess.Popen", (["touch", "marker"],)),
    "through a function's globals": (VICTIM, "act.__globals__", ()),
    "through a method's globals": (VICTIM, "Plain.method.__globals__", ()),
    "through a class": (VICTIM, "Plain.__class__", ("X", (), {})),
    "through bases": (VICTIM, "Plain.__subclasses__", ()),
    "through a listed module": ("pathlib", "os.system", (_COMMAND,)),
    "through a listed class": ("pathlib", "Path.open", ("marker",)),
    "class method of a listed class": ("datetime", "datetime.now", ()),
    "zone past its cache": ("zoneinfo", "ZoneInfo.no_cache", ("UTC",)),
    "zone of a file": ("zoneinfo", "ZoneInfo.from_file", (None,)),
    "through our module": ("gc3libs.persistence.trust", "sys", ()),
    "through our class": ("gc3libs.quantity", "Memory.__init__.__globals__", ()),
    "attribute of an exception": ("builtins", "ValueError.__class__", ("X", (), {})),
    "module without a name": ("", "system", (_COMMAND,)),
    "name without a module": ("os", "", ()),
    "file of a module": ("os.py", "system", (_COMMAND,)),
    "program": ("__main__", "main", ()),
    "program, as started by others": ("__mp_main__", "main", ()),
}

IMPORTS = ("antigravity", "this", "marker_module", "marker_package.inner", "turtledemo")
"""Modules that must not be imported; the test provides those named marker."""


def _calls() -> Iterator[Attack]:
    for title, (module, qualname, args) in CALLS.items():
        for way, named in (("", name), (" (old name)", old_name)):
            if way and (not module or not qualname):
                continue
            code = whole(reduce(named(module, qualname), *args), 4 if not way else 2)
            yield Attack(f"call: {title}{way}", REFUSED, code)


def _imports() -> Iterator[Attack]:
    for module in IMPORTS:
        yield Attack(f"import: {module}", REFUSED, whole(name(module, "x")))
        yield Attack(f"import: {module} (old name)", REFUSED, whole(old_name(module, "x"), 2))
    stand_in = reduce(ours("named"), "marker_module", "x")
    yield Attack("import: by another name", REFUSED, whole(stand_in))


_ACT = name(VICTIM, "act")
_PLAIN = name(VICTIM, "Plain")
_ACTING = name(VICTIM, "Acting")
_REFERENCE = reduce(ours("reference"), "Job.1")
_RED = reduce(name(STANDARD, "member"), name(VICTIM, "Colour"), "RED")
_LOGGER = reduce(name(STANDARD, "logger"), "attacks")

OPERATIONS: dict[str, bytes] = {
    "INST": whole(b"(X\x01\x00\x00\x00xios\nsystem\n", 0),
    "INST of the script's": whole(f"(i{VICTIM}\nPlain\n".encode(), 0),
    "OBJ": whole(b"(" + name("os", "system") + value(_COMMAND) + b"o"),
    "OBJ of the script's": whole(b"(" + _PLAIN + b"o"),
    "text protocol": b"cos\nsystem\n(S'touch x'\ntR.",
    "text protocol of the script's": f"c{VICTIM}\nact\n(S'x'\ntR.".encode(),
    "DUP of a name": whole(_ACT + b"2"),
    "keywords": whole(_PLAIN + value(()) + value({"a": 1}) + b"\x92"),
    "keywords, empty": whole(_PLAIN + value(()) + value({}) + b"\x92"),
    "instance of a function": whole(new(_ACT, 1)),
    "instance of a task": whole(new(name(VICTIM, "Job"))),
    "instance of type": whole(new(name("builtins", "type"), "X", (), {})),
    "instance of a metaclass": whole(new(name(VICTIM, "Meta"), "X", (), {})),
    "instance of an enumeration": whole(new(name(VICTIM, "Colour"), 1)),
    "instance of an exception": whole(new(name("builtins", "ValueError"), 1)),
    "instance of a builtin": whole(new(name("builtins", "bytearray"), 10**12)),
    "instance with arguments": whole(new(_ACTING, 1)),
    "instance with __new__ of its own": whole(new(name(VICTIM, "ActingNew"), 1)),
    "instance with __reduce__": whole(new(name(VICTIM, "Reduced"))),
    "instance with __getnewargs_ex__": whole(new(name(VICTIM, "Arguments"))),
    "instance with __del__": whole(build(new(name(VICTIM, "Finalizer")), {"path": "/"})),
    "exception with __del__": whole(
        build(
            reduce(name(STANDARD, "exception"), name(VICTIM, "FinalizerError"), ()), {"path": "/"}
        )
    ),
    "exception with __del__, called": call(VICTIM, "FinalizerError"),
    "instance of a process": whole(new(name(VICTIM, "Process"))),
    "instance of a restorer": whole(new(name(STANDARD, "logger"), "x")),
    "instance of a stand-in": whole(new(ours("reference"), "Job.1")),
    "text of other things": whole(new(name(VICTIM, "ActingText"), [1])),
    "pickle's own constructor": whole(new(name("builtins", "object"), 1)),
    "change of a class": whole(build(_PLAIN, {"method": None})),
    "change of a class, slots": whole(build(_PLAIN, (None, {"method": None}))),
    "change of a listed class": whole(build(name("uuid", "UUID"), (None, {"hex": None}))),
    "change of our class": whole(build(name("gc3libs.quantity", "Memory"), (None, {"x": 1}))),
    "change of a class with metaclass": whole(build(name(VICTIM, "WithMeta"), (None, {"x": 1}))),
    "change of a class that has __setstate__": whole(build(name(VICTIM, "Job"), {"x": 1})),
    "change of a function": whole(build(_ACT, {"x": 1})),
    "change of a function, slots": whole(build(_ACT, (None, {"__code__": None}))),
    "change of a restorer": whole(build(name(STANDARD, "logger"), {"x": 1})),
    "change of a stand-in": whole(build(ours("reference"), {"x": 1})),
    "change of a stand-in, slots": whole(build(ours("named"), (None, {"x": 1}))),
    "change of a task": whole(build(_REFERENCE, {"x": 1})),
    "change of a task, slots": whole(build(_REFERENCE, (None, {"x": 1}))),
    "change of a member": whole(build(_RED, {"_value_": 2})),
    "change of a member, slots": whole(build(_RED, (None, {"_value_": 2}))),
    "change of a logger": whole(build(_LOGGER, {"level": 50, "disabled": True})),
    "change of a named class": whole(
        build(reduce(ours("named"), VICTIM, "Plain"), {"method": None})
    ),
    "change of a named function": whole(build(reduce(ours("named"), VICTIM, "act"), {"x": 1})),
    "change of an array": whole(build(array("<i8", bytes(8)), (1, (10**12,), None, False, b""))),
    "change of a list": whole(_REFERENCE + b"0" + build(value([]), {"x": 1})),
    "second change": whole(build(build(new(_PLAIN), {"a": 1}), {"b": 2})),
    "__setstate__ in a state": whole(build(build(new(_PLAIN), {"__setstate__": _ACT}), {"b": 2})),
    "__class__ in a state": whole(build(new(_PLAIN), {"__class__": _ACTING})),
    "__dict__ in a state": whole(build(new(_PLAIN), {"__dict__": {}})),
    "__class__ in slots": whole(build(new(_PLAIN), (None, {"__class__": _ACTING}))),
    "__dict__ in slots": whole(build(new(_PLAIN), (None, {"__dict__": {}}))),
    "property in slots": whole(build(new(name(VICTIM, "Slots")), (None, {"b": 1}))),
    "method in slots": whole(build(new(name(VICTIM, "Slots")), (None, {"c": 1}))),
    "function for a method": whole(build(new(_PLAIN), {"method": _ACT})),
    "class for a method": whole(build(new(_PLAIN), {"method": _ACTING})),
    "what can be called for a method": whole(build(new(_PLAIN), {"method": new(_ACTING)})),
    "item for a class": whole(_PLAIN + value(1) + b"a"),
    "item for an instance": whole(new(_ACTING) + value(1) + b"a"),
    "items for an instance": whole(new(_ACTING) + b"(" + value(1) + value(2) + b"e"),
    "item for a task": whole(_REFERENCE + value(1) + b"a"),
    "items for a task": whole(_REFERENCE + b"(" + value(1) + value(2) + b"e"),
    "set item for an instance": whole(new(_ACTING) + value("a") + value(1) + b"s"),
    "set items for an instance": whole(new(_ACTING) + b"(" + value("a") + value(1) + b"u"),
    "set item for a task": whole(_REFERENCE + value("a") + value(1) + b"s"),
    "item for a member": whole(
        reduce(name(STANDARD, "member"), name(VICTIM, "Words"), "ONE") + value("b") + b"a"
    ),
    "imported function as a value": whole(name(VICTIM, "rmtree")),
    "imported class as a value": whole(name(VICTIM, "Persistable")),
    "class by another name as a value": whole(name(VICTIM, "Renamed")),
    "class that calls itself another module's as a value": whole(name(VICTIM, "Liar")),
    "set item for a member": whole(
        reduce(name(STANDARD, "member"), name(VICTIM, "Table"), "ONE")
        + value("a")
        + value(2)
        + b"s"
    ),
    "added items for an instance": whole(new(_ACTING) + b"(" + value(1) + b"\x90"),
    "added items for a task": whole(_REFERENCE + b"(" + value(1) + b"\x90"),
    "call of an instance": whole(reduce(new(_ACTING), 1)),
    "call of a task": whole(reduce(_REFERENCE, 1)),
    "call of a named function": whole(reduce(reduce(ours("named"), VICTIM, "act"), 1)),
    "call with a list": whole(_ACT + value([1]) + b"R"),
    "named, elsewhere": whole(reduce(ours("named"), "os", "system")),
    "named, ours": whole(reduce(ours("named"), SERIALIZATION, "reference")),
    "named, by an instance": whole(
        reduce(ours("named"), new(name(VICTIM, "ActingText"), "x"), "y")
    ),
    "reference by an instance": whole(reduce(ours("reference"), new(_ACTING))),
    "reference by a list": whole(reduce(ours("reference"), ["Job.1"])),
    "key of endless tuples": whole(_PLAIN + b"0}" + b")" + b"\x85" * 100_000 + b"\x88s"),
    "key of endless tuples, no name": whole(b"}" + b")" + b"\x85" * 100_000 + b"\x88s"),
    "key in a class, of endless tuples": whole(
        b"}" + new(name(VICTIM, "Pair"), Code(b")" + b"\x85" * 100_000)) + b"\x88s"
    ),
    "key of endless named tuples": whole(
        b"}"
        + b")"
        + b"".join(b"q\x000" + new(name(VICTIM, "Pair"), Code(b"h\x00")) for _ in range(2000))
        + b"\x88s"
    ),
    "key that doubles": whole(_PLAIN + b"0}" + b")" + b"q\x00h\x00\x86" * 60 + b"\x88s"),
    "set that doubles": whole(_PLAIN + b"0\x8f(" + b")" + b"q\x00h\x00\x86" * 60 + b"\x90"),
    "frozenset that doubles": whole(_PLAIN + b"0(" + b")" + b"q\x00h\x00\x86" * 60 + b"\x91"),
    "enumeration by another value": call(VICTIM, "Colour", [1]),
    "enumeration by an instance": call(VICTIM, "Colour", new(_ACTING)),
    "defaultdict of a function": call("collections", "defaultdict", _ACT),
    "defaultdict with more": call("collections", "defaultdict", None, {"a": 1}),
    "deque of a range": call(
        "collections", "deque", reduce(name("builtins", "range"), 0, 10**12, 1)
    ),
    "counter of a range": call(
        "collections", "Counter", reduce(name("builtins", "range"), 0, 10**12, 1)
    ),
    "ordered dictionary of an instance": call("collections", "OrderedDict", new(_ACTING)),
    "fraction": call("fractions", "Fraction", "1e1000000000"),
    "fraction of an instance": call("fractions", "Fraction", new(_ACTING)),
    "decimal of an instance": whole(
        _PLAIN + b"0" + reduce(name("decimal", "Decimal"), new(_ACTING))
    ),
    "complex of an instance": call("builtins", "complex", new(_ACTING), 1.0),
    "range of an instance": call("builtins", "range", new(_ACTING), 1, 1),
    "namespace of more": call("types", "SimpleNamespace", {"a": 1}),
    "network of an instance": call("ipaddress", "IPv4Network", new(_ACTING)),
    "path of an instance": call("pathlib", "PosixPath", new(_ACTING)),
    "UUID": call("uuid", "UUID", "x"),
    "pattern": call("re", "_compile", "a", 0),
}

RESTORERS: dict[str, bytes] = {
    "zone that climbs": standard("zone", "../../etc/passwd"),
    "zone that is absolute": standard("zone", "/etc/passwd"),
    "zone with a null": standard("zone", "UTC\0"),
    "zone of no text": standard("zone", ["UTC"]),
    "zone that is not there": standard("zone", "Nowhere/At_All"),
    "zone that is a directory": standard("zone", "Europe"),
    "zone that is a package": standard("zone", "antigravity/fly"),
    "long pattern": standard("pattern", "a" * 100_000, 0),
    "deep pattern": standard("pattern", "(" * 9_999, 0),
    "pattern of an instance": standard("pattern", new(_ACTING), 0),
    "flags of an instance": standard("pattern", "a", new(_ACTING)),
    "path of another kind": standard("path", "Path.home", "x"),
    "path of an instance": standard("path", new(_ACTING), "x"),
    "path with an instance": standard("path", "Path", new(_ACTING)),
    "UUID of a few bytes": standard("uuid", b"1"),
    "UUID of an instance": standard("uuid", new(_ACTING)),
    "logger of dots": standard("logger", "." * 1_000_000),
    "logger of an instance": standard("logger", new(_ACTING)),
    "member of no enumeration": standard("member", _PLAIN, "method"),
    "member that is none": standard("member", name(VICTIM, "Colour"), "_missing_"),
    "member by value": standard("member", name(VICTIM, "Colour"), 3),
    "flags of no flags": standard("flags", name(VICTIM, "Colour"), 3),
    "flags that are none": standard("flags", name(VICTIM, "Bits"), 8),
    "flags by name": standard("flags", name(VICTIM, "Bits"), "A"),
    "enumeration by a value that is none": call(VICTIM, "Colour", 3),
    "exception of another class": standard("exception", _PLAIN, ()),
    "exception of a list": standard("exception", name("builtins", "ValueError"), [1]),
    "exception of a function": standard("exception", _ACT, ()),
    "exceptions of no exceptions": standard(
        "exception", name("builtins", "ExceptionGroup"), ("", [1])
    ),
    "keys without values": whole(_PLAIN + b"0}(" + value(1) + value(2) + value(3) + b"u"),
    "state that is a list": whole(build(new(_PLAIN), [1])),
    "state with numbers for names": whole(build(new(_PLAIN), {1: 1})),
    "bytes that are not there": whole(_PLAIN + b"0\x8e" + struct.pack("<Q", 2**40)),
    "bytearray that is not there": whole(_PLAIN + b"0\x96" + struct.pack("<Q", 2**40)),
    "number that is not there": whole(_PLAIN + b"0\x8b" + struct.pack("<i", 2**31 - 1)),
    "frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + _PLAIN + b".",
    "memo that is not there": whole(_PLAIN + b"0j\xff\xff\xff\x7f"),
    "EXT1": whole(b"\x82\xf0"),
    "EXT2": whole(b"\x83\xf0\x00"),
    "EXT4": whole(b"\x84\xf0\x00\x00\x00"),
    "persistent ID": whole(b"Px\n", 0),
    "persistent ID, binary": whole(value("x") + b"Q"),
    "buffer": whole(b"\x97", 5),
    "read-only buffer": whole(_PLAIN + b"\x98", 5),
    "later protocol": whole(_PLAIN, 9),
    "no such operation": whole(b"\xff"),
    "nothing": b"",
    "nothing on the stack": b"\x80\x04.",
    "mark without an end": whole(_PLAIN + b"(("),
    "tuple of nothing": whole(_PLAIN + b"0\x87"),
    "name of numbers": whole(value(1) + value(2) + b"\x93"),
    "call of nothing": whole(b")R"),
    "array of pointers": numpys("numpy_array", "|O8", (1,), "C", bytes(8)),
    "array of pointers, inside": numpys("numpy_array", [("a", "|O8")], (1,), "C", bytes(8)),
    "array that is not there": numpys("numpy_array", "<f8", (10**12,), "C", b""),
    "array of more bytes": numpys("numpy_array", "<f8", (1,), "C", bytes(16)),
    "array of overflows": numpys("numpy_array", "<f8", (2**61, 8), "C", b""),
    "array of negative length": numpys("numpy_array", "<f8", (-1, -1), "C", bytes(8)),
    "array of no size": numpys("numpy_array", "|V0", (10**12,), "C", b""),
    "array of no size, inside": numpys("numpy_array", [], (10**12,), "C", b""),
    "array in another order": numpys("numpy_array", "<f8", (1,), "K", bytes(8)),
    "array of an instance": numpys("numpy_array", "<f8", (1,), "C", new(_ACTING)),
    "array of the dtype of an instance": numpys("numpy_array", new(_ACTING), (1,), "C", b""),
    "array of a class's dtype": numpys("numpy_array", _ACTING, (1,), "C", b""),
    "array with the length of an instance": numpys("numpy_array", "<f8", (new(_ACTING),), "C", b""),
    "array of too many dimensions": numpys("numpy_array", "<f8", (1,) * 100, "C", bytes(8)),
    "dtype of commas": numpys("numpy_dtype", "f8," * 100_000),
    "dtype by name": numpys("numpy_dtype", "float64"),
    "dtype of a tuple": numpys("numpy_dtype", ("<f8", ("<f8", 3))),
    "dtype too large": numpys("numpy_dtype", ("<f8", (2**40, 2**40))),
    "dtype without end": numpys("numpy_dtype", Code(value("<f8") + b")" + b"\x86" * 500)),
    "dtype of a bad unit": numpys("numpy_dtype", "<M8[zz]"),
    "dtype of a bad width": numpys("numpy_dtype", "<f7"),
    "objects that are not there": numpys("numpy_objects", (10**12,), "C", []),
    "objects of an instance": numpys("numpy_objects", (1,), "C", new(_ACTING)),
    "scalar that is not there": numpys("numpy_scalar", "<f8", b"1"),
    "scalar that is an object": numpys("numpy_scalar", "|O8", bytes(8)),
    "text of an instance": numpys("numpy_text", new(_ACTING)),
    "type of arrays": numpys("numpy_type", "ndarray"),
    "type of an instance": numpys("numpy_type", new(_ACTING)),
    "module of numpy's": numpys("numpy_type", "os"),
    "numpy itself": whole(name(NUMPY, "np.load")),
    "frame that does not fit": call(PANDAS, "pandas_frame", [], index(1), index(1), {}),
    "frame of instances": call(PANDAS, "pandas_frame", [new(_ACTING)], index(1), index(1), {}),
    "frame of a list": call(PANDAS, "pandas_frame", [[1]], index(1), index(1), {}),
    "frame of ragged arrays": call(
        PANDAS,
        "pandas_frame",
        [array("<i8", bytes(8)), array("<i8", bytes(16))],
        index(1),
        index(1, 2),
        {},
    ),
    "matrix of another index": call(
        PANDAS,
        "pandas_frame",
        reduce(name(NUMPY, "numpy_array"), "<i8", (1, 1), "C", bytes(8)),
        [1],
        index(1),
        {},
    ),
    "series of another index": call(PANDAS, "pandas_series", array("<i8", bytes(8)), [1], None, {}),
    "series of a longer index": call(
        PANDAS, "pandas_series", array("<i8", bytes(8)), index(1, 2), None, {}
    ),
    "series of a name that cannot be one": call(
        PANDAS, "pandas_series", array("<i8", bytes(8)), index(1), [1], {}
    ),
    "index of two dimensions": call(
        PANDAS,
        "pandas_index",
        reduce(name(NUMPY, "numpy_array"), "<i8", (1, 1), "C", bytes(8)),
        None,
        None,
    ),
    "index with another frequency": call(
        PANDAS, "pandas_index", array("<M8[s]", struct.pack("<3q", 0, 1, 3)), None, "D"
    ),
    "index of numbers with a frequency": call(
        PANDAS, "pandas_index", array("<i8", bytes(8)), None, "D"
    ),
    "index of the frequency of an instance": call(
        PANDAS, "pandas_index", array("<i8", bytes(8)), None, new(_ACTING)
    ),
    "range of instances": call(PANDAS, "pandas_range_index", new(_ACTING), 1, 1, None),
    "range of no steps": call(PANDAS, "pandas_range_index", 0, 1, 0, None),
    "levels that are not there": call(PANDAS, "pandas_multi_index", [index(1)], [[0, 7]], [None]),
    "levels of negative codes": call(PANDAS, "pandas_multi_index", [index(1)], [[-5]], [None]),
    "levels of lists": call(PANDAS, "pandas_multi_index", [[1]], [[0]], [None]),
    "categories that are not there": call(
        PANDAS, "pandas_categorical", array("|i1", b"\x07"), index(1), False
    ),
    "categories of negative codes": call(
        PANDAS, "pandas_categorical", array("|i1", b"\x85"), index(1), False
    ),
    "categories twice": call(PANDAS, "pandas_categorical", array("|i1", b"\0"), index(1, 1), False),
    "gaps of another length": call(
        PANDAS, "pandas_nullable", "IntegerArray", array("<i8", bytes(8)), array("|b1", b"\0\0")
    ),
    "gaps of another kind": call(
        PANDAS, "pandas_nullable", "SparseArray", array("<i8", bytes(8)), array("|b1", b"\0")
    ),
    "gaps of another dtype": call(
        PANDAS, "pandas_nullable", "IntegerArray", array("<f8", bytes(8)), array("|b1", b"\0")
    ),
    "strings of instances": call(PANDAS, "pandas_strings", [new(_ACTING)], "python", True),
    "strings stored elsewhere": call(PANDAS, "pandas_strings", ["x"], "os", True),
    "times of numbers": call(PANDAS, "pandas_times", array("<i8", bytes(8)), None),
    "times in a zone by name": call(PANDAS, "pandas_times", array("<i8", bytes(8)), "dateutil//x"),
    "timestamp of a number": call(PANDAS, "pandas_timestamp", 1, None),
    "timestamp in a zone by name": call(
        PANDAS,
        "pandas_timestamp",
        reduce(name(NUMPY, "numpy_scalar"), "<M8[s]", bytes(8)),
        "dateutil//etc/passwd",
    ),
    "timestamp in a file's zone": call(
        PANDAS,
        "pandas_timestamp",
        reduce(name(NUMPY, "numpy_scalar"), "<M8[s]", bytes(8)),
        "dateutil/etc/passwd",
    ),
    "timestamp in a zone that climbs": call(
        PANDAS,
        "pandas_timestamp",
        reduce(name(NUMPY, "numpy_scalar"), "<M8[s]", bytes(8)),
        "../../etc/passwd",
    ),
    "timedelta of text": call(PANDAS, "pandas_timedelta", "1D"),
    "missing by another name": call(PANDAS, "pandas_missing", "DataFrame"),
    "missing by an instance": call(PANDAS, "pandas_missing", new(_ACTING)),
}

READINGS: dict[str, bytes] = {
    "function as a value": whole(_ACT),
    "old name of a function": whole(old_name(VICTIM, "act"), 2),
    "class as a value": whole(_ACTING),
    "instance without state": whole(new(_ACTING)),
    "instance with a property's name": whole(build(new(_ACTING), {"value": 1, "other": 2})),
    "named tuple past its __new__": whole(new(name(VICTIM, "ActingTuple"), 1, 2)),
    "text past its __new__": whole(new(name(VICTIM, "ActingText"), "x")),
    "list past its append": whole(
        new(name(VICTIM, "ActingList")) + b"(" + value(1) + value(2) + b"e" + value(3) + b"a"
    ),
    "dictionary past its __setitem__": whole(
        new(name(VICTIM, "ActingDict")) + b"(" + value("a") + value(1) + b"u"
    ),
    "exception past its __init__": whole(
        build(reduce(name(STANDARD, "exception"), name(VICTIM, "ActingError"), (1,)), {"a": 2})
    ),
    "exception called": call(VICTIM, "ActingError", 1),
    "defaultdict of a class": call("collections", "defaultdict", _ACTING),
    "pattern that prints": standard("pattern", "a", 128),
    "pattern that is slow to match": standard("pattern", "(a+)+$", 0),
    "long range": call("builtins", "range", 0, 10**30, 1),
    "list that doubles": whole(_PLAIN + b"0]" + b"q\x00](h\x00h\x00e" * 60),
    "deep list": whole(_PLAIN + b"0" + b"]" * 100_000 + b"a" * 99_999),
    "deep list, no name": whole(b"]" * 100_000 + b"a" * 99_999),
    "object array of instances": numpys(
        "numpy_objects", (2,), "C", [new(_ACTING), new(name(VICTIM, "ActingList"))]
    ),
    "array of odd booleans": numpys("numpy_array", "|b1", (2,), "C", b"\x02\xff"),
    "array of no characters": numpys("numpy_array", "<U1", (1,), "C", b"\xff\xff\xff\x7f"),
    "array of nothing": numpys("numpy_array", "<f8", (0, 10**12), "C", b""),
}


def _tables() -> Iterator[Attack]:
    for kind, fate, table in (
        ("operation", REFUSED, OPERATIONS),
        ("restorer", DAMAGED, RESTORERS),
        ("reading", HARMLESS, READINGS),
    ):
        for title, code in table.items():
            yield Attack(f"{kind}: {title}", fate, code)


ATTACKS: tuple[Attack, ...] = (*_calls(), *_imports(), *_tables())
