"""Running jobs on this machine."""

from gc3libs.backends.local.backend import LocalBackend

__all__ = ["LocalBackend"]
