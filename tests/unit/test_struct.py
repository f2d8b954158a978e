"""A mapping that is its own attributes."""

import copy
import pickle
from collections.abc import MutableMapping

import pytest

from gc3libs._struct import Struct


class Point(Struct):
    dimensions = 2

    @property
    def norm(self):
        return abs(self.x) + abs(self.y)

    @property
    def first(self):
        return self.x

    @first.setter
    def first(self, value):
        self.x = value


class Tagged:
    __slots__ = ("tag",)


class TaggedPoint(Tagged, Struct):
    pass


@pytest.mark.parametrize(
    "made",
    [
        Struct(x=1, y=2),
        Struct({"x": 1, "y": 2}),
        Struct([("x", 1), ("y", 2)]),
        Struct({"x": 0, "y": 2}, x=1),
        Struct(Struct(x=1, y=2)),
    ],
)
def test_attributes_and_items_are_the_same(made):
    assert (made.x, made["y"]) == (1, 2)
    made.z = 3
    made["w"] = 4
    assert (made["z"], made.w) == (3, 4)
    assert made.keys() == ["x", "y", "z", "w"]
    assert list(made) == made.keys()
    assert list(made.values()) == [1, 2, 3, 4]
    assert dict(made) == {"x": 1, "y": 2, "z": 3, "w": 4}
    del made["z"]
    del made.w
    assert "z" not in made
    assert len(made) == 2
    assert made == {"x": 1, "y": 2}
    assert isinstance(made, MutableMapping)


def test_what_is_missing():
    empty = Struct()
    with pytest.raises(AttributeError):
        _ = empty.x
    for access in (lambda: empty["x"], lambda: empty.pop("x"), lambda: empty.__delitem__("x")):
        with pytest.raises(KeyError):
            access()
    assert empty.get("x", 5) == empty.setdefault("x", 5) == 5
    assert empty.x == 5


def test_only_what_the_instance_holds_is_an_item():
    point = Point(x=3, y=-4)
    assert point.norm == 7
    assert point.keys() == ["x", "y"]
    for name in ("norm", "dimensions", "keys"):
        assert name not in point
        with pytest.raises(KeyError):
            _ = point[name]
        with pytest.raises(KeyError):
            del point[name]


def test_an_item_is_set_like_its_attribute():
    point = Point(x=3, y=-4)
    point["first"] = 5
    point.update(y=6)
    assert dict(point) == {"x": 5, "y": 6}
    with pytest.raises(AttributeError):
        point["norm"] = 1


def test_copies():
    point = Point(x=[1], y=2)
    plain = point.copy()
    assert type(plain) is Struct
    assert plain.x is point.x
    for twin in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert type(twin) is Point
        assert twin == point


def test_it_can_be_inherited_beside_a_class_with_slots():
    point = TaggedPoint(x=1)
    point.tag = "blue"
    assert dict(point) == {"x": 1}
    assert point.tag == "blue"


def test_it_shows_what_it_holds():
    assert repr(Point(x=1, y="b")) == "Point(x=1, y='b')"
