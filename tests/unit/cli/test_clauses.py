"""A store that is asked for part of a condition finds what the condition alone would."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gc3libs import Task
from gc3libs.cli._clauses import clauses_of
from gc3libs.cli._exits import UsageError
from gc3libs.cli._filters import FIELDS, lookup
from gc3libs.cli._select import Selection
from gc3libs.cli._where import Condition
from gc3libs.cli._words import WORDS
from gc3libs.persistence import Query, Record
from gc3libs.session import Session

COUNT = 150


def record_like(record: Record, number: int, dice: random.Random) -> Record:
    values = [0, 1, 2.5, 0.1, -3, True, False, None, "a", "b c", 1e300]
    parameters = {name: dice.choice(values) for name in "xyz" if dice.random() < 0.8}
    state = dice.choice(["NEW", "RUNNING", "TERMINATED", "TERMINATED"])
    return replace(
        record,
        summary=replace(
            record.summary,
            id=f"Task.{number}",
            session="",
            position=None,
            state=state,
            returncode=dice.choice([0, 0, 256, 9, None]) if state == "TERMINATED" else None,
            held=state == "NEW" and dice.random() < 0.3,
            jobname=dice.choice(["", "fit", "Fit", "a"]),
            resource=dice.choice(["", "local", "hpc"]),
            attempt=dice.randrange(3),
            started=dice.choice([None, 10.0, 20.0]) if state == "TERMINATED" else None,
            ended=dice.choice([5.0, 20.1, 3630.0]) if state == "TERMINATED" else None,
            cpu_time=dice.choice([None, 0.5, 2.5]),
            memory=dice.choice([None, 10**6, 2 * 10**9]),
            parameters_json=msgspec.json.encode(parameters).decode(),
        ),
    )


@pytest.fixture(scope="module", params=["sqlite", "file"])
def session(request: Any, tmp_path_factory: Any) -> Iterator[Session]:
    path: Path = tmp_path_factory.mktemp("clauses") / "s"
    dice = random.Random(5)
    with Session(path, store_or_url=request.param) as session:
        first = session.store.record(session.add(Task(x=1, y=1, z=1)))
        records = [record_like(first, number, dice) for number in range(2, COUNT)]
        session.store.insert(records, {})
        session.enter([record.id for record in records])
        yield session


names = st.sampled_from(["x", "y", "z", *FIELDS])
constants = st.sampled_from(
    ["0", "1", "2.5", "-3", "True", "None", "'a'", "'fit'", "'local'", "'1MB'", "20.1", "1e300"]
    + [f"'{word}'" for word in ("done", "failed", "waiting", "held", "running", "NEW")]
)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
plain = st.builds("{} {} {}".format, names, operators, constants)
turned = st.builds("{} {} {}".format, constants, operators, names)
chained = st.builds("{0} {2} {1} {3} {0}".format, constants, names, operators, operators)
among = st.builds("{} {} ({}, {})".format, names, st.just("in"), constants, constants)
computed = st.builds("{} * 2 {} {}".format, names, operators, constants)
conditions = st.recursive(
    plain | turned | chained | among | computed,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=5,
)


def chosen(session: Session, **options: Any) -> list[str]:
    return [each.id for each in Selection(session, [], argparse.Namespace(**options))]


@pytest.mark.parametrize("operator", ["==", "!=", "<"])
@pytest.mark.parametrize("word", [*WORDS, "terminated", ""])
def test_states_mean_the_same_to_a_store(session: Session, operator: str, word: str) -> None:
    text = f"state {operator} '{word}'"
    condition = Condition(text)
    expected = [each.id for each in session.summaries() if condition(lookup(each))]
    assert chosen(session, where=text) == expected


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=conditions)
def test_conditions_mean_the_same_to_a_store(session: Session, text: str) -> None:
    try:
        condition = Condition(text)
    except UsageError:  # such as memory < 'fit'
        return
    expected = [each.id for each in session.summaries() if condition(lookup(each))]
    assert chosen(session, where=text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x == 2.5",
        "x > 1 and y in ('a', 1)",
        "state == 'failed'",
        "0.1 < x < 2.6 or name == 'fit'",
        "duration > '1h'",
        "memory >= '1GB' and not tags",
    ],
)
def test_a_store_reads_little_that_is_not_wanted(session: Session, text: str) -> None:
    condition = Condition(text)
    asked_for = list(session.summaries(Query(where=clauses_of(text))))
    wanted = [each for each in asked_for if condition(lookup(each))]
    assert wanted
    assert len(wanted) <= len(asked_for) < COUNT * 0.6


@pytest.mark.parametrize("name", ["x", "y", *sorted(FIELDS.keys() - {"changed", "duration"})])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_store_arranges_as_the_command_would(session: Session, name: str, reverse: bool) -> None:
    def key(summary: Any) -> Any:
        value = lookup(summary)(name)
        return value is None, isinstance(value, str), 0 if value is None else value

    selection = Selection(session, [], argparse.Namespace())
    selection.arrange(name, reverse=reverse)
    expected = sorted(session.summaries(), key=key)
    assert [s.id for s in selection] == [s.id for s in (expected[::-1] if reverse else expected)]
