"""What the tests of the engine share: a backend that follows a script, and time that is wound."""

import pytest

from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.engine import Engine
from gc3libs.model import Application
from gc3libs.persistence.memory import MemoryStore
from gc3libs.testing import VirtualClock


class World:
    """A store, a backend whose jobs do what `outcomes` says by job command, and a clock."""

    def __init__(self):
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.outcomes = {}
        self.backend = self.make_backend()

    def make_backend(self, **options):
        options = {"cores": 2, "clock": self.clock, **options}
        return ScriptedBackend(lambda job: self.outcomes.get(job.argv[0], Outcome()), **options)

    def engine(self, *tasks, **options):
        options = {"backend": self.backend, "store": self.store, "clock": self.clock, **options}
        return Engine(tasks=tasks, **options)

    def run(self, *tasks, **options):
        """Run tasks to their end; the engine."""
        engine = self.engine(*tasks, **options)
        engine.run()
        return engine

    def app(self, name="job", cls=Application, /, outputs=(), output_dir=None, **extra):
        outcome = {key: extra.pop(key) for key in Outcome.__struct_fields__ if key in extra}
        if outcome:
            self.outcomes[name] = Outcome(**outcome)
        return cls([name], [], outputs, output_dir, **extra)

    def reload(self, task):
        """The task as another process would see it."""
        self.store.invalidate_cache()
        return self.store.load(task.persistent_id)

    def close(self):
        self.backend.close()
        self.store.close()

    def starts(self):
        """How many times jobs were started in all."""
        return sum(self.backend.starts.values())


@pytest.fixture
def world():
    there = World()
    yield there
    there.close()
