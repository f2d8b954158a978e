"""The frame of scripts with a session: opening it, having tasks made, running them."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from gc3libs import events
from gc3libs.cmdline._controller import ScriptEngine
from gc3libs.cmdline._interrupts import Interrupts
from gc3libs.cmdline._loop import Rounds
from gc3libs.cmdline._making import NAME, Maker, filled_in
from gc3libs.cmdline._memo import arguments_of, forget_memo
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._removing import remove_all
from gc3libs.cmdline._resources import Resources, are_named, find_resources, patterns
from gc3libs.cmdline._supply import Supply
from gc3libs.cmdline._tables import is_wanted, summary_table, tasks_table
from gc3libs.cmdline._tally import Kinds, Tally
from gc3libs.cmdline.options import DECISIVE, add_again, add_standard
from gc3libs.config import Settings, load_settings
from gc3libs.engine import Counts
from gc3libs.exceptions import InvalidOperation
from gc3libs.model import State, Task
from gc3libs.persistence.trust import trust
from gc3libs.quantity import Duration, Memory
from gc3libs.session import Lease, Session, TemporarySession
from gc3libs.url import Url


class Frame(Rounds):
    """A script that has a session, into which its tasks come.

    What `SessionBasedScript` lets its authors override, and does not concern input files, is here.
    """

    session: Any = None
    stats_only_for: Any
    extra: dict[str, Any]
    _controller: Any = None
    _core: Any = None
    _made: Maker | None = None

    # what scripts override

    def process_args(self) -> None:
        """Add tasks to the session."""
        raise NotImplementedError

    @property
    def _makes_tasks_its_own_way(self) -> bool:
        """`process_args` cannot be called again to find out which tasks are new."""
        raise NotImplementedError

    def make_directory_path(self, pathspec: str, jobname: str) -> str:
        """A path with SESSION, NAME, DATE and TIME in it replaced. Nothing is created."""
        return filled_in(pathspec, session=self.params.session, name=jobname)

    def make_task_controller(self) -> Any:
        """The engine that runs the tasks."""
        passes = isinstance(self.session, TemporarySession)  # its directory does; jobs stay
        return ScriptEngine(
            self._core,
            store=self.session.store,
            workdir=None if passes else self.session.run_directory,
            max_in_flight=self._limit("max_in_flight"),
            max_submitted=self._limit("max_submitted"),
            guard=None if self._lease is None else self._lease.guard,
        )

    def before_main_loop(self) -> None:
        """Called once, before the first round."""

    def after_main_loop(self) -> None:
        """Called after the last round, also after Ctrl-C; there may be tasks that are not over."""

    def print_summary_table(self, output: IO[str], stats: Mapping[str, int]) -> None:
        """Write how many tasks are in each state.

        Args:
            output: Where to.
            stats: By state; also `ok`, `failed` and `total`.
        """
        output.write(f"{summary_table(stats)}\n")

    def print_tasks_table(
        self, output: IO[str] | None = None, states: Iterable[Any] = (), only: Any = Task
    ) -> None:
        """Write a table of the session's tasks, without those that they own.

        Args:
            output: Where to; None: standard output.
            states: Names of states, `ok` and `failed` among them.
            only: Class, or classes, of tasks.
        """
        names = frozenset(map(str, states))
        kinds = Kinds(only)
        found = [
            each
            for each in self.session.summaries(tree=True)
            if is_wanted(each, names) and each.cls in kinds and each.id in self.session
        ]
        self._say(tasks_table(found) if found else "No tasks are in these states.", output)

    def add(self, task: Task) -> None:
        """Add a task to the session, and have it run."""
        self.session.add(task)
        self._controller.add(task)

    def _make_session(self, session_uri: str, store_url: str | None) -> Session:
        """Open the session, or make it."""
        url = Url(session_uri)
        if url.scheme != "file":
            return TemporarySession(session_uri)
        return Session(url.path, store_or_url=store_url)

    # the frame

    def _add_base(self) -> None:
        add_again(self._add)

    def _add_standard(self) -> None:
        add_standard(self._add, self.name)

    def _run(self) -> int:
        memory = self.actions["memory_per_core"]
        if isinstance(memory.default, str):  # from setup_options; nobody asks for it by an option
            memory.default = Memory(memory.default)
        return super()._run()

    def _prepare(self) -> None:
        super()._prepare()
        self.params.states = [each for each in self.params.states.split(",") if each]
        self._given = arguments_of(self.params, self._decisive())

    def _decisive(self) -> Iterator[Any]:
        """The arguments and options of which another value may mean other tasks."""
        yield from self._own
        yield from (self.actions[dest] for dest in sorted(DECISIVE) if dest in self.actions)

    def _configure(self) -> None:
        names = patterns(self.params.resource_name or "")
        self._settings = load_settings(session=self.params.session, flags={"use": names or None})
        trust(*self._settings.trust)
        self._core = self._find_resources(self._settings)

    def _find_resources(self, settings: Settings) -> Resources:
        files = self.params.config_files
        resources = find_resources(settings, files, named=are_named(files))
        resources.check()
        return resources

    def main(self) -> int:
        """Open the session, make tasks if that is wanted, and run them."""
        if "GC3_JOB" in os.environ:
            raise InvalidOperation(
                f"{self.name} was started inside the job {os.environ['GC3_JOB']}: a job cannot run"
                " the script that it belongs to"
            )
        self.params.walltime = Duration(self.params.wctime)
        if NAME not in self.params.output and "ITER" not in self.params.output:
            self.params.output = os.path.join(self.params.output, NAME)  # noqa: PTH118  # text
        with Interrupts() as self._interrupts, self._interrupts.held_back():
            return self._open_and_run()

    def _open_and_run(self) -> int:
        is_new = not Path(self.params.session, "index.txt").exists()
        store_url = self.params.store_url or "sqlite"
        self.session = self._make_session(self.params.session, store_url)
        with contextlib.closing(self.session), self.session.lease(self.name) as lease:
            wanted = False
            try:
                code = self._run_session(lease)
                wanted = not self.params._dry_run
            finally:
                if is_new and not wanted and not len(self.session):
                    forget_memo(self.session.path)
                    self.session.destroy()
        return code

    def _run_session(self, lease: Lease) -> int:
        self._lease = lease
        self._say(f"Starting {self.name}; to see more of what it does, add -v.")
        if self.params.new_session:
            remove_all(self.session, lease)
        self._make_tasks()
        if self.params._dry_run:
            return os.EX_OK
        self._controller = self.make_task_controller()
        with contextlib.closing(self._controller):
            return self._run_tasks(lease)

    def _make_tasks(self) -> None:
        """Have the script make its tasks, if the session lacks some, or may."""
        self._supply = Supply(
            self.session,
            str(Path(self.argv[0]).absolute()),
            self._given,
            update=self.params._update,
            rerun_changed=self.params._rerun_changed,
            dry_run=self.params._dry_run,
            say=self._say,
        )
        if self._makes_tasks_its_own_way and not self._supply.is_first:
            if self._supply.is_wanted:
                self.log.warning("the session has its tasks: other arguments may be without effect")
        elif self._supply.is_wanted:
            self._supply.begin()
            self.process_args()
            self._supply.end()

    def _maker(self) -> Maker:
        """What turns descriptions of tasks into tasks; completes `extra` when it is made."""
        if self._made is not None:
            return self._made
        extra, params = self.extra, self.params
        extra.setdefault("requested_cores", params.ncores)
        extra.setdefault("requested_memory", self._memory())
        extra.setdefault("requested_walltime", params.walltime)
        extra.setdefault("output_dir", self.make_directory_path(params.output, NAME))
        self._made = Maker(
            extra,
            self.name,
            enforce_memory=self._is_memory_given,
            home=self.session.store.home,
        )
        return self._made

    @property
    def _is_memory_given(self) -> bool:
        return self.params.memory_per_core is not self.actions["memory_per_core"].default

    def _memory(self) -> Memory:
        """Of a task; what nobody asked for is no more than there is."""
        wanted: Memory = self.params.ncores * self.params.memory_per_core
        there: Memory = self._core.max_memory
        return wanted if self._is_memory_given or wanted <= there else there

    def _limit(self, name: str) -> int:
        """How many tasks at a time: the option's number, or the configuration's if it has one."""
        given: int = self.params.max_running
        configured: int = getattr(self._settings, name)
        is_default = given == self.actions["max_running"].default
        return configured if is_default and configured else given

    def _run_tasks(self, lease: Lease) -> int:
        engine = self._controller
        if self.stats_only_for is not None:
            engine.init_counts_for(self.stats_only_for)
        self._orders = Orders(self.session, lease, engine)
        self._orders.take_up()
        engine.tally = self._tally
        engine.feed(self.session.unfinished())
        maker = self._maker()

        def settle(event: events.TaskStateChanged) -> None:
            task = event.task
            if event.after == State.SUBMITTED and task._controller is engine:
                maker.settle(task, str(task))

        unsubscribe = events.publisher.subscribe(settle, events.TaskStateChanged)
        try:
            with self._interrupts.allowed():
                self.before_main_loop()
            code = self._loop()
            with self._interrupts.allowed():
                self.after_main_loop()
        finally:
            unsubscribe()
        if code in (0, 2):
            self.session.set_end_timestamp()
        self.session.save_all()
        return code

    @property
    def _shows_tables(self) -> bool:
        own = type(self).print_summary_table is not Frame.print_summary_table
        return not self.params.wait or own or bool(self.params.states)

    def _tally(self, only: Any) -> Counts:
        return Tally(self.session, only).counts()

    def _print_tables(self) -> None:
        stats = self._tally(self.stats_only_for)
        where = f"Status of jobs in the '{self.session.name}' session"
        if not stats["total"]:
            self._say(f"{where}: there are none.")
            return
        self._say(f"{where}: (at {time.strftime('%H:%M:%S, %Y-%m-%d')})")
        table = io.StringIO()
        self.print_summary_table(table, stats)
        self._say(table.getvalue().removesuffix("\n"))
        if self.params.states:
            self.print_tasks_table(self.stdout, self.params.states)
