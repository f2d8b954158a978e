"""Resources that are configured: each with a type, and with the keys of that type."""

from __future__ import annotations

from pathlib import Path

import pytest

from gc3libs.config import DaskResource, Settings, SlurmResource, load_settings
from gc3libs.exceptions import InvalidSetting
from gc3libs.quantity import GB, Duration, Memory


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config" / "gc3").mkdir(parents=True)
    return tmp_path / "config" / "gc3"


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def load(project: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    """The settings of a project with this file."""
    (project / "gc3.toml").write_text(text)
    return load_settings(project, environ=environ or {})


def load_own(home: Path, project: Path, text: str) -> Settings:
    """The settings of a user with this file of their own."""
    (home / "gc3.toml").write_text(text)
    return load_settings(project, environ={})


def test_each_resource_has_the_settings_of_its_type(home: Path, project: Path) -> None:
    settings = load_own(
        home,
        project,
        """
        use = ["hpc", "functions"]
        canary = 5
        [resources.hpc]
        type = "slurm"
        transport = "ssh"
        host = "login.example.org"
        port = 2222
        max_jobs = 100
        max_walltime = "2 h 30 min"
        max_memory_per_core = "4 GB"
        poll_every = "10 s"
        tags = ["big", "gpu"]
        options = ["--mail-type=END"]
        modules = ["python/3.12"]
        prologue = "ulimit -c 0"
        [resources.functions]
        type = "dask"
        memory = "500 MB"
        enabled = false
        """,
    )
    assert (settings.use, settings.canary) == (("hpc", "functions"), 5)
    hpc, functions = settings.resources.clusters["hpc"], settings.resources.clusters["functions"]
    assert isinstance(hpc, SlurmResource)
    assert isinstance(functions, DaskResource)
    assert (hpc.transport, hpc.host, hpc.port) == ("ssh", "login.example.org", 2222)
    assert (hpc.max_jobs, hpc.max_cores, hpc.enabled, hpc.pack) == (100, 0, True, 1)
    assert hpc.max_walltime == Duration("150 min")
    assert hpc.max_memory_per_core == 4 * GB
    assert hpc.poll_every == Duration("10 s")
    assert (hpc.tags, hpc.options) == (("big", "gpu"), ("--mail-type=END",))
    assert (hpc.modules, hpc.prologue) == (("python/3.12",), "ulimit -c 0")
    assert (functions.memory, functions.enabled) == (Memory("500 MB"), False)
    origins = {key: (value, origin) for key, value, origin in settings.items()}
    assert origins["resources.hpc.type"] == ("slurm", str(home / "gc3.toml"))
    assert origins["resources.hpc.account"] == (None, "default")
    assert origins["resources.functions.enabled"] == (False, str(home / "gc3.toml"))


def test_a_project_says_more_of_a_users_resource(home: Path, project: Path) -> None:
    (home / "gc3.toml").write_text(
        '[resources.hpc]\ntype = "slurm"\nmax_jobs = 9\naccount = "me"\n'
    )
    settings = load(project, '[resources.hpc]\naccount = "flu-project"\nqueue = "short"\n')
    hpc = settings.resources.clusters["hpc"]
    assert isinstance(hpc, SlurmResource)
    assert (hpc.account, hpc.queue, hpc.max_jobs) == ("flu-project", "short", 9)
    assert settings.origins["resources.hpc.account"] == str(project / "gc3.toml")
    assert settings.origins["resources.hpc.max_jobs"] == str(home / "gc3.toml")


def test_a_project_brings_a_resource_of_its_own(project: Path) -> None:
    settings = load(project, '[resources.hpc]\ntype = "slurm"\naccount = "flu"\n')
    assert settings.resources.clusters == {"hpc": SlurmResource(account="flu")}


def test_the_environment_speaks_of_every_key(project: Path) -> None:
    environ = {
        "GC3_RESOURCES_MY_HPC_MAX_JOBS": "7",
        "GC3_RESOURCES_MY_HPC_OPTIONS": "--mail-type=BEGIN,END '--comment=a b'",
        "GC3_RESOURCES_MY_HPC_TAGS": "big, gpu",
        "GC3_RESOURCES_MY_HPC_MAX_WALLTIME": "1 day",
        "GC3_RESOURCES_MY_HPC_ENABLED": "false",
        "GC3_RESOURCES_NEW_TYPE": "sge",
        "GC3_RESOURCES_NEW_PARALLEL_ENVIRONMENT": "smp",
        "GC3_USE": "new,my-*",
    }
    settings = load(project, '[resources.my-hpc]\ntype = "slurm"\n', environ)
    mine, new = settings.resources.clusters["my-hpc"], settings.resources.clusters["new"]
    assert isinstance(mine, SlurmResource)
    assert mine.options == ("--mail-type=BEGIN,END", "--comment=a b")
    assert (mine.max_jobs, mine.tags, mine.enabled) == (7, ("big", "gpu"), False)
    assert mine.max_walltime == Duration("24 h")
    assert new.parallel_environment == "smp"  # type: ignore[union-attr]
    assert settings.use == ("new", "my-*")
    assert settings.origins["resources.new.type"] == "$GC3_RESOURCES_NEW_TYPE"


def test_flags_speak_of_them_too(project: Path) -> None:
    (project / "gc3.toml").write_text('[resources.hpc]\ntype = "slurm"\n')
    flags = {"resources.hpc.max_jobs": 3, "use": ["hpc"]}
    settings = load_settings(project, environ={}, flags=flags)
    assert settings.resources.clusters["hpc"].max_jobs == 3
    assert settings.use == ("hpc",)


@pytest.mark.parametrize(
    ("kind", "line", "key"),
    [
        ("slurm", 'host = "evil.example.org"', "host"),
        ("slurm", 'transport = "ssh"', "transport"),
        ("slurm", 'user = "me"', "user"),
        ("slurm", "port = 22", "port"),
        ("slurm", 'identity = "key"', "identity"),
        ("slurm", 'jump = "hop"', "jump"),
        ("slurm", 'directory = "/tmp"', "directory"),
        ("host", 'python = "./evil"', "python"),
        ("slurm", 'options = ["--wrap=rm"]', "options"),
        ("sge", 'modules = ["x"]', "modules"),
        ("pbs", 'prologue = "rm -rf ~"', "prologue"),
        ("lsf", 'epilogue = "rm -rf ~"', "epilogue"),
        ("dask", 'address = "tcp://evil:8786"', "address"),
    ],
)
@pytest.mark.parametrize("place", ["project", "session"])
def test_what_decides_which_code_runs_is_the_users_own_affair(
    home: Path, project: Path, kind: str, line: str, key: str, place: str
) -> None:
    text = f'[resources.hpc]\ntype = "{kind}"\n{line}\n'
    directory = project / "flu" if place == "session" else project
    directory.mkdir(exist_ok=True)
    (directory / "gc3.toml").write_text(text)
    with pytest.raises(InvalidSetting) as caught:
        load_settings(project, directory if place == "session" else None, environ={})
    own = home / "gc3.toml"
    assert str(caught.value) == (
        f"{directory / 'gc3.toml'}, resources.hpc.{key}:"
        f" only your own configuration can set this: {own}"
    )
    (directory / "gc3.toml").unlink()
    assert load_own(home, project, text).resources.clusters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[resources.hpc]\ntype = "slrum"',
            "resources.hpc.type: 'slrum' will not do: did you mean 'slurm'?",
        ),
        (
            '[resources.hpc]\ntype = "condor"',
            "resources.hpc.type: 'condor' will not do: there are dask, host, lsf, pbs, sge, slurm",
        ),
        ("[resources.hpc]\ntype = 3", "resources.hpc.type: 3 will not do"),
        ("[resources.hpc]\nmax_jobs = 3", "resources.hpc: what is it? Give it a type, one of dask"),
        ("[resources.locla]\ncores = 3", "resources.locla: what is it? Give it a type"),
        ("[resources]\nhpc = 3", "resources.hpc: this is a table: [resources.hpc]"),
        ('[resources."a b"]\ntype = "sge"', "resources.a b: a resource is called by letters"),
        (
            '[resources.hpc]\ntype = "slurm"\nmax_core = 3',
            "resources.hpc: unknown key 'max_core'. Did you mean 'max_cores'?",
        ),
        (
            '[resources.hpc]\ntype = "slurm"\nparallel_environment = "smp"',
            "resources.hpc: unknown key 'parallel_environment'.",
        ),
        ('[resources.hpc]\ntype = "slurm"\nqueue = "a\\nb"', "resources.hpc.queue: 'a\\nb' will"),
        ('[resources.hpc]\ntype = "slurm"\nqueue = "-x"', "resources.hpc.queue: '-x' will"),
        ('[resources.hpc]\ntype = "slurm"\nmax_walltime = 8', "resources.hpc.max_walltime: 8 will"),
        ('[resources.hpc]\ntype = "slurm"\npack = 0', "resources.hpc.pack: 0 will"),
        ('[resources.local]\ntype = "slurm"', "resources.local: unknown key 'type'."),
        ('use = "hpc"', "use: 'hpc' will not do"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(project: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        load(project, text)
    assert str(caught.value).startswith(f"{project / 'gc3.toml'}, {message}")
    assert "\n" not in str(caught.value)


def test_a_typing_error_in_local_is_guessed(project: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"Did you mean 'local'\?"):
        load(project, "[resources.locla]\ncores = 3")


def test_a_wrong_value_of_the_environment_is_named(project: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"^\$GC3_RESOURCES_HPC_MAX_JOBS, resources.hpc.max_"):
        load(project, '[resources.hpc]\ntype = "sge"', {"GC3_RESOURCES_HPC_MAX_JOBS": "many"})
