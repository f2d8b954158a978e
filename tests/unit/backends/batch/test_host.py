"""The table of processes of a host, as text."""

import pytest

from gc3libs.backends.batch.host import Host
from gc3libs.backends.batch.scheduler import Standing, Unreadable
from gc3libs.backends.transport.base import Completed


def test_a_queue_says_what_waits_and_processes_what_runs():
    output = (
        b"GC3_ELEMENT=0123abcd,gkey,1,4\n"
        b"GC3_ELEMENT=0123abcd,gother,0,1\n"
        b"GC3_QUEUE=0123abcd,12345,gkey,1,3,4,8\n"
    )
    found = {(e.key, e.element): e.standing for e in Host(8).entries(output)}
    assert found == {
        ("gkey", 1): Standing.RUNNING,
        ("gkey", 2): Standing.WAITING,
        ("gother", 0): Standing.RUNNING,
    }


@pytest.mark.parametrize(
    "line",
    [b"", b"GC3_ELEMENT=", b"GC3_ELEMENT=a,b,c,d,e", b"GC3_QUEUE=1,2,3", b"GC3_JOB=T.1,2,3,4"],
)
def test_what_others_have_in_their_environment_means_nothing(line):
    assert Host(1).entries(line + b"\n") == []


def test_an_answer_that_is_no_key_is_not_taken_for_one():
    for said in (b"", b"Welcome to hal!\ngkey\n"):
        with pytest.raises(Unreadable):
            Host(1).job_id(Completed(exitcode=0, stdout=said, stderr=b""))
