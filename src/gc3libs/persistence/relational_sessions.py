"""What stores in SQL databases keep of sessions: members, stamps and epochs."""

from __future__ import annotations

from collections.abc import Sequence

from gc3libs.exceptions import LeaseLost, ObjectNotFound
from gc3libs.persistence.columns import row_id
from gc3libs.persistence.conditions import by_ids
from gc3libs.persistence.record import Guard, Stamp, split_id
from gc3libs.persistence.relational_queries import RelationalQueries, Transaction, chunks


class RelationalSessions(RelationalQueries):
    """The part of a `RelationalStore` that deals with sessions."""

    def _enrol(self, ids: Sequence[str], position: int, stamp: Stamp) -> None:
        """What they own, at whatever level, becomes the session's, too, unless it is another's."""

        def work(tx: Transaction) -> None:
            rows = [
                (stamp.session, place, number, prefix)
                for place, (prefix, number) in enumerate(map(split_id, ids), start=position)
            ]
            keys = ("number", "prefix")
            if rows and tx.update(self._table, ("session", "position"), keys, rows) != len(rows):
                self._report_missing(tx, ids)
            level = [row[2] for row in rows]
            while level := self._adopt_children(tx, level, stamp.session):
                pass
            self._set_stamp(tx, stamp)

        self._run(work, write=True)

    def _report_missing(self, tx: Transaction, ids: Sequence[str]) -> None:
        condition, parameters = by_ids(ids, self._dialect)
        sql = f"SELECT number, prefix FROM {self._table} WHERE {condition}"
        have = {row_id(row) for row in tx.query(sql, parameters)}
        for id_ in ids:
            if id_ not in have:
                raise ObjectNotFound(id_, self.url)

    def _adopt_children(self, tx: Transaction, parents: Sequence[int], session: str) -> list[int]:
        """Children that belonged to no session and now belong to this one."""
        condition, parameters = self._dialect.among("parent", "parents", parents)
        rows = tx.query(
            f"SELECT DISTINCT number FROM {self._table} JOIN {self._relation} ON number = child"
            f" WHERE session = '' AND {condition}",
            parameters,
        )
        children = [number for (number,) in rows]
        if children:
            condition, parameters = self._dialect.among("number", "numbers", children)
            tx.change(
                f"UPDATE {self._table} SET session = :session WHERE {condition}",
                {**parameters, "session": session},
            )
        return children

    def _withdraw(self, ids: Sequence[str] | None, stamp: Stamp) -> None:
        leave = f"UPDATE {self._table} SET session = '', position = NULL WHERE session = :session"

        def work(tx: Transaction) -> None:
            session = {"session": stamp.session}
            if ids is None:
                tx.change(leave, session)
            for some in chunks(ids or ()):
                condition, parameters = by_ids(some, self._dialect)
                tx.change(f"{leave} AND {condition}", parameters | session)
            self._set_stamp(tx, stamp)

        self._run(work, write=True)

    def _stamp(self, session: str) -> str | None:
        sql = f"SELECT stamp FROM {self._sessions} WHERE uuid = :uuid"
        rows = self._select(sql, {"uuid": session})
        return rows[0][0] if rows else None

    def _set_stamp(self, tx: Transaction, stamp: Stamp | None) -> None:
        if stamp is not None:
            self._set_session(tx, stamp.session, "stamp", stamp.value)

    def _set_epoch(self, guard: Guard) -> None:
        def work(tx: Transaction) -> None:
            self._set_session(tx, guard.session, "epoch", guard.epoch)

        self._run(work, write=True)

    def _set_session(self, tx: Transaction, uuid: str, column: str, value: str | int) -> None:
        if not tx.update(self._sessions, (column,), ("uuid",), [(value, uuid)]):
            tx.insert(self._sessions, ("uuid", column), [(uuid, value)])

    def _check_guard(self, tx: Transaction, guard: Guard | None) -> None:
        if guard is None:
            return
        rows = tx.query(
            f"SELECT epoch FROM {self._sessions} WHERE uuid = :uuid{self._dialect.for_update}",
            {"uuid": guard.session},
        )
        if not rows or rows[0][0] != guard.epoch:
            raise LeaseLost(guard.session, self.url)
