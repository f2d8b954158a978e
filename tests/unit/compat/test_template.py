"""Templates and what they expand to."""

import pickle

import pytest

from gc3libs.template import Template, expansions


class Shout:
    def substitute(self, **values):
        return f"{values['word'].upper()}!"


def small(values):
    return values.get("n", 0) < 3


@pytest.mark.parametrize(
    ("template", "keywords", "text"),
    [
        (Template("a=${a} $b", a=1, b=2), {}, "a=1 2"),
        (Template("a=${a}", a=1), {"a": 5}, "a=5"),
        (Template("a=${a} ${b} $$", a=1), {}, "a=1 ${b} $"),
        (Template("${inner}", inner=Template("<${x}>", x=1)), {}, "<1>"),
        (Template(Template("${x}-${y}", x=1), y=2), {}, "1-2"),
        (Template(Shout(), word="hi"), {}, "HI!"),
        (Template(42), {}, "42"),
    ],
)
def test_substitute(template, keywords, text):
    assert template.substitute(**keywords) == text


def test_str_substitutes():
    assert str(Template("${x}", x=7)) == "7"


def test_values_that_the_validator_refuses_are_an_error():
    template = Template("${n}", small, n=5)
    with pytest.raises(ValueError, match="does not accept"):
        template.substitute()
    assert template.substitute(n=2) == "2"


def test_equality_is_by_content():
    assert Template("a", x=1) == Template("a", x=1)
    assert Template("a", x=1) != Template("a", x=2)
    assert Template("a") != Template("b")
    assert Template("a") != "a"
    assert pickle.loads(pickle.dumps(Template("a", small, x=1))) == Template("a", x=1)


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (5, [5]),
        ("ab", ["ab"]),
        ([1, [2, 3], []], [1, 2, 3]),
        ((1, 2), [(1, 2)]),
        (([1, 2], [3, 4]), [(1, 3), (1, 4), (2, 3), (2, 4)]),
        ({"a": [1, 2], "b": 3}, [{"a": 1, "b": 3}, {"a": 2, "b": 3}]),
        ({"a": [1, (2, [3, 4])]}, [{"a": 1}, {"a": (2, 3)}, {"a": (2, 4)}]),
        ([], []),
        (([1], []), []),
    ],
)
def test_expansions_of_plain_values(obj, expected):
    assert list(expansions(obj)) == expected


def test_expansions_of_a_template():
    template = Template("${a}${b}", a=[1, 2], b=["x", "y"])
    assert list(template.expansions()) == [
        Template("${a}${b}", a=1, b="x"),
        Template("${a}${b}", a=1, b="y"),
        Template("${a}${b}", a=2, b="x"),
        Template("${a}${b}", a=2, b="y"),
    ]
    assert [str(t) for t in expansions([template, "z"], b="w")] == ["1w", "2w", "z"]


def test_what_is_not_valid_is_dropped_also_if_a_nested_template_brings_it():
    assert [t._keywords["n"] for t in Template("${n}", small, n=[1, 2, 3, 4]).expansions()] == [
        1,
        2,
    ]
    outer = Template("${inner}/${m}", small, inner=Template("${n}", n=[2, 3]), m=[0, 1])
    assert [str(t) for t in outer.expansions()] == ["2/0", "2/1"]
    assert [t._keywords["n"] for t in outer.expansions()] == [2, 2]


def test_a_template_of_a_template_expands_both():
    nested = Template(Template("${x}-${y}", x=[1, 2]), y=["a", "b"])
    assert [str(t) for t in nested.expansions()] == ["1-a", "1-b", "2-a", "2-b"]
