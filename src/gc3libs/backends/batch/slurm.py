"""Slurm's commands, and what they print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from shlex import join

import msgspec

from gc3libs.backends.batch.scheduler import (
    Entry,
    Scheduler,
    Standing,
    Submission,
    Unreadable,
    ranges,
    refusal_in,
)
from gc3libs.backends.transport.base import Completed

_FIELDS = "ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,StartTime:|,Comment:|"
_ACCOUNT = "JobID,State,ExitCode,TotalCPU,MaxRSS"
_MARK = "gc3 "  # in comments, before the key
_STANDINGS = {
    "PENDING": Standing.WAITING,
    "REQUEUED": Standing.WAITING,
    "REQUEUE_HOLD": Standing.WAITING,
    "REQUEUE_FED": Standing.WAITING,
    "SPECIAL_EXIT": Standing.WAITING,
    "RESV_DEL_HOLD": Standing.WAITING,
    "CONFIGURING": Standing.WAITING,
    "RUNNING": Standing.RUNNING,
    "COMPLETING": Standing.RUNNING,
    "STAGE_OUT": Standing.RUNNING,
    "SIGNALING": Standing.RUNNING,
    "STOPPED": Standing.RUNNING,
    "SUSPENDED": Standing.RUNNING,
    "RESIZING": Standing.RUNNING,
    "COMPLETED": Standing.FINISHED,
    "CANCELLED": Standing.CANCELLED,
    "TIMEOUT": Standing.TIMED_OUT,
    "DEADLINE": Standing.TIMED_OUT,
    "OUT_OF_MEMORY": Standing.OUT_OF_MEMORY,
    "PREEMPTED": Standing.PREEMPTED,
    "REVOKED": Standing.FAILED,
    "NODE_FAIL": Standing.FAILED,
    "BOOT_FAIL": Standing.FAILED,
}
_PASSING = re.compile(
    "unable to contact|connect|timed out|temporarily|try again|retrying|communication|socket"
    "|MaxSubmit|munge|in standby|not responding",
    re.IGNORECASE,
)
"""In what `sbatch` prints when the same may be possible later."""

_GONE = "*'Invalid job id'*|*'already completing'*"
_SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Slurm(Scheduler):
    """Slurm, from version 20.02 on."""

    title = "Slurm"
    has_qos = True
    remembers = False
    index = "${SLURM_ARRAY_TASK_ID:-0}"
    array_size = 1000

    def submit(self, submission: Submission) -> str:
        """`sbatch`, which answers with nothing but the ID; the key goes into the comment."""
        request = submission.request
        is_array = submission.elements > 1
        words = [
            "sbatch",
            "--parsable",
            "--no-requeue",
            f"--job-name={submission.name}",
            f"--comment={_MARK}{submission.key}",
            f"--chdir={submission.directory}",
            f"--output={submission.log}{'.%a' if is_array else ''}",
            f"--nodes={request.nodes}",
            f"--ntasks={request.nodes}",
            f"--cpus-per-task={request.cores}",
        ]
        memory = request.memory_limit or request.memory
        optional = (
            ("--array", f"0-{submission.elements - 1}" if is_array else None),
            ("--gres", f"gpu:{request.gpus}" if request.gpus else None),
            ("--mem", None if memory is None else f"{-(-memory >> 20)}M"),
            ("--time", None if request.walltime is None else f"{-(-request.walltime // 60):.0f}"),
            ("--partition", request.queue),
            ("--account", request.account),
            ("--qos", request.qos),
        )
        words += [f"{name}={value}" for name, value in optional if value is not None]
        return join([*words, *request.options, submission.script])

    def job_id(self, answer: Completed) -> str:
        """The first word, up to a semicolon: after that comes the cluster's name."""
        line = answer.stdout.decode(errors="replace").strip().rpartition("\n")[2]
        id_ = line.partition(";")[0]
        if not id_.isdigit():
            raise Unreadable(f"sbatch printed {line!r} instead of a job ID")
        return id_

    def refusal(self, answer: Completed) -> str | None:
        """What `sbatch` has printed, unless it is about reaching Slurm or a full queue."""
        return refusal_in(answer, _PASSING, "sbatch: ")

    def status(self) -> str:
        """`squeue` with all jobs of this user, one line an element, times as seconds."""
        return f"SLURM_TIME_FORMAT=%s squeue --noheader --array --states=all --me -O {_FIELDS!r}"

    def entries(self, output: bytes) -> list[Entry]:
        """One from each line."""
        lines = output.decode(errors="replace").splitlines()
        return [_entry(line) for line in lines if line.strip()]

    def cancel(self, jobs: Iterable[tuple[str, int | None]]) -> str:
        """`scancel`; that a job is over already is no error."""
        elements: dict[str, list[int]] = {}
        whole = []
        for id_, element in jobs:
            if element is None:
                whole.append(id_)
            else:
                elements.setdefault(id_, []).append(element)
        whole += [f"{id_}_[{ranges(numbers)}]" for id_, numbers in elements.items()]
        return (
            f"said=$(scancel {join(whole)} 2>&1) || case $said in {_GONE}) ;;"
            ' *) echo "$said" >&2; exit 1 ;; esac'
        )

    def accounting(self, jobs: Sequence[str]) -> str | None:
        """`sacct`: a line for each element, and others for its steps."""
        return f"sacct --noheader --parsable2 --jobs={','.join(jobs)} --format={_ACCOUNT}"

    def accounts(self, output: bytes) -> list[Entry]:
        """One from each job; its memory is that of its greediest step."""
        found: dict[str, Entry] = {}
        peaks: dict[str, int] = {}
        for line in output.decode(errors="replace").splitlines():
            fields = line.split("|")
            if len(fields) != len(_ACCOUNT.split(",")):
                raise Unreadable(f"sacct printed {line!r}")
            name, is_step, _ = fields[0].partition(".")
            if fields[4]:
                peaks[name] = max(peaks.get(name, 0), _size(fields[4]))
            if not is_step and "[" not in name:
                found[name] = _account(name, *fields[1:4])
        return [
            msgspec.structs.replace(entry, max_memory=peaks.get(name))
            for name, entry in found.items()
        ]

    def version(self) -> str:
        """`sbatch --version`, once the controller has answered."""
        return "sinfo --noheader --format=%P >/dev/null && sbatch --version"


