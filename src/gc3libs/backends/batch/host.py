"""A machine without a batch system: jobs are its processes, which nobody has to be logged in for.

A submission has a queue on the machine: a script that starts its elements, in order, as cores get
free; queues take turns. It goes on when nobody is connected. What there is of a submission is read
off the processes themselves: the queue and the script of each element bear a mark as an argument,
and all that an element starts inherits it in its environment. So there are no files that a crash
could make wrong: after a restart of the machine nothing is found, and a recycled process ID means
nothing. It needs `/proc`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from shlex import quote

from gc3libs.backends.batch.scheduler import Entry, Scheduler, Standing, Submission, Unreadable
from gc3libs.backends.transport.base import Completed

_STATUS = r"""(
[ -r /proc/self/environ ] || { echo "there is no /proc to look at" >&2; exit 1; }
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null |
tr '\0' '\n' | grep '^GC3_[A-Z]*=[0-9a-f]*,' | sort -u
exit 0
)"""

_CANCEL = r"""having() { grep -ls "[G]C3_ELEMENT=[0-9a-f]*,$1," /proc/[0-9]*/"$2" | cut -d/ -f3; }
for each in {elements}; do
    script=$(having "$each" cmdline)
    for pid in ${script:-$(having "$each" environ)}; do kill -s TERM "$pid"; done
    [ -n "$script" ] || {
        sleep 2
        for pid in $(having "$each" environ); do kill -s KILL "$pid"; done
    }
done 2>/dev/null
:"""
"""Ends the scripts of elements, which end their jobs and write that down.

Where somebody has killed a script, it ends what that has left.
"""


class Host(Scheduler):
    """The processes of a machine.

    Args:
        cores: How many its jobs may use at a time.
    """

    title = "the table of processes"
    index = "$2"
    array_size = 1000
    ask_every = 0.5
    remembers = False

    def __init__(self, cores: int) -> None:
        self.cores = cores

    def submit(self, submission: Submission) -> str:
        """Start the queue in a session of its own, so that it goes on."""
        directory = submission.script.rpartition("/")[0]
        place = hashlib.sha256(submission.directory.encode(errors="surrogateescape")).hexdigest()
        facts = f"{submission.key},0,{submission.elements},{submission.request.cores},{self.cores}"
        return (
            f"cat >{quote(directory)}/queue <<'END'\n{_queue()}END\n"
            'read -r up rest </proc/uptime && at=$(printf "%s%s%07d" "${up%.*}" "${up#*.}" $$) &&'
            f' {{ setsid /bin/sh {quote(directory)}/queue "GC3_QUEUE={place[:12]},$at,{facts}"'
            f" </dev/null >{quote(submission.log)} 2>&1 & }} && echo {submission.key}"
        )

    def job_id(self, answer: Completed) -> str:
        """The key of the submission."""
        words = answer.stdout.decode(errors="replace").split()
        if len(words) != 1:
            raise Unreadable(f"the shell printed {' '.join(words)!r} instead of a key")
        return words[0]

    def refusal(self, answer: Completed) -> str | None:
        """None: a process that cannot be started now may be started later."""
        return None

    def status(self) -> str:
        """All marks; an element of which anything is left is running."""
        return _STATUS

    def entries(self, output: bytes) -> list[Entry]:
        """One from each element; those that run come last, and so overrule what a queue says."""
        waiting: list[Entry] = []
        running: list[Entry] = []
        for line in output.decode(errors="replace").splitlines():
            name, _, text = line.partition("=")
            facts = text.split(",")
            try:
                if name == "GC3_QUEUE":
                    _, _, key, first, count, _, _ = facts
                    waiting += [
                        Entry(job=key, element=element, key=key, standing=Standing.WAITING)
                        for element in range(int(first), int(count))
                    ]
                elif name == "GC3_ELEMENT":
                    _, key, element, _ = facts
                    running.append(
                        Entry(job=key, element=int(element), key=key, standing=Standing.RUNNING)
                    )
            except ValueError:  # somebody else's
                continue
        return [*waiting, *running]

    def cancel(self, jobs: Iterable[tuple[str, int | None]]) -> str:
        """End these elements; it takes a while where the script that would do it is gone."""
        elements = [quote(f"{key},{element or 0}") for key, element in jobs]
        return _CANCEL.replace("{elements}", " ".join(elements))

    def version(self) -> str:
        """The name and release of its kernel."""
        return "uname -sr"


@cache
def _queue() -> str:
    return Path(__file__).with_name("queue.sh").read_text()
