"""The loop that moves tasks forward."""

from gc3libs.engine.create import create_engine
from gc3libs.engine.engine import Engine
from gc3libs.engine.ledger import Counts

__all__ = ["Counts", "Engine", "create_engine"]
