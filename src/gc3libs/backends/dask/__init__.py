"""Jobs on a cluster of Dask's `distributed`, for functions and many small commands."""

from gc3libs.backends.dask.backend import DaskBackend

__all__ = ["DaskBackend"]
