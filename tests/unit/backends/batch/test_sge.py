"""Grid Engine's command lines, and what version 8.1.9 has printed."""

from __future__ import annotations

import shlex

import msgspec
import pytest

from gc3libs.backends.batch.scheduler import Standing, Unreadable
from gc3libs.backends.batch.sge import GridEngine

from .test_slurm import answer, submission

QUEUE = b"""<?xml version='1.0'?>
<job_info  xmlns:xsd="http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas">
  <queue_info>
    <job_list state="running">
      <JB_job_number>1</JB_job_number>
      <JAT_prio>0.50000</JAT_prio>
      <JB_name>A.1-g0123456789ab</JB_name>
      <JB_owner>root</JB_owner>
      <state>r</state>
      <JAT_start_time>2026-11-25T00:10:11</JAT_start_time>
      <queue_name>main.q@vm</queue_name>
      <slots>1</slots>
      <tasks>2</tasks>
    </job_list>
    <job_list state="running">
      <JB_job_number>2</JB_job_number>
      <JB_name>B.1-g0123456789ac</JB_name>
      <state>dt</state>
      <slots>1</slots>
    </job_list>
  </queue_info>
  <job_info>
    <job_list state="pending">
      <JB_job_number>1</JB_job_number>
      <JB_name>A.1-g0123456789ab</JB_name>
      <state>qw</state>
      <slots>1</slots>
      <tasks>3,5-9:2</tasks>
    </job_list>
  </job_info>
</job_info>
"""
BLOCK = b"""\
==============================================================
qname        main.q
jobname      A.1-g0123456789ab
jobnumber    1
taskid       2
failed       0
exit_status  3
ru_maxrss    4.566KB
cpu          0.005s
==============================================================
jobname      B.1-g0123456789ac
jobnumber    2
taskid       undefined
failed       100 : assumedly after job
exit_status  140                  (User defined signal 2)
ru_maxrss    2048
cpu          1.5
"""


def test_everything_that_is_asked_for_is_an_option() -> None:
    request = {
        "cores": 4,
        "gpus": 2,
        "memory_limit": 4 << 30,
        "walltime": 90.0,
        "queue": "long.q",
        "account": "p1",
        "options": ("-l", "fast"),
    }
    text = GridEngine("mpi").submit(submission(5, **request))
    assert shlex.split(text)[:1] == ["qsub"]
    for part in (
        "-terse",
        "-r n",
        "-N T.1.1-g0123456789ab",
        "-t 1-5",
        "-pe mpi 4",
        "-l h_vmem=1024M",
        "-l h_rt=90",
        "-l gpu=2",
        "-q long.q",
        "-P p1",
        "-l fast",
        "-o '/r/batches/g0123456789ab/log.$TASK_ID'",
    ):
        assert part in text


def test_a_name_holds_only_what_grid_engine_takes() -> None:
    odd = msgspec.structs.replace(submission(), name="1:/é T-g0123456789ab")
    words = shlex.split(GridEngine().submit(odd))
    assert words[words.index("-N") + 1] == "j1____T-g0123456789ab"


def test_the_id_is_read() -> None:
    assert GridEngine().job_id(answer(b"12.1-5:1\n")) == "12"
    assert GridEngine().job_id(answer(b"12\n")) == "12"
    with pytest.raises(Unreadable):
        GridEngine().job_id(answer(b"Unable to run job"))


def test_refusals_are_told_from_passing_troubles() -> None:
    no_queue = b'Unable to run job: Job was rejected because job requests unknown queue "x".\n'
    refusal = GridEngine().refusal(answer(stderr=no_queue + b"Exiting.\n", exitcode=1))
    assert refusal == no_queue.decode().strip()
    away = b"error: commlib error: got select error (Connection refused)\nunable to send message\n"
    assert GridEngine().refusal(answer(stderr=away, exitcode=1)) is None


def test_the_queue_is_read() -> None:
    entries = GridEngine().entries(QUEUE)
    assert [(e.job, e.element) for e in entries] == [
        ("1", 1),
        ("2", None),
        ("1", 2),
        ("1", 4),
        ("1", 6),
        ("1", 8),
    ]
    assert entries[0].key == "g0123456789ab"
    assert [e.standing for e in entries[:3]] == [
        Standing.RUNNING,
        Standing.RUNNING,
        Standing.WAITING,
    ]


def test_what_is_no_xml_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="no XML"):
        GridEngine().entries(b"error: commlib error")


def test_elements_are_cancelled_as_grid_engine_counts_them() -> None:
    assert "qdel 12.4 13" in GridEngine().cancel([("12", 3), ("13", None)])


def test_accounts_are_read() -> None:
    first, second = GridEngine().accounts(BLOCK)
    assert (first.job, first.element, first.exitcode) == ("1", 1, 3)
    assert first.standing is Standing.FINISHED
    assert (first.cpu_time, first.max_memory) == (0.005, 4566 * 1024)
    assert (second.element, second.exitcode, second.signal) == (None, None, 12)
    assert (second.cpu_time, second.max_memory) == (1.5, 2048 * 1024)
