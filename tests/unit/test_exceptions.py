"""Every error is a model citizen: it pickles, and it says what it is about."""

import inspect
import pickle

import pytest

from gc3libs import exceptions

ERRORS = [
    cls
    for _, cls in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(cls, exceptions.Error)
]


def example_of(cls: type[exceptions.Error]) -> exceptions.Error:
    if "__init__" not in vars(cls) and not issubclass(cls, exceptions.LoadError):
        return cls("something happened")
    names = list(inspect.signature(cls).parameters)
    return cls(*[7 if name in ("found", "known", "since", "pid") else name for name in names])


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_survives_pickling_with_its_data_and_its_words(cls):
    error = example_of(cls)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert vars(copy) == vars(error)
    assert str(copy) == str(error) != ""


def test_the_tree_in_the_docstring_names_every_error():
    missing = [cls.__name__ for cls in ERRORS if cls.__name__ not in exceptions.__doc__]
    assert missing == []
