"""Former home of the backend of this machine."""

from __future__ import annotations

import warnings
from typing import Any

from gc3libs.backends.local import LocalBackend


def __getattr__(name: str) -> Any:
    if name != "ShellcmdLrms":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"{__name__}.{name} has moved: use gc3libs.backends.local.LocalBackend",
        DeprecationWarning,
        stacklevel=2,
    )
    return LocalBackend
