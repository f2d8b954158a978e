"""The commands of PBS Pro and OpenPBS, and what they print; written from their documentation.

Not verified: there was no PBS to try this with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from shlex import join
from typing import Any

from gc3libs.backends.batch.scheduler import (
    Entry,
    Request,
    Scheduler,
    Standing,
    Submission,
    Unreadable,
    key_in,
    refusal_in,
)
from gc3libs.backends.transport.base import Completed

_ID = re.compile(r"(\d+)(\[\d*\])?(\.\S+)?")
_PASSING = re.compile(
    "cannot connect|connection refused|timed out|timeout|try again|no permission to connect"
    "|would exceed .* limit|pbs_iff|end of file",
    re.IGNORECASE,
)
_GONE = "*'Unknown Job Id'*|*'has finished'*|*'Job has finished'*"
_STANDINGS = {
    **dict.fromkeys("QHWTM", Standing.WAITING),
    **dict.fromkeys("RESUB", Standing.RUNNING),
    **dict.fromkeys("FX", Standing.FINISHED),
}
"""Of `job_state`; a subjob that is over has X, an array that has begun has B."""

_KILLED = {
    -29: Standing.TIMED_OUT,
    -28: Standing.TIMED_OUT,
    -27: Standing.OUT_OF_MEMORY,
    -26: Standing.OUT_OF_MEMORY,
}
"""Of `Exit_status`; everything else below 0 is PBS's own failure."""

_DELETED = "91"  # of `substate`
_SIZES = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}


class Pbs(Scheduler):
    """PBS Pro from version 14, or OpenPBS: those whose `qstat` writes JSON."""

    title = "PBS"
    verified = False
    index = "${PBS_ARRAY_INDEX:-0}"
    array_size = 1000

    def submit(self, submission: Submission) -> str:
        """`qsub`, which answers with the ID; the job's name ends with the key."""
        request = submission.request
        words = ["qsub", "-V", "-r", "n", "-S", "/bin/sh", "-j", "oe"]
        words += ["-N", submission.name[-200:], "-o", submission.log]
        if submission.elements > 1:
            words += ["-J", f"0-{submission.elements - 1}"]
        words += ["-l", f"select={request.nodes}:{_chunk(request)}"]
        if request.walltime is not None:
            words += ["-l", f"walltime={request.walltime:.0f}"]
        for option, given in (("-q", request.queue), ("-A", request.account)):
            if given is not None:
                words += [option, given]
        return join([*words, *request.options, submission.script])

    def job_id(self, answer: Completed) -> str:
        """The last line: `12.server`, or `12[].server` for an array."""
        line = answer.stdout.decode(errors="replace").strip().rpartition("\n")[2]
        if _ID.fullmatch(line) is None:
            raise Unreadable(f"qsub printed {line!r} instead of a job ID")
        return line

    def refusal(self, answer: Completed) -> str | None:
        """What `qsub` has printed, unless it is about reaching the server or a full queue."""
        return refusal_in(answer, _PASSING, "qsub: ")

    def status(self) -> str:
        """`qstat` with all jobs of this user, as JSON, one entry an element."""
        return (
            'jobs=$(qselect -x -u "$(id -un)") || exit 1\n'
            '[ -z "$jobs" ] || qstat -x -t -f -F json $jobs'
        )

    def entries(self, output: bytes) -> list[Entry]:
        """One from each job, and each subjob of an array."""
        if not output.strip():
            return []
        try:
            jobs = json.loads(output)["Jobs"]
        except (ValueError, KeyError, TypeError) as err:
            raise Unreadable(f"qstat printed no JSON of jobs: {err}") from err
        return [_entry(id_, job) for id_, job in jobs.items()]

    def cancel(self, jobs: Iterable[tuple[str, int | None]]) -> str:
        """`qdel`; that a job is over already is no error."""
        ids = [id_ if n is None else id_.replace("[]", f"[{n}]") for id_, n in jobs]
        return (
            f"said=$(qdel {join(ids)} 2>&1) || case $said in {_GONE}) ;;"
            ' *) echo "$said" >&2; exit 1 ;; esac'
        )

    def version(self) -> str:
        """`qstat --version`, after the server has answered."""
        return "qstat -B >/dev/null && qstat --version 2>&1"


def _chunk(request: Request) -> str:
    """What is asked of each node."""
    memory = request.memory_limit or request.memory
    parts = [f"ncpus={request.cores}"]
    if memory is not None:
        parts.append(f"mem={-(-memory >> 20)}mb")
    if request.gpus:
        parts.append(f"ngpus={request.gpus}")
    return ":".join(parts)


def _entry(id_: str, job: dict[str, Any]) -> Entry:
    match = _ID.fullmatch(id_)
    if match is None:
        raise Unreadable(f"qstat printed a job called {id_!r}")
    index = (match[2] or "").strip("[]")
    state = str(job.get("job_state", ""))
    standing, exitcode, signal = _end(_STANDINGS.get(state, Standing.WAITING), job)
    used = job.get("resources_used", {})
    return Entry(
        job=f"{match[1]}[]{match[3] or ''}" if match[2] else id_,
        element=int(index) if index else None,
        key=key_in(str(job.get("Job_Name", ""))),
        standing=standing,
        exitcode=exitcode,
        signal=signal,
        reason=str(job.get("comment", "")) or state,
        cpu_time=_seconds(used.get("cput")),
        max_memory=_size(used.get("mem")),
    )


def _end(standing: Standing, job: dict[str, Any]) -> tuple[Standing, int | None, int | None]:
    """How a job that is over has ended: standing, exit code, signal."""
    status = job.get("Exit_status")
    if not standing.is_over:
        return standing, None, None
    if str(job.get("substate")) == _DELETED:
        return Standing.CANCELLED, None, None
    if status is None:
        return Standing.FAILED, None, None
    if status < 0:
        return _KILLED.get(status, Standing.FAILED), None, None
    if status > 256:
        return standing, None, status - 256
    return standing, status, None


def _seconds(text: Any) -> float | None:
    """Of `HOURS:MINUTES:SECONDS`."""
    parts = str(text).split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return None
    return 3600.0 * int(parts[0]) + 60 * int(parts[1]) + int(parts[2])


def _size(text: Any) -> int | None:
    match = re.fullmatch(r"(\d+)([kmgt]?b)", str(text))
    return None if match is None else int(match[1]) * _SIZES[match[2]]
