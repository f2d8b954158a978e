"""`gc3libs.dag`, the former name of `gc3libs.workflow`; names by which classes are kept."""

import pytest

from gc3libs import dag, workflow
from gc3libs.persistence.naming import class_name


@pytest.mark.parametrize("name", workflow.__all__)
def test_the_former_name_leads_here(name):
    with pytest.warns(DeprecationWarning, match=rf"use gc3libs\.workflow\.{name}") as seen:
        assert getattr(dag, name) is getattr(workflow, name)
    assert seen[0].filename == __file__


def test_what_was_never_there():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = dag.Nothing


@pytest.mark.parametrize("name", sorted(set(workflow.__all__) - {"Run", "Task"}))
def test_classes_are_kept_by_their_public_name(name):
    assert class_name(getattr(workflow, name)) == f"gc3libs.workflow:{name}"


def test_retries_at_their_former_place():
    with pytest.warns(DeprecationWarning, match=r"use gc3libs\.workflow\.RetryableTask") as seen:
        from gc3libs import RetryableTask
    assert RetryableTask is workflow.RetryableTask
    assert seen[0].filename == __file__
