"""For those who write a store or a backend of their own, or test what uses one.

The classes named `...Tests` are suites to subclass; they need pytest, nothing else here does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.testing._clock import VirtualClock

if TYPE_CHECKING:
    from gc3libs.testing._backends import BackendTests
    from gc3libs.testing._stores import MirrorTests, StoreTests, UnsharedStoreTests
    from gc3libs.testing._transports import TransportTests

__all__ = [
    "BackendTests",
    "MirrorTests",
    "Outcome",
    "ScriptedBackend",
    "StoreTests",
    "TransportTests",
    "UnsharedStoreTests",
    "VirtualClock",
]

_SUITES = {
    "BackendTests": "_backends",
    "MirrorTests": "_stores",
    "StoreTests": "_stores",
    "TransportTests": "_transports",
    "UnsharedStoreTests": "_stores",
}


def __getattr__(name: str) -> Any:
    if name in _SUITES:
        return getattr(import_module(f"gc3libs.testing.{_SUITES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
