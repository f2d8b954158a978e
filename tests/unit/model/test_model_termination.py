import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc3libs.exceptions import InvalidArgument
from gc3libs.model import Run, Signals, termination
from gc3libs.model.termination import shellexit_to_returncode


@pytest.mark.parametrize(
    ("given", "signal", "exitcode", "returncode"),
    [
        (None, None, None, None),
        (0, 0, 0, 0),
        (13, 13, 0, 13),
        (256, 0, 1, 256),
        ((0, 1), 0, 1, 256),
        ([15, 0], 15, 0, 15),
        ((Signals.Cancelled, -1), 121, 255, 65401),
        ((9, None), 9, None, -247),
        ((None, 3), None, 3, 768),
        (("2", "4"), 2, 4, 1026),
    ],
)
def test_what_a_returncode_is_made_of(given, signal, exitcode, returncode):
    run = Run()
    run.returncode = given
    assert (run.signal, run.exitcode, run.returncode) == (signal, exitcode, returncode)


@pytest.mark.parametrize("nonsense", ["many", (1,), (1, 2, 3), {}, ("a", 1)])
def test_nonsense_is_no_returncode(nonsense):
    with pytest.raises(InvalidArgument, match="no returncode"):
        Run().returncode = nonsense


def test_only_low_bits_count():
    run = Run()
    run.exitcode, run.signal = -1, 128 + 9
    assert (run.exitcode, run.signal) == (255, 9)
    run.exitcode = run.signal = None
    assert run.returncode is None


@given(
    st.one_of(st.none(), st.integers(0, 127)),
    st.one_of(st.none(), st.integers(0, 255)),
)
def test_a_stored_returncode_gives_back_what_it_was_made_of(signal, exitcode):
    joined = termination.join(signal, exitcode)
    if joined is None:
        assert termination.restore(joined) == (None, None)
    else:
        assert termination.restore(joined) == (signal or 0, exitcode)


@pytest.mark.parametrize(
    ("status", "pair"), [(0, (0, 0)), (1, (0, 1)), (128, (0, 128)), (137, (9, -1)), (300, (0, 44))]
)
def test_shell_statuses(status, pair):
    assert shellexit_to_returncode(status) == Run.shellexit_to_returncode(status) == pair


def test_signals_are_numbers_and_a_set():
    assert Run.Signals.Lost == 120
    assert int(Run.Signals.SubmissionFailed) == 125
    assert 121 in Run.Signals
    assert Run.Signals.Cancelled in Run.Signals
    assert 15 not in Run.Signals
    assert "Lost" not in Run.Signals
    assert Run.Signals[122] is Run.Signals.RemoteKill
    with pytest.raises(InvalidArgument, match="119"):
        Run.Signals[119]


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (None, "not known"),
        ((0, 0), "exit 0"),
        ((0, 200), "exit 200"),
        ((15, 0), "sig 15"),
        ((9, -1), "sig 9"),
        ((Signals.Lost, -1), "lost"),
        ((Signals.Cancelled, -1), "cancelled"),
    ],
)
def test_words_for_people(pair, words):
    run = Run()
    run.returncode = pair
    assert termination.words(run.returncode) == words
