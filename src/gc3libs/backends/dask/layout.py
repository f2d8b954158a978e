"""Where things lie in the work directory, which engine and workers share.

```
identity                     a random word: who sees another one is in another directory
batches/BATCH/jobs           what was handed over together
batches/BATCH/INDEX          a symbolic link: the job was claimed, and by whom
batches/BATCH/CHUNK@AGENT    what an agent has to say of the jobs of a chunk, a line each
batches/BATCH/freed          jobs of it that are of no use any more
agents/AGENT                 locked while the agent is there
jobs/ logs/ outputs/ fetched/ scratch/    as they are for jobs of this machine
```

A job's claim is made once, and never taken back: before an agent starts the job, or by an engine
that has it not started. Whoever comes second leaves it alone. So a job runs at most once, however
often Dask runs its chunk; and as long as a batch's directory is there, this is known. Once it is
gone no claim can be made.

This module is used by agents, too: it imports the standard library only.
"""

from __future__ import annotations

import os

IDENTITY = "identity"
BATCHES = "batches"
JOBS = "jobs"
FREED = "freed"
AGENTS = "agents"
SCRATCH = "scratch"

RETURNED = "-"  # begins the claim of an engine: the job was not started; the reason follows
LOST = "!"  # the same: it may have been started, and its end will never be known


def batch(name: str) -> str:
    """Directory of a batch."""
    return f"{BATCHES}/{name}"


def claim(name: str, index: int) -> str:
    """The claim of a job."""
    return f"{BATCHES}/{name}/{index}"


def news(name: str, chunk: int, agent: str) -> str:
    """What an agent says of a chunk."""
    return f"{BATCHES}/{name}/{chunk}@{agent}"


def take(path: str, owner: str) -> bool:
    """Claim a job; false if somebody has, or nobody may any more."""
    try:
        os.symlink(owner, path)  # noqa: PTH211
    except (FileExistsError, FileNotFoundError):
        return False
    return True


def owner(path: str) -> str | None:
    """Who has claimed a job; None if nobody has."""
    try:
        return os.readlink(path)  # noqa: PTH115
    except FileNotFoundError:
        return None
