"""Configuration files of GC3Pie's kind."""

from __future__ import annotations

import logging

import pytest

from gc3libs.config import (
    Configuration,
    HostResource,
    LocalResource,
    LsfResource,
    PbsResource,
    SgeResource,
    SlurmResource,
    read_sections,
)
from gc3libs.exceptions import (
    ConfigurationError,
    NoAccessibleConfigurationFile,
    NoValidConfigurationFile,
)
from gc3libs.quantity import GB, hours

TEXT = """
[DEFAULT]
name = %(not expanded)s
[auth/ssh]
type = ssh
username = me
keyfile = ~/.ssh/key
port = 2222
[resource/here]
type = shellcmd
transport = local
max_cores = 4
max_memory_per_core = 2 GB
[resource/off]
type = shellcmd
enabled = no
max_memory_per_core = 8GB
[resource/far]
type = shellcmd
transport = ssh
auth = ssh
frontend = far.example.org
max_cores = 8
[resource/cluster]
type = slurm
transport = ssh
auth = ssh
frontend = login.example.org
architecture = x86_64
max_cores = 1000
max_cores_per_job = 64
max_memory_per_core = 4
max_walltime = 8
queue = short
prologue_content = ulimit -c 0
enabled = true
[resource/sge]
type = sge
architecture = i686, x86_64
max_walltime = 2 days
default_pe = smp
[resource/pbs]
type = pbs
[resource/lsf]
type = lsf
[resource/cloud]
type = ec2+shellcmd
"""


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "gc3pie.conf"
    path.write_text(TEXT)
    return path


def test_resources_are_read(conf):
    found = {each.name: each.settings for each in read_sections([str(conf)], named=True)}
    assert found == {
        "here": LocalResource(enabled=True, cores=4, memory=8 * GB),
        "off": LocalResource(enabled=False),
        "far": HostResource(
            transport="ssh",
            host="far.example.org",
            user="me",
            identity="~/.ssh/key",
            port=2222,
            cores=8,
        ),
        "cluster": SlurmResource(
            transport="ssh",
            host="login.example.org",
            user="me",
            identity="~/.ssh/key",
            port=2222,
            architecture="x86_64",
            max_cores=1000,
            max_cores_per_job=64,
            max_memory_per_core=4 * GB,
            max_walltime=8 * hours,
            queue="short",
            prologue="ulimit -c 0",
        ),
        "sge": SgeResource(max_walltime=48 * hours, parallel_environment="smp"),
        "pbs": PbsResource(),
        "lsf": LsfResource(),
        "cloud": None,
    }


def test_a_resource_of_an_unknown_type_is_left_out_with_a_word(conf, caplog):
    with caplog.at_level(logging.WARNING):
        read_sections([str(conf)], named=True)
    (record,) = caplog.records
    assert "[resource/cloud]" in record.getMessage()
    assert "'ec2+shellcmd'" in record.getMessage()


def test_later_files_and_given_sections_win(conf, tmp_path):
    (tmp_path / "later.conf").write_text("[resource/here]\nmax_cores = 2\n")
    files = [str(conf), str(tmp_path / "later.conf")]
    assert read_sections(files, named=True)[0].settings.cores == 2
    more = {"resource/here": {"max_cores": 1}}
    assert read_sections(files, named=True, more=more)[0].settings.cores == 1


def test_names_of_files_are_expanded(conf, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", str(tmp_path))
    assert read_sections(["~/gc3pie.conf"], named=True)
    assert read_sections(["$PLACE/gc3pie.conf"], named=True)


def test_a_missing_file_matters_only_if_it_was_named():
    assert read_sections(["/nowhere.conf"], named=False) == []
    with pytest.raises(NoAccessibleConfigurationFile, match=r"/nowhere\.conf"):
        read_sections(["/nowhere.conf"], named=True)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "broken.conf"
    path.write_text("max_cores = 2\n")
    with pytest.raises(NoValidConfigurationFile, match=r"broken\.conf") as caught:
        read_sections([str(path)], named=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_cores": "many"},
        {"max_cores": "0"},
        {"max_cores": "1", "max_memory_per_core": "big"},
        {"transport": "pigeon"},
        {"type": "slurm", "max_walltime": "long"},
        {"type": "slurm", "queue": "two words"},
        {"type": "slurm", "transport": "ssh", "auth": "nobody"},
    ],
)
def test_a_value_that_makes_no_sense_is_an_error_of_that_resource(wrong):
    with pytest.raises(ConfigurationError, match="resource bad:"):
        read_sections([], named=False, more={"resource/bad": {"type": "shellcmd", **wrong}})


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "a b", ""])
def test_a_name_that_is_no_name_of_a_directory_is_an_error(name):
    with pytest.raises(ConfigurationError, match="a resource is called by"):
        read_sections([], named=False, more={f"resource/{name}": {"type": "slurm"}})


def test_a_configuration_is_what_was_given():
    configuration = Configuration("a.conf", "b.conf", cfg_dict={"resource/x": {}}, auto=True)
    assert configuration.locations == ("a.conf", "b.conf")
    assert configuration.sections == {"resource/x": {}}
