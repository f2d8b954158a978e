"""What other tools are told to do, and how: the same work as gc3, each in its own words."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

Words = Sequence[str]
MARK = "{}"
"""Stands for the number of a task in a command."""

SNAKEFILE = """\
rule all:
    input: expand("done/{{x}}", x=range({count}))
rule one:
    output: touch("done/{{x}}")
    shell: "{command}"
"""


class Work(NamedTuple):
    """What a tool is to do: a command for each number below `tasks`, in a directory."""

    directory: Path
    tasks: int
    command: str

    def of(self, mark: str) -> str:
        """The command, with the tool's own word for the number."""
        return self.command.replace(MARK, mark)


class Tool(NamedTuple):
    """How a tool does it; None: it does not.

    Attributes:
        version: A command that prints it.
        add, list, run: Commands.
        again: `run` after a kill; None: there is no such thing, all of it is done again.
        share: Of the tasks, so many in a hundred: one that is slow gets fewer.
    """

    name: str
    version: Words
    run: Callable[[Work], Words] | None
    add: Callable[[Work], Words] | None = None
    list: Callable[[Work], Words] | None = None
    again: Callable[[Work], Words] | None = None
    share: int = 100


# what the others are asked for, in processes of their own


def signac_add(directory: str, count: str, command: str) -> None:
    """Make a job, which is a directory, for each number."""
    import signac

    project = signac.init_project(directory)
    for number in range(int(count)):
        project.open_job({"x": number, "command": command}).init()


def signac_list(directory: str, count: str, command: str) -> None:
    """Read what each job is about."""
    import signac

    found = sum(1 for job in signac.get_project(directory) if job.sp.x >= 0)
    assert found == int(count)


def parsl_run(directory: str, count: str, command: str) -> None:
    """Run commands in two workers; those that a checkpoint knows are not run again."""
    import parsl
    from parsl.config import Config
    from parsl.dataflow.memoization import BasicMemoizer
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider
    from parsl.utils import get_all_checkpoints

    where = f"{directory}/parsl"
    workers = HighThroughputExecutor(
        address="127.0.0.1",
        max_workers_per_node=2,
        provider=LocalProvider(init_blocks=1, max_blocks=1),
    )
    known = get_all_checkpoints(where) if os.path.isdir(where) else []
    memoizer = BasicMemoizer(checkpoint_mode="task_exit", checkpoint_files=known)
    config = Config(executors=[workers], run_dir=where, memoizer=memoizer)

    @parsl.bash_app(cache=True)
    def shell(line: str) -> str:
        return line

    with parsl.load(config):
        calls = [shell(command.replace(MARK, str(number))) for number in range(int(count))]
        for call in calls:
            call.result()


def executorlib_run(directory: str, count: str, command: str) -> None:
    """Run commands in two processes that stay; those whose results are there not again."""
    from executorlib import SingleNodeExecutor

    with SingleNodeExecutor(
        max_workers=2, block_allocation=True, cache_directory=f"{directory}/cache"
    ) as executor:
        calls = [
            executor.submit(os.system, command.replace(MARK, str(number)))
            for number in range(int(count))
        ]
        for call in calls:
            call.result()


# the tools


def tools(venvs: Path) -> Iterator[Tool]:
    """All of them; those from PyPI are installed first."""
    gc3 = [sys.executable, "-m", "gc3libs"]

    def session(work: Work) -> str:
        return str(work.directory / "session")

    def gc3_add(work: Work) -> Words:
        over = ["--over", f"x=0:{work.tasks - 1}"]
        return _shell(
            shlex.join([*gc3, "new", session(work)]),
            shlex.join([*gc3, "add", session(work), *over, "--", "sh", "-c", work.of("{x}")]),
        )

    def gc3_run(work: Work) -> Words:
        return [*gc3, "run", session(work), "-q", "-j", "2"]

    def gc3_list(work: Work) -> Words:
        return [*gc3, "ls", session(work)]

    yield Tool("gc3", [*gc3, "--version"], gc3_run, gc3_add, gc3_list, gc3_run)

    def xargs(work: Work) -> Words:
        line = shlex.join(["xargs", "-P2", "-I{}", "sh", "-c", work.command])
        return _shell(f"seq 0 {work.tasks - 1} | {line}")

    yield Tool("xargs", ["xargs", "--version"], xargs)

    def parallel(work: Work) -> Words:
        options = ["-j2", "--joblog", str(work.directory / "log"), "--resume"]
        line = shlex.join(["parallel", *options, work.command])
        return _shell(f"seq 0 {work.tasks - 1} | {line}")

    yield Tool("GNU parallel", ["parallel", "--version"], parallel, again=parallel)

    python = _installed(venvs, "signac")
    yield Tool(
        "signac", _version(python, "signac"), None, _child(python, signac_add),
        _child(python, signac_list),
    )  # fmt: skip
    python = _installed(venvs, "parsl")
    run = _child(python, parsl_run)
    yield Tool("Parsl", _version(python, "parsl"), run, again=run)
    python = _installed(venvs, "executorlib", "executorlib[cache]")
    run = _child(python, executorlib_run)
    yield Tool("executorlib", _version(python, "executorlib"), run, again=run)
    yield _snakemake(_installed(venvs, "snakemake"))


def _snakemake(python: str) -> Tool:
    program = [str(Path(python).with_name("snakemake")), "-j2", "--quiet", "all"]

    def prepare(work: Work) -> str:
        command = work.of("{wildcards.x}")
        text = SNAKEFILE.format(count=work.tasks, command=command)
        (work.directory / "Snakefile").write_text(text)
        return f"cd {work.directory}"

    def run(work: Work) -> Words:
        return _shell(prepare(work), shlex.join(program))

    def look(work: Work) -> Words:
        return _shell(prepare(work), shlex.join([*program, "-n"]))

    def again(work: Work) -> Words:
        unlock = shlex.join([*program, "--unlock"])
        return _shell(prepare(work), unlock, shlex.join([*program, "--rerun-incomplete"]))

    return Tool("Snakemake", _version(python, "snakemake"), run, None, look, again, share=2)


def _installed(venvs: Path, name: str, package: str | None = None) -> str:
    """The Python of a virtual environment that has a package."""
    python = venvs / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venvs / name)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", package or name]
        subprocess.run(install, check=True)
    return str(python)


def _child(python: str, function: Callable[..., None]) -> Callable[[Work], Words]:
    def words(work: Work) -> Words:
        programs = f"PATH={Path(python).parent}:{os.environ['PATH']}"
        arguments = (str(work.directory), str(work.tasks), work.command)
        return ["env", programs, python, __file__, function.__name__, *arguments]

    return words


def _version(python: str, package: str) -> Words:
    program = f"import importlib.metadata as m; print(m.version({package!r}))"
    return [python, "-c", program]


def _shell(*lines: str) -> Words:
    return ["sh", "-e", "-c", "\n".join(lines)]


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
