"""The examples in docstrings work.

They are read from the source files, not from the imported objects: classes that the façade
relabels (`__module__ = "gc3libs"`) and their methods are invisible to doctest's own collection.
"""

from __future__ import annotations

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
PARSER = doctest.DocTestParser()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def docstrings(tree: ast.AST, name: str) -> Iterator[tuple[str, ast.Constant]]:
    """All texts that stand alone, docstrings of attributes among them, with what they are in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield name, node.value
        else:
            inner = getattr(node, "name", None)
            yield from docstrings(node, f"{name}.{inner}" if inner else name)


def examples() -> Iterator[doctest.DocTest]:
    """The docstrings with examples in them, without the names that they need."""
    for path in sorted(SOURCES.rglob("*.py")):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        text = path.read_text()
        if ">>>" not in text:
            continue
        for name, constant in docstrings(ast.parse(text), module):
            if isinstance(constant.value, str) and ">>>" in constant.value:
                test = PARSER.get_doctest(
                    constant.value, {"__name__": module}, name, str(path), constant.lineno - 1
                )
                yield test


EXAMPLES = list(examples())


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: f"{test.name}:{test.lineno}")
def test_examples_of_docstrings(
    test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    test.globs.update(vars(importlib.import_module(test.globs["__name__"])))
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert not report, "".join(report)


def test_every_prompt_is_in_an_example() -> None:
    prompts = sum(
        line.lstrip().startswith(">>> ")
        for path in SOURCES.rglob("*.py")
        for line in path.read_text().splitlines()
    )
    assert prompts == sum(len(test.examples) for test in EXAMPLES) > 20


def test_classes_that_bear_the_facades_name_have_their_examples_run() -> None:
    facade = importlib.import_module("gc3libs")
    finder = doctest.DocTestFinder(exclude_empty=True)
    ran = {(Path(test.filename or ""), test.name, len(test.examples)) for test in EXAMPLES}
    relabelled = [
        thing
        for thing in vars(facade).values()
        if isinstance(thing, type) and thing.__module__ == "gc3libs"
    ]
    assert relabelled
    for cls in relabelled:
        for test in finder.find(cls, cls.__name__, module=False):
            path = Path(test.filename or "")
            if test.examples and path.is_relative_to(SOURCES):
                assert any(
                    (where, count) == (path, len(test.examples)) and name.endswith(test.name)
                    for where, name, count in ran
                ), test.name
