"""The process that starts this machine's jobs, waits for them and outlives the engine.

It is executed afresh from `run.py`, imports nothing but a little of the standard library, and keeps
its modules to relative imports, so that it starts in a few milliseconds and stays small (a job's
peak memory cannot be measured below the size of the process that starts it). The engine's side
imports the same modules for what both must agree
on: `wire` and `records`.
"""
