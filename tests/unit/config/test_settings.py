"""Settings are found, checked, and traced to where they come from."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from gc3libs.config import Settings, load_settings
from gc3libs.exceptions import ConfigurationFileError, InvalidSetting
from gc3libs.quantity import GB, Memory


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without configuration; returns the directory in which theirs would lie."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    directory = tmp_path / "config" / "gc3"
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    return directory


def write(directory: Path, text: str) -> Path:
    path = directory / "gc3.toml"
    path.write_text(text)
    return path


def origins(settings: Settings) -> dict[str, str]:
    return {key: origin for key, _, origin in settings.items()}


def test_without_any_configuration_the_defaults_hold(project: Path) -> None:
    settings = load_settings(project, environ={})
    assert settings == Settings()
    assert set(origins(settings).values()) == {"default"}


def test_all_settings_of_a_users_file(home: Path, project: Path) -> None:
    path = write(
        home,
        'trust = ["mymodels", "lab.tools"]\nmax_in_flight = 100\nmax_submitted = 50\n'
        '[resources.local]\ncores = 4\nmemory = "8 GB"\n',
    )
    settings = load_settings(project, environ={})
    assert settings.trust == ("mymodels", "lab.tools")
    assert (settings.max_in_flight, settings.max_submitted) == (100, 50)
    assert settings.resources.local.cores == 4
    assert settings.resources.local.memory == 8 * GB
    set_ = {key for key, origin in origins(settings).items() if origin == str(path)}
    assert {key for key, origin in origins(settings).items() if origin != "default"} == set_
    assert set_ == {
        "max_in_flight",
        "max_submitted",
        "resources.local.cores",
        "resources.local.memory",
        "trust",
    }


def test_what_wins(home: Path, project: Path, tmp_path: Path) -> None:
    session = project / "flu"
    session.mkdir()
    keys = ("max_in_flight", "max_submitted")
    write(home, "max_in_flight = 1\nmax_submitted = 1\n[resources.local]\ncores = 1\n")

    def now(environ: dict[str, str] | None = None, **flags: int) -> tuple[object, ...]:
        settings = load_settings(project, session, environ or {}, flags)
        return tuple(getattr(settings, key) for key in keys)

    assert now() == (1, 1)
    write(tmp_path, "max_submitted = 2")
    assert now() == (1, 2)
    write(project, "max_in_flight = 3")
    assert now() == (3, 1), "only the nearest counts"
    write(session, "max_submitted = 4")
    assert now() == (3, 4)
    assert now({"GC3_MAX_SUBMITTED": "5"}) == (3, 5)
    assert now({"GC3_MAX_SUBMITTED": "5"}, max_submitted=6) == (3, 6)
    settings = load_settings(project, session, {"GC3_MAX_SUBMITTED": "5"}, {"max_submitted": None})
    assert origins(settings)["max_submitted"] == "$GC3_MAX_SUBMITTED"
    assert origins(settings)["max_in_flight"] == str(project / "gc3.toml")
    assert origins(settings)["resources.local.cores"] == str(home / "gc3.toml")


def test_the_current_directory_is_where_the_search_begins(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    write(project, "max_in_flight = 3")
    monkeypatch.chdir(below)
    assert load_settings(environ={}).max_in_flight == 3


def test_a_file_named_by_the_environment_stands_for_the_users_own(
    home: Path, project: Path
) -> None:
    write(home, "max_in_flight = 1\nmax_submitted = 1")
    named = project / "other.toml"
    named.write_text('trust = ["mymodels"]\nmax_in_flight = 2')
    settings = load_settings(project, environ={"GC3_CONFIG": str(named)})
    assert (settings.max_in_flight, settings.max_submitted) == (2, 0)
    assert settings.trust == ("mymodels",)


def test_environment_values_are_read_as_what_they_should_be(project: Path) -> None:
    settings = load_settings(
        project,
        environ={
            "GC3_RESOURCES_LOCAL_CORES": "3",
            "GC3_RESOURCES_LOCAL_MEMORY": "2 GiB",
            "GC3_TRUST": "mymodels, lab.tools",
            "GC3_SESSION": "flu",
            "GC3_MAX_IN_FLIGHT": "",
        },
    )
    assert settings.resources.local.cores == 3
    assert settings.resources.local.memory == Memory("2 GiB")
    assert settings.trust == ("mymodels", "lab.tools")
    assert settings.max_in_flight == 0


@pytest.mark.parametrize("place", ["project", "session"])
def test_trust_is_taken_from_the_users_own_configuration_only(
    place: str, home: Path, project: Path
) -> None:
    session = project / "flu"
    session.mkdir()
    path = write(project if place == "project" else session, 'trust = ["evil"]')
    with pytest.raises(InvalidSetting) as caught:
        load_settings(project, session, environ={})
    assert str(caught.value) == (
        f"{path}, trust: only your own configuration can set this: {home / 'gc3.toml'}"
    )


def test_the_users_own_file_is_their_own_wherever_the_search_begins(home: Path) -> None:
    write(home, 'trust = ["mymodels"]')
    assert load_settings(home, environ={}).trust == ("mymodels",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "max_in_fligth = 1",
            "top level: unknown key 'max_in_fligth'. Did you mean 'max_in_flight'?",
        ),
        ("cores = 1", "top level: unknown key 'cores'. Did you mean 'resources.local.cores'?"),
        ("[resource.local]", "top level: unknown key 'resource'. Did you mean 'resources'?"),
        (
            "[resources.local]\ncore = 2",
            "resources.local: unknown key 'core'. Did you mean 'cores'?",
        ),
        ("origins = {}", "top level: unknown key 'origins'."),
        ("max_in_flight = -1", "max_in_flight: -1 will not do: Expected `int` >= 0"),
        ("max_in_flight = true", "max_in_flight: True will not do: Expected `int`, got `bool`"),
        ("[resources.local]\ncores = 0", "resources.local.cores: 0 will not do"),
        ("[resources.local]\nmemory = 8", "resources.local.memory: 8 will not do"),
        ("[resources.local]\nmemory = '8 XB'", "resources.local.memory: '8 XB' will not do"),
        ("resources = 3", "resources: this is a table: [resources]"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(project: Path, text: str, message: str) -> None:
    path = write(project, text)
    with pytest.raises(InvalidSetting) as caught:
        load_settings(project, environ={})
    assert str(caught.value).startswith(f"{path}, {message}")
    assert caught.value.where == str(path)


@pytest.mark.parametrize("package", ["", "a b", "a..b", "1a", "a/b", "a\n"])
def test_only_names_of_packages_can_be_trusted(home: Path, package: str) -> None:
    write(home, f"trust = [{package!r}]".replace("'", '"'))
    with pytest.raises(InvalidSetting, match="trust"):
        load_settings(home, environ={})


def test_a_wrong_value_of_the_environment_or_the_command_line(project: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"^\$GC3_MAX_IN_FLIGHT, max_in_flight: 'x' will"):
        load_settings(project, environ={"GC3_MAX_IN_FLIGHT": "x"})
    with pytest.raises(InvalidSetting, match=r"^the command line, max_in_flight: -1"):
        load_settings(project, environ={}, flags={"max_in_flight": -1})
    with pytest.raises(InvalidSetting, match="Did you mean 'max_in_flight'"):
        load_settings(project, environ={}, flags={"max_inflight": 1})


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"trust = ['a'"])
def test_a_file_that_is_not_toml_is_named(project: Path, content: bytes) -> None:
    (project / "gc3.toml").write_bytes(content)
    with pytest.raises(ConfigurationFileError, match=f"^cannot read {project}/gc3.toml: "):
        load_settings(project, environ={})


def test_a_named_file_that_is_missing_is_an_error(project: Path) -> None:
    with pytest.raises(ConfigurationFileError, match=r"^cannot read /no/such\.toml: No such"):
        load_settings(project, environ={"GC3_CONFIG": "/no/such.toml"})


def test_errors_leave_logging_to_whoever_catches_them(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(project, "nonsense = 1")
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidSetting):
        load_settings(project, environ={})
    assert caplog.records == []


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().max_in_flight = 3  # type: ignore[misc]
    changed = msgspec.structs.replace(Settings(), max_in_flight=3)
    assert changed.max_in_flight == 3
