"""What a store keeps of an object, as plain data.

A `Record` is a `Summary` (small, can be listed, counted and filtered without the object's class),
`details` (plain data in MessagePack that can be read without the class, too) and a `payload` (the
object's state, pickled).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gc3libs.exceptions import InvalidValue

FORMAT = 1
"""Format of the records that this version writes; part of every store."""

_DIGITS = 18
_ID = re.compile(r"(?P<prefix>[^\W\d]\w{0,199})\.(?P<number>0|[1-9][0-9]{0,17})", re.ASCII)


def make_id(prefix: str, number: int) -> str:
    """The ID of an object of the class called `prefix`.

    >>> make_id("Application", 17)
    'Application.17'
    """
    return f"{prefix}.{number}"


def split_id(id_: str) -> tuple[str, int]:
    """Prefix and number of an ID, checked before it becomes a path or a query.

    Raises:
        InvalidValue: It is no ID.

    >>> split_id("Application.17")
    ('Application', 17)
    """
    match = _ID.fullmatch(id_) if isinstance(id_, str) else None
    if match is None:
        raise InvalidValue(f"{id_!r} is no ID: one looks like 'Application.17'")
    return match["prefix"], int(match["number"])


def number_of(id_: str) -> int:
    """The number of an ID. Of the rest it only sees that there is one: compare what it leads to.

    Raises:
        InvalidValue: It is no ID.
    """
    prefix, _, digits = id_.rpartition(".")
    if prefix and digits.isdecimal() and len(digits) <= _DIGITS:
        return int(digits)
    return split_id(id_)[1]


class Summary(msgspec.Struct, frozen=True, gc=False):
    """The few facts of an object by which people look for it.

    For objects that are no tasks only `id`, `cls`, `session`, `position` and `created` say
    something.

    Attributes:
        id: Its ID, unique in the store.
        cls: Its class, as "module:qualname".
        session: UUID of the session that it belongs to; empty if none.
        position: Its place among the session's top-level tasks; None for all others.
        leaf: It runs by itself (it is no collection of others).
        state: Name of its state; empty if it has none.
        returncode: None until it is known.
        jobname: Empty if it was not given one.
        info: Last line of its history.
        resource: Where it runs or ran.
        attempt: How many times it was handed over to a backend.
        held: It is not to be started until released.
        tags: Words of the user's.
        created, changed, started, ended: UTC, seconds since the epoch; `changed` is when the state
            last changed.
        cpu_time: Seconds. memory: Peak, in bytes.
        digest: Of what it would run: equal digests, equal work. Empty if it has none.
        parameters_json: A JSON object: the free attributes that are plain numbers, strings,
            booleans or None.
    """

    id: str
    cls: str
    session: str = ""
    position: int | None = None
    leaf: bool = True
    state: str = ""
    returncode: int | None = None
    jobname: str = ""
    info: str = ""
    resource: str = ""
    attempt: int = 0
    held: bool = False
    tags: tuple[str, ...] = ()
    created: float = 0.0
    changed: float = 0.0
    started: float | None = None
    ended: float | None = None
    cpu_time: float | None = None
    memory: int | None = None
    digest: str = ""
    parameters_json: str = "{}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The task's free attributes that are plain numbers, strings, booleans or None."""
        return msgspec.json.decode(self.parameters_json, type=dict[str, Any])

    @property
    def name(self) -> str:
        """The job name, or else the class's own name."""
        return self.jobname or self.cls.rpartition(":")[2].rpartition(".")[2]

    @property
    def ok(self) -> bool:
        """It ended well."""
        return self.state == "TERMINATED" and self.returncode == 0

    @property
    def failed(self) -> bool:
        """It ended, and not well; an unknown returncode counts as that."""
        return self.state == "TERMINATED" and self.returncode != 0


class Record(msgspec.Struct, frozen=True, gc=False):
    """Everything that a store keeps of one object.

    Attributes:
        revision: 1 when first written; every write compares it and adds 1.
        version: The class's `schema_version` when it was written.
        details: MessagePack, readable without the class; may be empty.
        payload: The pickled state.
        children: IDs of the objects that it owns, in order; None if it owns none and never did, or
            if this record's write leaves the relation as it is.
        children_from: When written, `children` replaces what the relation has from this place on;
            what stands before it stays untouched.
        extra: Values of the columns that the store's user added, as far as they are set; written,
            never read.
    """

    summary: Summary
    revision: int
    version: int = 1
    details: bytes = b""
    payload: bytes = b""
    children: Sequence[str] | None = None
    extra: Mapping[str, Any] = {}
    children_from: int = 0

    @property
    def id(self) -> str:
        """The object's ID."""
        return self.summary.id


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Identifies the content of a session's index file, as the store's mirror of it was made from.

    Attributes:
        session: The session's UUID.
        value: Whatever the session computes from the file.
    """

    session: str
    value: str


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """Has a write refused (`LeaseLost`) once another engine has taken the session over."""

    session: str
    epoch: int


class Fact(msgspec.Struct, frozen=True):
    """Something that a summary says, by name: one of `facts.FIELDS`, or a parameter."""

    name: str
    parameter: bool = False


class Comparison(msgspec.Struct, frozen=True):
    """A fact compared with a number or a text.

    A number is compared with numbers and truth values (which are 0 and 1), a text with texts.
    Whatever else is there, or nothing, differs from it, and is neither less nor more.

    Attributes:
        operator: == != < <= > >=
    """

    fact: Fact
    operator: str
    value: int | float | str


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which summaries are wanted. Every condition that is given must hold.

    Attributes:
        session: Only members (top-level tasks and all below them) of the session with this UUID.
        ids: Only these.
        top: Only top-level tasks of the session (True), only others (False), or all (None).
        leaf: Only tasks that run by themselves (True), only collections (False), or all (None).
        states: Names of states.
        ok, failed: Only those that ended well, or badly.
        returncode: Exactly this one.
        jobname: A pattern as the shell's (`*`, `?`, `[...]`), compared with the job name or,
            failing that, the class's name; case counts.
        parameters: Values of free attributes, compared as JSON compares (1 equals 1.0).
        tag: One of the task's tags.
        held: Only those held (True) or not (False).
        digests: Only tasks with one of these digests.
        where: Of each of these groups at least one comparison must hold. A store may let through
            what does not fulfil this, where its database compares in another way; never less.
        order: By this fact: numbers, then texts, then those that have none; then as always.
        reverse: The other way round, all of it.
        after: Only what has a larger (position, number).
        limit: At most so many.
    """

    session: str | None = None
    ids: Sequence[str] | None = None
    top: bool | None = None
    leaf: bool | None = None
    states: tuple[str, ...] = ()
    ok: bool = False
    failed: bool = False
    returncode: int | None = None
    jobname: str | None = None
    parameters: Mapping[str, Any] = {}
    tag: str | None = None
    held: bool | None = None
    digests: Sequence[str] | None = None
    where: tuple[tuple[Comparison, ...], ...] = ()
    order: Fact | None = None
    reverse: bool = False
    after: tuple[int, int] | None = None
    limit: int | None = None


class StateCount(msgspec.Struct, frozen=True):
    """How many objects share a state and a returncode."""

    state: str
    returncode: int | None
    count: int


class Totals(msgspec.Struct, frozen=True):
    """What objects have used.

    Attributes:
        count: How many there are.
        measured: Of how many the CPU time is known.
        cpu_time: Seconds, of these together.
    """

    count: int
    measured: int
    cpu_time: float
