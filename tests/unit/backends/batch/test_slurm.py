"""Slurm's command lines, and what version 22.05 has printed."""

from __future__ import annotations

import shlex

import pytest

from gc3libs.backends.batch.scheduler import Request, Standing, Submission, Unreadable
from gc3libs.backends.batch.slurm import Slurm
from gc3libs.backends.transport.base import Completed

QUEUE = b"""\
23|0|PENDING|0|N/A|gc3 g0123456789ab|
20|1|CANCELLED|36608|1795566791|gc3 g28f98f4bb0e9|
2|1|FAILED|768|1795565180|k|1|
3|N/A|FAILED|9|1795565180|single|
21|2|RUNNING|0|1795565180|gc3 g28f98f4bb0e9|
24|N/A|COMPLETED|0|1795565180|(null)|
"""
ACCOUNTS = b"""\
12_0|COMPLETED|0:0|00:01.250|
12_0.batch|COMPLETED|0:0|00:01.250|2048K
12_0.extern|COMPLETED|0:0|00:00:00|1024K
12_1|CANCELLED by 0|0:15|00:00:00|
12_[2-4]|PENDING|0:0|00:00:00|
13|TIMEOUT|0:0|1-02:03:04|
14|OUT_OF_MEMORY|0:125|00:00.010|
15|FAILED|3:0|00:00.010|
"""


def submission(elements: int = 1, **request: object) -> Submission:
    return Submission(
        key="g0123456789ab",
        name="T.1.1-g0123456789ab",
        script="/r/batches/g0123456789ab/script",
        directory="/r",
        log="/r/batches/g0123456789ab/log",
        elements=elements,
        request=Request(**request),  # type: ignore[arg-type]
    )


def answer(stdout: bytes = b"", stderr: bytes = b"", exitcode: int = 0) -> Completed:
    return Completed(exitcode=exitcode, stdout=stdout, stderr=stderr)


def test_everything_that_is_asked_for_is_an_option() -> None:
    words = shlex.split(
        Slurm().submit(
            submission(
                3,
                cores=4,
                nodes=2,
                gpus=1,
                memory=1,
                memory_limit=(1 << 30) + 1,
                walltime=3601.0,
                queue="long",
                account="a-1",
                qos="high",
                options=("--constraint=a b",),
            )
        )
    )
    assert words[0] == "sbatch"
    assert words[-1] == "/r/batches/g0123456789ab/script"
    assert set(words) >= {
        "--parsable",
        "--no-requeue",
        "--job-name=T.1.1-g0123456789ab",
        "--comment=gc3 g0123456789ab",
        "--array=0-2",
        "--cpus-per-task=4",
        "--nodes=2",
        "--ntasks=2",
        "--gres=gpu:1",
        "--mem=1025M",
        "--time=61",
        "--partition=long",
        "--account=a-1",
        "--qos=high",
        "--constraint=a b",
        "--output=/r/batches/g0123456789ab/log.%a",
    }


def test_what_is_not_asked_for_is_left_to_slurm() -> None:
    text = Slurm().submit(submission())
    for name in ("--array", "--mem", "--time", "--partition", "--account", "--qos", "--gres"):
        assert name not in text


@pytest.mark.parametrize("text", [b"12\n", b"12;cluster\n", b"a message of the site's\n12\n"])
def test_the_id_is_read(text: bytes) -> None:
    assert Slurm().job_id(answer(text)) == "12"


def test_an_answer_without_an_id_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="instead of a job ID"):
        Slurm().job_id(answer(b""))


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller"
        " (connect failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed:"
        " Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
    ],
)
def test_some_troubles_may_pass(text: str) -> None:
    assert Slurm().refusal(answer(stderr=text.encode(), exitcode=1)) is None


def test_others_are_refusals_in_slurms_words() -> None:
    text = (
        b"sbatch: error: invalid partition specified: nosuch\n"
        b"sbatch: error: Batch job submission failed: Invalid partition name specified\n"
    )
    assert Slurm().refusal(answer(stderr=text, exitcode=1)) == (
        "invalid partition specified: nosuch;"
        " Batch job submission failed: Invalid partition name specified"
    )


def test_the_queue_is_read() -> None:
    waiting, cancelled, failed, killed, running, completed = Slurm().entries(QUEUE)
    assert (waiting.job, waiting.element, waiting.key) == ("23", 0, "g0123456789ab")
    assert (waiting.standing, waiting.started) == (Standing.WAITING, None)
    assert cancelled.standing is Standing.CANCELLED
    assert (failed.standing, failed.exitcode, failed.key) == (Standing.FINISHED, 3, "")
    assert (killed.element, killed.exitcode, killed.signal) == (None, None, 9)
    assert (running.standing, running.started) == (Standing.RUNNING, 1795565180.0)
    assert (completed.standing, completed.exitcode) == (Standing.FINISHED, 0)


def test_an_unknown_state_is_not_taken_for_an_end() -> None:
    (entry,) = Slurm().entries(b"1|N/A|NEW_STATE|0|N/A||\n")
    assert not entry.standing.is_over


def test_a_line_that_is_no_job_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="squeue printed"):
        Slurm().entries(b"slurm_load_jobs error\n")


def test_jobs_are_cancelled_by_ranges() -> None:
    text = Slurm().cancel([("12", 3), ("13", None), ("12", 1), ("12", 2), ("12", 7)])
    assert "scancel 13 '12_[1-3,7]'" in text


def test_accounts_are_read() -> None:
    found = {(e.job, e.element): e for e in Slurm().accounts(ACCOUNTS)}
    assert found.keys() == {("12", 0), ("12", 1), ("13", None), ("14", None), ("15", None)}
    done = found["12", 0]
    assert (done.standing, done.exitcode) == (Standing.FINISHED, 0)
    assert (done.cpu_time, done.max_memory) == (1.25, 2 << 20)
    assert found["12", 1].standing is Standing.CANCELLED
    assert found["12", 1].signal == 15
    assert found["13", None].standing is Standing.TIMED_OUT
    assert found["13", None].cpu_time == 93784.0
    assert found["14", None].standing is Standing.OUT_OF_MEMORY
    assert found["15", None].exitcode == 3
