"""`python -I -S -E run.py WORKDIR SOCKET BOOT-ID`: start the supervisor of a work directory.

The caller waits for this process; it ends, with status 0, once the supervisor listens in the
background.
"""

import os
import sys

# in its own right, so that neither gc3libs nor site-packages are looked at
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120

from supervisor.daemon import start  # type: ignore[import-not-found]

if __name__ == "__main__":
    sys.exit(start(*sys.argv[1:]))
