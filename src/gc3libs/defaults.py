"""Names of places and numbers that scripts look up; settings live in the configuration."""

import os
from pathlib import Path

from gc3libs.quantity import MiB

_HOME = Path.home()

RCDIR = str(_HOME / ".gc3")
CONFIG_FILE_LOCATIONS = [
    "/etc/gc3/gc3pie.conf",
    os.path.expandvars("$VIRTUAL_ENV/etc/gc3/gc3pie.conf"),
    os.environ.get("GC3PIE_CONF") or f"{RCDIR}/gc3pie.conf",
]
JOBS_DIR = f"{RCDIR}/jobs"
SPOOLDIR = str(_HOME / ".gc3pie_jobs")

SHELLCMD_LRMS = "shellcmd"
SLURM_LRMS = "slurm"
SGE_LRMS = "sge"
PBS_LRMS = "pbs"
LSF_LRMS = "lsf"

LSF_CACHE_TIME = 30
"""In seconds."""

PEEK_FILE_SIZE = 120
"""In bytes."""

SSH_CONFIG_FILE = str(_HOME / ".ssh" / "config")
SSH_PORT = 22
SSH_CONNECT_TIMEOUT = 30
"""In seconds."""

VM_OS_OVERHEAD = 512 * MiB
