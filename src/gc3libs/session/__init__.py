"""Persistent collections of tasks."""

from gc3libs.session._asking import Counts
from gc3libs.session._lease import Holder, Lease
from gc3libs.session._session import Session
from gc3libs.session._temporary import TemporarySession

__all__ = ["Counts", "Holder", "Lease", "Session", "TemporarySession"]

for _public in (Counts, Holder, Lease, Session, TemporarySession):
    _public.__module__ = __name__
del _public
