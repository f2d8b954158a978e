"""LSF's command lines, and output of the form that its manuals show."""

from __future__ import annotations

import pytest

from gc3libs.backends.batch.lsf import Lsf
from gc3libs.backends.batch.scheduler import Standing, Unreadable

from .test_slurm import answer, submission

QUEUE = b"""\
12|1|DONE|-|-|1.2 second(s)|2 Mbytes|T.1-g0123456789ab[1]
12|2|EXIT|3|-|0.1 second(s)|2 Gbytes|T.1-g0123456789ab[2]
12|3|RUN|-|-|-|-|T.1-g0123456789ab[3]
12|4|PEND|-|-|-|-|T.1-g0123456789ab[4]
13|0|EXIT|130|TERM_OWNER: job killed by owner|-|-|x
14|0|EXIT|140|TERM_RUNLIMIT: job killed after reaching LSF run time limit|-|-|x
15|0|EXIT|137|TERM_MEMLIMIT: job killed after reaching LSF memory usage limit|-|-|x
"""


def test_everything_that_is_asked_for_is_an_option() -> None:
    text = Lsf().submit(
        submission(
            3,
            cores=4,
            nodes=2,
            gpus=1,
            memory_limit=1 << 30,
            walltime=90.0,
            queue="long",
            account="p1",
            options=("-app", "x"),
        )
    )
    for part in (
        "-J 'T.1.1-g0123456789ab[1-3]'",
        "-n 8",
        "-R 'span[ptile=4]'",
        "-M 1024MB",
        "-R 'rusage[mem=1024MB]'",
        "-W 2",
        "-gpu num=1",
        "-q long",
        "-P p1",
        "-app x",
        "-rn",
    ):
        assert part in text
    assert text.endswith("/bin/sh /r/batches/g0123456789ab/script")


def test_the_id_is_read() -> None:
    assert Lsf().job_id(answer(b"Job <12> is submitted to default queue <normal>.\n")) == "12"
    with pytest.raises(Unreadable):
        Lsf().job_id(answer(b""))


def test_refusals_are_told_from_passing_troubles() -> None:
    refused = b"long: No such queue. Job not submitted.\n"
    assert Lsf().refusal(answer(stderr=refused, exitcode=255)) == refused.decode().strip()
    assert Lsf().refusal(answer(stderr=b"LSF is down. Please wait ...\n", exitcode=255)) is None


def test_the_queue_is_read() -> None:
    done, failed, running, waiting, cancelled, late, greedy = Lsf().entries(QUEUE)
    assert (done.job, done.element, done.key) == ("12", 0, "g0123456789ab")
    assert (done.standing, done.exitcode) == (Standing.FINISHED, 0)
    assert (done.cpu_time, done.max_memory) == (1.2, 2 << 20)
    assert (failed.standing, failed.exitcode, failed.max_memory) == (Standing.FINISHED, 3, 2 << 30)
    assert running.standing is Standing.RUNNING
    assert waiting.standing is Standing.WAITING
    assert (cancelled.element, cancelled.standing) == (None, Standing.CANCELLED)
    assert late.standing is Standing.TIMED_OUT
    assert (greedy.standing, greedy.signal) == (Standing.OUT_OF_MEMORY, 9)


def test_elements_are_cancelled_by_ranges() -> None:
    assert "bkill 13 '12[4-5]'" in Lsf().cancel([("12", 3), ("13", None), ("12", 4)])


def test_it_is_said_that_it_was_not_tried() -> None:
    assert not Lsf().verified
