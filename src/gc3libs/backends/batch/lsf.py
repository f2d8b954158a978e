"""LSF's commands, and what they print; written from its documentation.

Not verified: there was no LSF to try this with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from shlex import join

from gc3libs.backends.batch.scheduler import (
    Entry,
    Scheduler,
    Standing,
    Submission,
    Unreadable,
    key_in,
    ranges,
    refusal_in,
)
from gc3libs.backends.transport.base import Completed

_FIELDS = "jobid jobindex stat exit_code exit_reason cpu_used max_mem name delimiter='|'"
_SUBMITTED = re.compile(r"Job <(\d+)> is submitted")
_PASSING = re.compile(
    "lsf is down|cannot connect|please wait|timed out|timeout|try again|failed in an lsf library"
    "|communication|pending job threshold|job limit reached",
    re.IGNORECASE,
)
_NONE = "*'No job found'*|*'No unfinished job found'*"
_GONE = "*'already finished'*|*'No matching job found'*"
_STANDINGS = {
    **dict.fromkeys(("PEND", "PSUSP", "WAIT", "PROV"), Standing.WAITING),
    **dict.fromkeys(("RUN", "USUSP", "SSUSP"), Standing.RUNNING),
    **dict.fromkeys(("DONE", "EXIT"), Standing.FINISHED),
    **dict.fromkeys(("ZOMBI", "UNKWN"), Standing.RUNNING),
}
_REASONS = {
    "TERM_RUNLIMIT": Standing.TIMED_OUT,
    "TERM_DEADLINE": Standing.TIMED_OUT,
    "TERM_CPULIMIT": Standing.TIMED_OUT,
    "TERM_MEMLIMIT": Standing.OUT_OF_MEMORY,
    "TERM_SWAP": Standing.OUT_OF_MEMORY,
    "TERM_OWNER": Standing.CANCELLED,
    "TERM_ADMIN": Standing.CANCELLED,
    "TERM_FORCE_OWNER": Standing.CANCELLED,
    "TERM_FORCE_ADMIN": Standing.CANCELLED,
    "TERM_PREEMPT": Standing.PREEMPTED,
    "TERM_ZOMBIE": Standing.FAILED,
    "TERM_RC_RECLAIM": Standing.FAILED,
    "TERM_UNKNOWN": Standing.FAILED,
}
_SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Lsf(Scheduler):
    """LSF, from version 10.1 on."""

    title = "LSF"
    verified = False
    index = "$((${LSB_JOBINDEX:-0} > 0 ? ${LSB_JOBINDEX:-0} - 1 : 0))"
    array_size = 1000

    def submit(self, submission: Submission) -> str:
        """`bsub`; the job's name ends with the key."""
        request = submission.request
        name = submission.name[-200:]
        log = submission.log
        if submission.elements > 1:
            name, log = f"{name}[1-{submission.elements}]", f"{log}.%I"
        words = ["bsub", "-J", name, "-rn", "-cwd", submission.directory, "-oo", log]
        words += ["-n", str(request.cores * request.nodes), "-R", f"span[ptile={request.cores}]"]
        if request.memory_limit is not None:
            words += ["-M", f"{-(-request.memory_limit >> 20)}MB"]
        memory = request.memory_limit or request.memory
        if memory is not None:
            words += ["-R", f"rusage[mem={-(-memory >> 20)}MB]"]
        if request.walltime is not None:
            words += ["-W", f"{-(-request.walltime // 60):.0f}"]
        if request.gpus:
            words += ["-gpu", f"num={request.gpus}"]
        for option, given in (("-q", request.queue), ("-P", request.account)):
            if given is not None:
                words += [option, given]
        return join([*words, *request.options, "/bin/sh", submission.script])

    def job_id(self, answer: Completed) -> str:
        """The number in `Job <12> is submitted to queue <normal>.`"""
        text = answer.stdout.decode(errors="replace")
        match = _SUBMITTED.search(text)
        if match is None:
            raise Unreadable(f"bsub printed {text.strip()!r} instead of a job ID")
        return match[1]

    def refusal(self, answer: Completed) -> str | None:
        """What `bsub` has printed, unless it is about reaching LSF or a full queue."""
        return refusal_in(answer, _PASSING, "bsub: ")

    def status(self) -> str:
        """`bjobs` with all jobs of this user, one line an element."""
        return (
            f'said=$(bjobs -a -noheader -o "{_FIELDS}" 2>&1) || case $said in {_NONE}) said= ;;'
            ' *) echo "$said" >&2; exit 1 ;; esac\necho "$said"'
        )

    def entries(self, output: bytes) -> list[Entry]:
        """One from each line."""
        lines = output.decode(errors="replace").splitlines()
        return [_entry(line) for line in lines if "|" in line]

    def cancel(self, jobs: Iterable[tuple[str, int | None]]) -> str:
        """`bkill`; that a job is over already is no error."""
        elements: dict[str, list[int]] = {}
        whole = []
        for id_, element in jobs:
            if element is None:
                whole.append(id_)
            else:
                elements.setdefault(id_, []).append(element + 1)
        whole += [f"{id_}[{ranges(numbers)}]" for id_, numbers in elements.items()]
        return (
            f"said=$(bkill {join(whole)} 2>&1) || case $said in {_GONE}) ;;"
            ' *) echo "$said" >&2; exit 1 ;; esac'
        )

    def version(self) -> str:
        """`lsid`, whose first line says it."""
        return "lsid"


def _entry(line: str) -> Entry:
    fields = [field.strip() for field in line.split("|", 7)]
    if len(fields) != 8 or not fields[0].isdigit():
        raise Unreadable(f"bjobs printed {line!r}")
    job, index, state, status, reason, cpu, memory, name = fields
    standing = _STANDINGS.get(state, Standing.WAITING)
    code = int(status) if status.isdigit() else 0
    if standing is Standing.FINISHED and state == "EXIT":
        standing = _REASONS.get(reason.partition(":")[0], standing)
    signalled = standing is not Standing.FINISHED and code > 128
    return Entry(
        job=job,
        element=int(index) - 1 if index.isdigit() and index != "0" else None,
        key=key_in(name.partition("[")[0]),
        standing=standing,
        exitcode=code if standing is Standing.FINISHED else None,
        signal=code - 128 if signalled else None,
        reason=reason if reason not in ("", "-") else state,
        cpu_time=_number(cpu.partition(" ")[0]),
        max_memory=_size(memory),
    )


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[\d.]+", text) else None


def _size(text: str) -> int | None:
    match = re.fullmatch(r"([\d.]+) ?([KMGT])?(?:bytes|B)?", text)
    if match is None:
        return None
    return int(float(match[1]) * _SIZES.get(match[2] or "M", 1))
