"""Running a Python function as a fork of the agent: as a fresh interpreter would, but sooner."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import signal
import sys
from resource import RLIMIT_NOFILE, getrlimit

from gc3libs import _runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

RUNNER = os.path.abspath(_runner.__file__)  # noqa: PTH100

_SET_PARENT_DEATH_SIGNAL = 1
_DEFAULTS = (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM)  # to what Python leaves them at


def by_value_is_readable() -> None:
    """Have what reads functions that travel by value at hand, before the agent is forked."""
    import cloudpickle  # noqa: F401


class Calls:
    """Forks that each do what `python -P _runner.py ARGUMENTS` does.

    To be made when the agent has imported all that it needs: forks see nothing of it.
    """

    def __init__(self) -> None:
        self._prctl: Callable[..., int] = ctypes.CDLL(None).prctl
        self._most_files = getrlimit(RLIMIT_NOFILE)[0]
        for name in [each for each in sys.modules if each.partition(".")[0] == "gc3libs"]:
            del sys.modules[name]
        for each in vars(_runner).values():
            if isinstance(each, type) and each.__module__ == _runner.__name__:
                each.__module__ = "__main__"
        _runner.__name__ = "__main__"
        sys.modules["__main__"] = _runner
        gc.collect()
        gc.freeze()  # or the first collection in each fork would copy all pages

    def fork(
        self,
        arguments: Sequence[bytes],
        files: Mapping[str, bytes],
        environment: Mapping[bytes, bytes],
        actions: Sequence[tuple[int, int, int]],
    ) -> int:
        """Start a call in the current directory; its process ID, which is its group's, too.

        Args:
            arguments: Names of what the runner reads and writes.
            files: What of that is not in the directory.
            environment: Added to the agent's own.
            actions: Descriptors to duplicate: (a number, source, target).
        """
        agent = os.getpid()
        pid = os.fork()
        if pid:
            with contextlib.suppress(OSError):  # it has done so itself, or is gone
                os.setpgid(pid, pid)
            return pid
        status = 1
        try:
            self._prepare(agent, environment, actions)
            status = _run(os.fsdecode(arguments[0]), os.fsdecode(arguments[1]), files)
        finally:
            os._exit(status)

    def _prepare(
        self,
        agent: int,
        environment: Mapping[bytes, bytes],
        actions: Sequence[tuple[int, int, int]],
    ) -> None:
        os.setpgid(0, 0)
        self._prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != agent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for _, source, target in actions:
            os.dup2(source, target)
        os.closerange(3, self._most_files)
        os.environb.update(environment)


def _run(call: str, outcome: str, files: Mapping[str, bytes]) -> int:
    def load(name: str) -> Any:
        return pickle.loads(files[name]) if name in files else _runner.load_file(name)

    sys.argv = [RUNNER, call, outcome]
    try:
        return _runner.main(call, outcome, load)
    finally:
        _finish()


def _finish() -> None:
    """What an interpreter does at its end."""
    import atexit

    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
