"""A worker's agent: a process that starts, watches and ends jobs for one Dask worker.

Standard library only, single-threaded, and small, since each call of a function is a fork of it.
"""
