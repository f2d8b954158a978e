"""Options that choose tasks, and the fields by which they do."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from gc3libs._clock import SYSTEM
from gc3libs.cli._exits import UsageError
from gc3libs.cli._words import WORDS, state_word
from gc3libs.exceptions import InvalidValue
from gc3libs.persistence import Summary, facts
from gc3libs.persistence.record import Comparison, Fact

FIELDS: Final[dict[str, Callable[[Summary], Any]]] = {
    **facts.FIELDS,
    "state": state_word,
    "tags": lambda s: s.tags,
}
"""What a condition, a column or an order can name besides parameters."""

FLYING: Final = ("SUBMITTED", "RUNNING", "STOPPED", "TERMINATING", "UNKNOWN")
_STATES: Final[dict[str, tuple[str, ...]]] = {
    "waiting": ("NEW",),
    "held": ("NEW",),
    "ending": ("TERMINATING",),
    "done": ("ok",),
}


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options that choose tasks."""
    group = parser.add_argument_group("which tasks")
    group.add_argument("--state", metavar="S", help=f"in this state: {', '.join(WORDS)}")
    group.add_argument("--failed", action="store_true", help="that ended badly")
    group.add_argument("--done", action="store_true", help="that ended well")
    group.add_argument("--running", action="store_true", help="that were handed over, not over")
    group.add_argument("--waiting", action="store_true", help="that were not handed over yet")
    group.add_argument("--name", metavar="PATTERN", help="job name, such as 'beta-*'")
    group.add_argument("--tag", metavar="WORD", help="with this tag")
    group.add_argument("--where", metavar="CONDITION", help="such as 'x > 3 and exitcode != 0'")
    group.add_argument(
        "--since", metavar="WHEN", help="changed since: 2h (ago), 14:30, or 2026-05-01"
    )


def lookup(summary: Summary) -> Callable[[str], Any]:
    """The values of a task by name: fields, and parameters; a field hides a parameter."""
    return lookup_in(summary, summary.parameters)


def lookup_in(summary: Summary, parameters: dict[str, Any]) -> Callable[[str], Any]:
    """The same, with the parameters at hand."""

    def value(name: str) -> Any:
        if name in FIELDS:
            return FIELDS[name](summary)
        return parameters.get(name)

    return value


class Filters(NamedTuple):
    """Which tasks the options choose.

    Attributes:
        asked: Filters for `Session.summaries`; `where`, too, in `Query`.
        predicates: What has to be true besides.
    """

    asked: dict[str, Any]
    where: tuple[tuple[Comparison, ...], ...]
    predicates: list[Callable[[Summary], bool]]


def filters_of(args: argparse.Namespace) -> Filters:
    """What the options of `add_filters` say."""
    filters: dict[str, Any] = {}
    where: tuple[tuple[Comparison, ...], ...] = ()
    predicates: list[Callable[[Summary], bool]] = []
    words = list(_state_words(args))
    if words:
        states = {state for word in words for state in _STATES.get(word, (_as_state(word),))}
        filters["states"] = sorted(states)
        if len(words) == 1 and words[0] in ("waiting", "held"):
            filters["held"] = words[0] == "held"
        predicates.append(lambda s: state_word(s) in words or s.state.lower() in words)
    if getattr(args, "name", None):
        filters["jobname"] = args.name
    if getattr(args, "tag", None):
        filters["tag"] = args.tag
    if getattr(args, "since", None):
        since = moment(args.since)
        where = (tuple(Comparison(Fact(each), ">=", since) for each in ("changed", "created")),)
        predicates.append(lambda s: max(s.changed, s.created) >= since)
    return Filters(filters, where, predicates)


def _state_words(args: argparse.Namespace) -> Iterator[str]:
    for name in ("failed", "done"):
        if getattr(args, name, False):
            yield name
    if getattr(args, "waiting", False):
        yield "waiting"
    if getattr(args, "running", False):
        yield from (state.lower() for state in FLYING)
        yield "ending"
    for word in (getattr(args, "state", None) or "").replace(",", " ").split():
        yield _STATE_NAMES.get(word.lower(), word.lower())


_STATE_NAMES: Final = {"new": "waiting", "ok": "done", "terminating": "ending"}


def _as_state(word: str) -> str:
    """The name of a state as stores know it.

    Raises:
        UsageError: There is none.
    """
    if word in WORDS or word.upper() in ("TERMINATED", *FLYING):
        return word if word == "failed" else word.upper()
    import difflib

    near = difflib.get_close_matches(word, WORDS, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(WORDS)}"
    raise UsageError(f"there is no state {word!r}. {hint}")


def accepts(filters: dict[str, Any]) -> Callable[[Summary], bool]:
    """The filters, for tasks that were found otherwise."""
    from gc3libs.persistence.query import glob

    states = filters.get("states")
    fits = glob(filters["jobname"]) if "jobname" in filters else None
    tag, held = filters.get("tag"), filters.get("held")

    def fulfils(summary: Summary) -> bool:
        ending = "ok" if summary.ok else "failed" if summary.failed else ""
        return (
            (states is None or summary.state in states or ending in states)
            and (fits is None or fits(summary.name))
            and (tag is None or tag in summary.tags)
            and held in (None, summary.held)
        )

    return fulfils


def moment(text: str) -> float:
    """A moment: so long ago, a time of today, or a date; UTC seconds since the epoch.

    Raises:
        UsageError: It is none of these.
    """
    from datetime import datetime

    from gc3libs.cli._parser import with_last_unit
    from gc3libs.quantity import Duration

    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
        today = datetime.now().astimezone().date().isoformat()
        text = f"{today}T{text.zfill(5) if text.count(':') == 1 else text.zfill(8)}"
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        pass
    try:
        return SYSTEM.now() - Duration(with_last_unit(text)).in_seconds()
    except InvalidValue:
        raise UsageError(
            f"{text!r} is no moment: write 2h (ago), 14:30, 2026-05-01 or 2026-05-01T14:30"
        ) from None
