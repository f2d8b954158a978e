"""Answers about a session's tasks: the store's, or what it says of each ID in the index."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from gc3libs.exceptions import StoreUnavailable
from gc3libs.persistence import Query, Summary
from gc3libs.persistence.query import arranged, totals
from gc3libs.persistence.record import StateCount, Totals
from gc3libs.session._asking import IN_FLIGHT, WAITING, Question, accepted, accepted_counts
from gc3libs.session._family import levels_below
from gc3libs.session._mirror import BATCH, chunks, is_id
from gc3libs.session._register import Register

logger = logging.getLogger(__name__)


class Answers:
    """Summaries and numbers of a session's tasks; none is loaded."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._store = register.store
        self._listing = register.listing

    def summaries(self, question: Question) -> Iterator[Summary]:
        """Of what the question is about: top-level tasks in order, then what they own."""
        if self.can_look_up():
            found = self._store.summaries(question.of(session=self._register.uuid))
        elif question.query.order is not None or question.query.reverse:
            found = iter(arranged(self._summaries_by_ids(question), question.query))
        else:
            found = self._summaries_by_ids(question)
        return accepted(question, found)

    def _summaries_by_ids(self, question: Question) -> Iterator[Summary]:
        for ids in self._id_batches():
            found = {each.id: each for each in self._store.summaries(question.of(ids=ids))}
            yield from (found[id_] for id_ in ids if id_ in found)

    def unfinished(self) -> Iterator[str]:
        """IDs of top-level tasks that are not over and not held: those in flight first.

        What runs for another session is that one's.
        """
        if not self.can_look_up():
            yield from self._unfinished_by_ids()
            return
        for states in (IN_FLIGHT, WAITING):
            query = Query(session=self._register.uuid, top=True, held=False, states=states)
            yield from (each.id for each in self._store.summaries(query))

    def _unfinished_by_ids(self) -> Iterator[str]:
        for states in (IN_FLIGHT, WAITING):
            for summary in self._summaries_by_ids(Question(Query(held=False, states=states))):
                if summary.id in self._listing and not self._runs_elsewhere(summary):
                    yield summary.id

    def _runs_elsewhere(self, summary: Summary) -> bool:
        return (
            self._register.origin.shares
            and summary.session not in ("", self._register.uuid)
            and summary.state in IN_FLIGHT
        )

    def counts(self, question: Question) -> Iterator[StateCount]:
        """How many there are of what the question is about."""
        if self.can_look_up():
            found: Iterable[StateCount] = self._store.counts(
                question.of(session=self._register.uuid)
            )
        else:
            found = (
                count
                for ids in self._id_batches()
                for count in self._store.counts(question.of(ids=ids))
            )
        return accepted_counts(question, found)

    def totals(self, question: Question) -> Totals:
        """What those that the question is about, all that its query finds, have used."""
        if self.can_look_up():
            return self._store.totals(question.of(session=self._register.uuid))
        return totals(self._summaries_by_ids(question))

    def _id_batches(self) -> Iterator[tuple[str, ...]]:
        for some in chunks(self._listing, BATCH):
            yield tuple(filter(is_id, some))
        for level in levels_below(self._store, self._listing, self._listing):
            yield from map(tuple, chunks(level, BATCH))

    def digests(self, wanted: Collection[str] | None) -> set[str]:
        """Those of these digests (None: of all) that a top-level task of the session has."""
        query = Query(digests=None if wanted is None else tuple(wanted))
        if self.can_look_up():
            found = self._store.summaries(replace(query, session=self._register.uuid, top=True))
            return {each.digest for each in found}
        known: set[str] = set()
        for some in chunks(self._listing, BATCH):
            ids = tuple(filter(is_id, some))
            known.update(each.digest for each in self._store.summaries(replace(query, ids=ids)))
        return known

    def can_look_up(self) -> bool:
        """Whether the store's mirror is that of the session as it is; made so if possible."""
        mirror = self._register.mirror()
        if mirror is None or not self._listing.whole:
            return False
        self._listing.index.refresh()
        if mirror.in_step():
            return True
        if self._register.is_copy:
            return False
        try:
            with self._register.changing():
                return self._register.mirror_in_step() is not None
        except StoreUnavailable as err:
            logger.debug("%s: asking for each task by its ID: %s", self._register.place.path, err)
            return False
