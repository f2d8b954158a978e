"""The backend that runs nothing is a proper backend."""

import pytest

from gc3libs.backends.scripted import Outcome, ScriptedBackend
from gc3libs.testing import _backends as suite
from gc3libs.testing._backends import BackendTests
from gc3libs.testing._clock import VirtualClock

OUTCOMES = {
    suite.SUCCEED: Outcome(),
    suite.EXIT_200: Outcome(exitcode=200),
    suite.KILL_ITSELF: Outcome(signal=9),
    suite.SPEAK: Outcome(stdout=b"out\n", stderr=b"err\n"),
    suite.WRITE_FILES: Outcome(files={"one": b"one\n", "two/three": b"three\n"}),
    suite.LAST_LONG: Outcome(duration=600),
    suite.SPEAK_AND_LAST: Outcome(duration=600, stdout=b"ready\n"),
}


class TestScriptedBackend(BackendTests):
    @pytest.fixture
    def make_backend(self, tmp_path):
        clock = VirtualClock()
        made = []

        def make():
            backend = ScriptedBackend(
                lambda job: OUTCOMES[job.argv], clock=clock, directory=tmp_path / "run"
            )
            made.append(backend)
            return backend

        yield make
        for backend in made:
            backend.close()
