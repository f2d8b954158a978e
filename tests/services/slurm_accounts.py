"""Accounts for a private Slurm: its own `slurmdbd`, with a database of its own on MariaDB."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import subprocess

import pytest

from .daemons import end, program, until
from .slurm import Slurm
from .ssh import free_port

CONFIGURATION = """\
AuthType=auth/munge
AuthInfo=socket={directory}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser={user}
PidFile={directory}/slurmdbd.pid
LogFile={directory}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StorageUser=root
StorageLoc={database}
"""
MORE = """\
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={directory}/munge/socket
"""


class AccountedSlurm(Slurm):
    """A Slurm that keeps accounts, memory included."""

    def __init__(self, cores: int = 4) -> None:
        program("slurmdbd", "slurmdbd slurm-wlm-mysql-plugin")
        super().__init__(cores)
        self._port = free_port()
        self._database = f"gc3_slurm_{secrets.token_hex(4)}"
        self._sql(f"create database {self._database}")
        more = MORE.format(port=self._port, directory=self.directory)
        self.configure(gather="linux", accounts="slurmdbd", more=more)

    def start_controller(self) -> None:
        """Start the keeper of accounts first, and make this cluster known to it."""
        path = self.directory / "slurmdbd.conf"
        path.touch(mode=0o600)
        path.write_text(
            CONFIGURATION.format(
                directory=self.directory,
                port=self._port,
                user=getpass.getuser(),
                database=self._database,
            )
        )
        self._start("slurmdbd", environment=self.environment)
        until(lambda: self.run("sacctmgr", "-i", "list", "cluster", check=False).returncode == 0)
        self.run("sacctmgr", "-i", "add", "cluster", "gc3test", check=False)
        super().start_controller()

    def stop(self) -> None:
        """End everything, and remove it."""
        end(self.directory / "slurmctld.pid", signal.SIGKILL)
        end(self.directory / "slurmdbd.pid", signal.SIGKILL)
        super().stop()
        self._sql(f"drop database {self._database}")

    @staticmethod
    def _sql(statement: str) -> None:
        words = ("mariadb", "-h", "127.0.0.1", "-u", "root", "-e", statement)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if os.environ.get("CI") == "true":
            pytest.fail(done.stderr)
        pytest.skip(f"no MariaDB on 127.0.0.1:3306 that lets root in: {done.stderr.strip()}")
