"""Objects kept by ID. Knows nothing of tasks."""

from gc3libs.persistence.factory import make_store, register
from gc3libs.persistence.persistable import Persistable
from gc3libs.persistence.record import Query, Record, StateCount, Summary
from gc3libs.persistence.store import Store
from gc3libs.persistence.trust import trust

__all__ = [
    "Persistable",
    "Query",
    "Record",
    "StateCount",
    "Store",
    "Summary",
    "make_store",
    "register",
    "trust",
]
