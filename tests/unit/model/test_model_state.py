import itertools
import pickle

import pytest

from gc3libs.exceptions import InvalidOperation, InvalidValue
from gc3libs.model import Run, State, Task

NAMES = ["NEW", "SUBMITTED", "RUNNING", "STOPPED", "TERMINATING", "TERMINATED", "UNKNOWN"]


def test_the_set_of_states():
    assert [str(each) for each in Run.State] == NAMES
    assert all(name in Run.State for name in NAMES)
    assert all(getattr(Run.State, name) == name for name in NAMES)
    assert "DONE" not in Run.State
    assert None not in Run.State
    with pytest.raises(AttributeError):
        Run.State.DONE  # noqa: B018


def test_the_set_of_states_is_fixed():
    with pytest.raises(SyntaxError):
        Run.State.NEW = "OLD"
    with pytest.raises(SyntaxError):
        Run.State.DONE = "DONE"
    assert State.NEW == "NEW"


def test_states_are_text():
    assert f"{State.NEW}" == "NEW"
    assert {"NEW": 1}[State.NEW] == 1
    assert pickle.loads(pickle.dumps(State.NEW)) is State.NEW


@pytest.mark.parametrize(("before", "after"), list(itertools.product(NAMES, NAMES)))
def test_moves(before, after):
    run = Task().execution
    run.state = before
    forbidden = before == "TERMINATED" and after not in ("TERMINATED", "NEW", "RUNNING")
    if forbidden:
        with pytest.raises(InvalidOperation, match=after):
            run.state = after
        assert run.state == before
    else:
        run.state = after
        assert run.state == after


@pytest.mark.parametrize("nonsense", ["new", "", None, 3])
def test_other_values_are_no_states(nonsense):
    run = Run()
    with pytest.raises(InvalidValue, match="no state"):
        run.state = nonsense
    with pytest.raises(AssertionError):
        run.state = nonsense
    assert run.state == "NEW"
