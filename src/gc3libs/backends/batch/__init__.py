"""Jobs in the hands of a batch system, here or on another machine."""

from gc3libs.backends.batch.backend import BatchBackend

__all__ = ["BatchBackend"]
