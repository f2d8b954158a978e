"""`python -P run.py WORKDIR NAME CHANNEL CORES MEMORY GRACE`: an agent, in the foreground."""

import os
import sys
from types import ModuleType

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))  # noqa: PTH120


def _lay_out_packages() -> None:
    """Let modules of gc3libs be imported without the packages around them, which are large."""
    for name in ("gc3libs", "gc3libs.backends", "gc3libs.backends.local", "gc3libs.backends.dask"):
        package = ModuleType(name)
        package.__path__ = [os.path.join(_ROOT, *name.split(".")[1:])]  # noqa: PTH118
        sys.modules[name] = package


if __name__ == "__main__":
    _lay_out_packages()
    from gc3libs.backends.dask.agent.loop import serve

    serve(*sys.argv[1:])
