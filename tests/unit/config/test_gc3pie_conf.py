"""Configuration files of GC3Pie's kind."""

from __future__ import annotations

import pytest

from gc3libs.config import Configuration, read_sections
from gc3libs.exceptions import (
    ConfigurationError,
    NoAccessibleConfigurationFile,
    NoValidConfigurationFile,
)
from gc3libs.quantity import GB

TEXT = """
[DEFAULT]
name = %(not expanded)s
[auth/ssh]
type = ssh
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
[resource/cluster]
type = slurm
max_cores = 1000
"""


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "gc3pie.conf"
    path.write_text(TEXT)
    return path


def test_resources_are_read(conf):
    found = {each.name: each for each in read_sections([str(conf)], named=True)}
    assert list(found) == ["here", "off", "far", "cluster"]
    assert [each.name for each in found.values() if each.is_here] == ["here", "off"]
    assert (found["here"].cores, found["here"].memory) == (4, 8 * GB)
    assert (found["off"].cores, found["off"].memory, found["off"].enabled) == (None, None, False)


def test_later_files_and_given_sections_win(conf, tmp_path):
    (tmp_path / "later.conf").write_text("[resource/here]\nmax_cores = 2\n")
    files = [str(conf), str(tmp_path / "later.conf")]
    assert read_sections(files, named=True)[0].cores == 2
    more = {"resource/here": {"max_cores": 1}}
    assert read_sections(files, named=True, more=more)[0].cores == 1


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
    "wrong", [{"max_cores": "many"}, {"max_cores": "1", "max_memory_per_core": "big"}]
)
def test_a_value_that_makes_no_sense_is_an_error_of_that_resource(wrong):
    with pytest.raises(ConfigurationError, match="resource bad:"):
        read_sections([], named=False, more={"resource/bad": {"type": "shellcmd", **wrong}})


def test_a_configuration_is_what_was_given():
    configuration = Configuration("a.conf", "b.conf", cfg_dict={"resource/x": {}}, auto=True)
    assert configuration.locations == ("a.conf", "b.conf")
    assert configuration.sections == {"resource/x": {}}
