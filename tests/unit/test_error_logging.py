"""Which errors write themselves to the log, and that the tree is the one scripts catch from."""

import logging
import pickle

import pytest

from gc3libs import exceptions as ex


def test_a_fatal_error_is_logged_once_when_it_is_made(caplog):
    error = ex.InvalidUsage("no such file: x.inp")
    assert caplog.record_tuples == [("gc3.gc3libs", logging.CRITICAL, "no such file: x.inp")]
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), twin.args) == (ex.InvalidUsage, error.args)
    assert len(caplog.records) == 1


def test_a_fatal_error_can_be_quiet(caplog):
    assert str(ex.ConfigurationError("bad", do_log=False)) == "bad"
    assert caplog.records == []


def test_another_error_is_logged_if_asked(caplog):
    ex.InvalidArgument("silent")
    ex.InvalidArgument("loud", do_log=True)
    ex.InvalidResourceName("no resource 'x'")
    assert caplog.record_tuples == [
        ("gc3.gc3libs", logging.ERROR, "loud"),
        ("gc3.gc3libs", logging.ERROR, "no resource 'x'"),
    ]


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (ex.RecoverableError, (ex.Error,)),
        (ex.FatalError, (ex.UnrecoverableError,)),
        (ex.InvalidUsage, (ex.FatalError,)),
        (ex.InputFileError, (ex.FatalError,)),
        (ex.ConfigurationError, (ex.FatalError,)),
        (ex.ApplicationDescriptionError, (ex.FatalError,)),
        (ex.ConfigurationFileError, (ex.FatalError,)),
        (ex.NoAccessibleConfigurationFile, (ex.NoConfigurationFile, ex.ConfigurationFileError)),
        (ex.NoValidConfigurationFile, (ex.NoConfigurationFile, ex.ConfigurationFileError)),
        (ex.InvalidArgument, (ex.Error, AssertionError)),
        (ex.InvalidType, (ex.InvalidArgument, TypeError)),
        (ex.InvalidValue, (ex.InvalidArgument, ValueError)),
        (ex.DuplicateEntryError, (ex.InvalidArgument,)),
        (ex.InternalError, (ex.Error, AssertionError)),
        (ex.AuxiliaryCommandError, (ex.InternalError,)),
        (ex.UnknownJobState, (ex.Error, AssertionError)),
        (ex.RecoverableDataStagingError, (ex.DataStagingError, ex.RecoverableError)),
        (ex.UnrecoverableDataStagingError, (ex.DataStagingError, ex.UnrecoverableError)),
        (ex.RecoverableAuthError, (ex.AuthError, ex.RecoverableError)),
        (ex.UnrecoverableAuthError, (ex.AuthError, ex.UnrecoverableError)),
        (ex.ResourceNotReady, (ex.LRMSSubmitError, ex.RecoverableError)),
        (ex.LRMSSkipSubmissionToNextIteration, (ex.ResourceNotReady,)),
        (ex.MaximumCapacityReached, (ex.LRMSSubmitError, ex.LRMSError, ex.RecoverableError)),
        (ex.SpoolDirError, (ex.LRMSError, ex.InvalidValue, ex.UnrecoverableError)),
        (ex.OutputNotAvailableError, (ex.InvalidOperation,)),
        (ex.NoResources, (ex.Error,)),
        (ex.LoadError, (ex.Error,)),
        (ex.InvalidResourceName, (ex.Error, ValueError)),
        (ex.UnknownJob, (ex.Error, ValueError)),
        (ex.UnexpectedJobState, (ex.RecoverableError, ValueError)),
        (ex.DetachedFromControllerError, (ex.TaskError,)),
        (ex.UnexpectedStateError, (ex.TaskError,)),
        (ex.TransportError, (ex.Error, EnvironmentError)),
        (ex.CopyError, (ex.TransportError,)),
        (ex.RecoverableTransportError, (ex.RecoverableError,)),
        (ex.UnrecoverableTransportError, (ex.UnrecoverableError,)),
    ],
)
def test_an_error_is_caught_as_what_scripts_know_it_as(error, bases):
    for base in bases:
        assert issubclass(error, base)


def test_a_copy_error_says_what_went_where():
    error = ex.CopyError("/a", "host:/b", OSError("disk full"))
    assert str(error) == "cannot copy /a to host:/b: disk full"
    assert (error.source, error.destination) == ("/a", "host:/b")
