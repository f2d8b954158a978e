"""What this machine offers, control groups considered."""

import os
import re

import pytest

from gc3libs.backends.local import machine


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A tree of control groups in which this process is in `a/b`."""
    monkeypatch.setattr(machine, "_GROUPS", tmp_path)
    membership = tmp_path / "membership"
    membership.write_text("0::/a/b\n1:cpu,cpuacct:/a/b\n")
    monkeypatch.setattr(machine, "_MEMBERSHIP", membership)
    for directory in (tmp_path / "a" / "b", tmp_path / "cpu,cpuacct" / "a" / "b"):
        directory.mkdir(parents=True)
    return tmp_path


def test_without_limits_the_whole_machine_is_offered(groups):
    assert machine.cores() == len(os.sched_getaffinity(0))
    assert machine.memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("where", ["a/b/cpu.max", "a/cpu.max", "cpu.max"])
def test_the_narrowest_group_counts(groups, where):
    (groups / where).write_text("150000 100000\n")
    assert machine.cores() == 1


def test_an_older_kind_of_group(groups):
    (groups / "cpu,cpuacct" / "a" / "cpu.cfs_quota_us").write_text("100000\n")
    (groups / "cpu,cpuacct" / "a" / "cpu.cfs_period_us").write_text("100000\n")
    (groups / "a" / "memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")
    assert machine.cores() == 1
    assert machine.memory() > 2**28


def test_memory_of_a_group(groups):
    (groups / "a" / "memory.max").write_text("100000000\n")
    (groups / "a" / "b" / "memory.max").write_text("max\n")
    assert machine.memory() == 100_000_000


def test_the_boot_id_is_the_kernels(groups):
    assert re.fullmatch(r"[0-9a-f-]{36}", machine.boot_id())
