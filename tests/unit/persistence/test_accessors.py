"""Functions that look something up."""

import pickle
from types import SimpleNamespace

import pytest

from gc3libs.persistence.accessors import (
    GET,
    GetAttributeValue,
    GetItemValue,
    GetOnly,
    GetValue,
)

TASK = SimpleNamespace(
    jobname="j",
    execution=SimpleNamespace(returncode=3),
    sizes={"n": [4, 8]},
    _secret="s",
)


@pytest.mark.parametrize(
    ("accessor", "value"),
    [
        (GET, TASK),
        (GET.jobname, "j"),
        (GET.execution.returncode, 3),
        (GET.sizes["n"][1], 8),
        (GetValue(default=None).nothing.more, None),
        (GetValue(default=0).sizes["m"], 0),
        (GetValue(default=0).sizes["n"][2], 0),
        (GetValue(default=0).jobname, "j"),
        (GET.jobname.ONLY(SimpleNamespace), "j"),
        (GET.jobname.ONLY(int), None),
        (GetValue(default="-").jobname.ONLY(int), "-"),
        (GetAttributeValue("execution.returncode"), 3),
        (GetAttributeValue("execution.returncode", str), "3"),
        (GetAttributeValue("execution.nothing", default=7), 7),
        (GetOnly(SimpleNamespace, GET.jobname), "j"),
        (GetOnly(SimpleNamespace), TASK),
        (GetOnly((int, str), default=1), 1),
    ],
)
def test_what_is_found(accessor, value):
    assert accessor(TASK) == value
    assert pickle.loads(pickle.dumps(accessor))(TASK) == value


def test_items():
    assert GetItemValue(1)("abc") == "b"
    assert GetItemValue("k", xform=len)({"k": "four"}) == 4
    assert GetItemValue(9, default="?")("abc") == "?"


@pytest.mark.parametrize(
    ("accessor", "error"),
    [
        (GET.nothing, AttributeError),
        (GET.sizes["m"], KeyError),
        (GET.sizes["n"][7], IndexError),
        (GetAttributeValue("execution.nothing"), AttributeError),
        (GetItemValue("x"), KeyError),
    ],
)
def test_without_a_default_what_is_missing_is_an_error(accessor, error):
    with pytest.raises(error):
        accessor({} if isinstance(accessor, GetItemValue) else TASK)


def test_private_names_cannot_be_looked_up():
    with pytest.raises(AttributeError, match="underscore"):
        _ = GET._secret


def test_an_accessor_can_be_built_upon_more_than_once():
    execution = GET.execution
    assert (execution.returncode(TASK), GetValue(0).x(TASK), execution(TASK)) == (
        3,
        0,
        TASK.execution,
    )
