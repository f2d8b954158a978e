"""What a run that is over or was cut off has left: jobs whose ends nobody has collected yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gc3libs.cli._filters import FLYING

if TYPE_CHECKING:
    from gc3libs.session import Session


class Left(NamedTuple):
    """Jobs on this machine, of tasks that are in flight as far as the session knows.

    Attributes:
        ended: That have ended since.
        cut_off: That were started, and whose supervisor is not there any more.
    """

    ended: int = 0
    cut_off: int = 0

    def words(self) -> str:
        """What to say of them; empty if there are none.

        >>> Left(ended=2).words()
        '2 have ended: the next run collects them'
        """
        parts = []
        if self.ended:
            them = "it" if self.ended == 1 else "them"
            have = "has" if self.ended == 1 else "have"
            parts.append(f"{self.ended:,} {have} ended: the next run collects {them}")
        if self.cut_off:
            was = "was" if self.cut_off == 1 else "were"
            parts.append(f"{self.cut_off:,} {was} cut off")
        return "; ".join(parts)


def left_by(session: Session) -> Left:
    """What the journal of this machine's supervisor says; it is only read."""
    from gc3libs.backends.local.supervisor import daemon, journal, records

    run = Path(session.run_directory)
    try:
        _, jobs = journal.read(str(run / journal.FILE))
    except (OSError, journal.NewerJournal):
        return Left()
    flying = {summary.id for summary in session.summaries(states=FLYING)} if jobs else set()
    states = [job.state for job in jobs.values() if job.token.rpartition(".")[0] in flying]
    started = sum(state in records.UNFINISHED for state in states)
    return Left(
        ended=sum(state in (records.ENDED, records.LOST) for state in states),
        cut_off=0 if not started or daemon.is_served(run) else started,
    )
