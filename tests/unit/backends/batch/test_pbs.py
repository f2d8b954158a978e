"""PBS's command lines, and output of the form that its manuals show."""

from __future__ import annotations

import json

import pytest

from gc3libs.backends.batch.pbs import Pbs
from gc3libs.backends.batch.scheduler import Standing, Unreadable

from .test_slurm import answer, submission

NAME = "T.1-g0123456789ab"
QUEUE = {
    "timestamp": 1795565180,
    "pbs_version": "22.05.11",
    "Jobs": {
        "12[].head": {"Job_Name": NAME, "job_state": "B", "array": "True"},
        "12[0].head": {
            "Job_Name": NAME,
            "job_state": "X",
            "Exit_status": 3,
            "substate": 92,
            "resources_used": {"cput": "00:01:05", "mem": "2048kb"},
        },
        "12[1].head": {"Job_Name": NAME, "job_state": "R", "comment": "Job run at Wed"},
        "12[2].head": {"Job_Name": NAME, "job_state": "Q"},
        "13.head": {"Job_Name": "x", "job_state": "F", "Exit_status": 271, "substate": 91},
        "14.head": {"Job_Name": "x", "job_state": "F", "Exit_status": -29, "substate": 93},
        "15.head": {"Job_Name": "x", "job_state": "F", "Exit_status": 265, "substate": 93},
        "16.head": {"Job_Name": "x", "job_state": "F", "Exit_status": -3, "substate": 93},
    },
}


def test_everything_that_is_asked_for_is_an_option() -> None:
    text = Pbs().submit(
        submission(
            3,
            cores=4,
            nodes=2,
            gpus=1,
            memory_limit=1 << 30,
            walltime=90.0,
            queue="long",
            account="p1",
            options=("-l", "place=excl"),
        )
    )
    for part in (
        "-J 0-2",
        "-N T.1.1-g0123456789ab",
        "-l select=2:ncpus=4:mem=1024mb:ngpus=1",
        "-l walltime=90",
        "-q long",
        "-A p1",
        "-l place=excl",
        "-r n",
    ):
        assert part in text
    assert "-J" not in Pbs().submit(submission())


def test_the_id_is_read() -> None:
    assert Pbs().job_id(answer(b"12[].head.example.org\n")) == "12[].head.example.org"
    assert Pbs().job_id(answer(b"12.head\n")) == "12.head"
    with pytest.raises(Unreadable):
        Pbs().job_id(answer(b""))


def test_refusals_are_told_from_passing_troubles() -> None:
    assert Pbs().refusal(answer(stderr=b"qsub: Unknown queue\n", exitcode=170)) == "Unknown queue"
    down = b"Connection refused\nqsub: cannot connect to server head (errno=111)\n"
    assert Pbs().refusal(answer(stderr=down, exitcode=1)) is None
    full = b"qsub: would exceed queue generic's per-user limit of jobs in 'Q' state\n"
    assert Pbs().refusal(answer(stderr=full, exitcode=1)) is None


def test_the_queue_is_read() -> None:
    found = {(e.job, e.element): e for e in Pbs().entries(json.dumps(QUEUE).encode())}
    done = found["12[].head", 0]
    assert (done.standing, done.exitcode, done.key) == (Standing.FINISHED, 3, "g0123456789ab")
    assert (done.cpu_time, done.max_memory) == (65.0, 2 << 20)
    assert found["12[].head", 1].standing is Standing.RUNNING
    assert found["12[].head", 2].standing is Standing.WAITING
    assert found["13.head", None].standing is Standing.CANCELLED
    assert found["14.head", None].standing is Standing.TIMED_OUT
    killed = found["15.head", None]
    assert (killed.standing, killed.exitcode, killed.signal) == (Standing.FINISHED, None, 9)
    assert found["16.head", None].standing is Standing.FAILED


def test_no_jobs_are_no_entries() -> None:
    assert Pbs().entries(b"\n") == []
    with pytest.raises(Unreadable):
        Pbs().entries(b"qstat: error")


def test_elements_are_cancelled_by_their_names() -> None:
    assert "qdel '12[3].head' 13.head" in Pbs().cancel([("12[].head", 3), ("13.head", None)])


def test_it_is_said_that_it_was_not_tried() -> None:
    assert not Pbs().verified