def _entry(line: str) -> Entry:
    fields = line.split("|", 5)
    if len(fields) != 6 or not fields[0].isdigit():
        raise Unreadable(f"squeue printed {line!r}")
    job, index, state, status, start, comment = fields
    comment = comment.rstrip("|")
    exitcode, signal = _status(int(status) if status.isdigit() else 0)
    standing = _standing(state)
    return Entry(
        job=job,
        element=int(index) if index.isdigit() else None,
        key=comment.removeprefix(_MARK) if comment.startswith(_MARK) else "",
        standing=standing,
        exitcode=exitcode if standing.is_over else None,
        signal=signal if standing.is_over else None,
        reason=state,
        started=float(start) if start.isdigit() and standing is not Standing.WAITING else None,
    )


def _account(name: str, state: str, status: str, cpu: str) -> Entry:
    job, _, index = name.partition("_")
    code, _, signal = status.partition(":")
    word = state.split()[0] if state else ""
    return Entry(
        job=job,
        element=int(index) if index.isdigit() else None,
        standing=_standing(word),
        exitcode=int(code) if code.isdigit() and signal in ("", "0") else None,
        signal=int(signal) if signal.isdigit() and signal != "0" else None,
        reason=state,
        cpu_time=_time(cpu),
    )


def _standing(state: str) -> Standing:
    """Of a state; `FAILED` means that a script has ended with another status than 0."""
    if state == "FAILED":
        return Standing.FINISHED
    return _STANDINGS.get(state, Standing.RUNNING)


def _status(status: int) -> tuple[int | None, int | None]:
    """Exit code and signal of a status as `wait` gives it; what is above 128 is a shell's word."""
    if status & 0x7F:
        return None, status & 0x7F
    return status >> 8, None


def _size(text: str) -> int:
    unit = _SIZES.get(text[-1:], 1)
    return int(float(text.rstrip("KMGT")) * unit)


def _time(text: str) -> float | None:
    """Seconds of `[DAYS-[HOURS:]]MINUTES:SECONDS`."""
    days, _, rest = text.rpartition("-")
    seconds = 0.0
    try:
        for part in rest.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds + 86400 * int(days or 0)
    except ValueError:
        return None
