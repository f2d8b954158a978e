"""What happened, line by line."""

from gc3libs.model import Run
from gc3libs.model.facts import History as HistoryOfRun


class History(HistoryOfRun):
    """Texts with the time at which each was added, by `append` or by a call.

    >>> history = History()
    >>> history("begun")
    >>> history.last()
    'begun'
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(Run())
