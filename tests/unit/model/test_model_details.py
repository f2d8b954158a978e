import msgspec
import pytest

from gc3libs.model import RunDetails, decode_details, encode_details
from gc3libs.model.details import Attempt, RemoteError


def test_nothing_is_no_bytes():
    assert encode_details(RunDetails()) == b""
    assert decode_details(b"") == RunDetails()


def test_everything_comes_back():
    details = RunDetails(
        history=[(1.5, "submitted"), (2.0, "ende: äöü")],
        timestamps={"NEW": 1.0},
        token="Task.1-2",
        resource="local",
        cpu_time=0.25,
        memory=2**40,
        memory_is_bound=True,
        missing=["fit.json"],
        result={"a": 1, "b": None, "c": float("inf")},
        result_kind="plain",
        error=RemoteError(type="ValueError", message="no", traceback="..."),
        attempts=[Attempt(number=1, returncode=256, token="Task.1-1")],
    )
    assert decode_details(encode_details(details)) == details


def test_fields_of_a_later_version_survive_an_edit():
    later = msgspec.msgpack.encode({"token": "t", "mood": ["fine"], "history": [(1.0, "x")]})
    details = decode_details(later)
    assert (details.token, details.history) == ("t", [(1.0, "x")])
    details.token = "u"
    fields = msgspec.msgpack.decode(encode_details(details))
    assert fields == {"token": "u", "mood": ["fine"], "history": [[1.0, "x"]]}


def test_halves_of_characters_are_escaped():
    details = RunDetails(
        history=[(1.5, "no file caf\udce9")],
        timestamps={"NEW": 1.0},
        error=RemoteError(type="OSError", message="\udce9", traceback="ä"),
        others={"mood": "\udce9"},
    )
    back = decode_details(encode_details(details))
    assert back.history == [(1.5, "no file caf\\udce9")]
    assert back.error == RemoteError(type="OSError", message="\\udce9", traceback="ä")
    assert (back.timestamps, back.others) == ({"NEW": 1.0}, {"mood": "\\udce9"})


def test_damage_is_noticed():
    with pytest.raises(msgspec.DecodeError):
        decode_details(b"\xc1")
    with pytest.raises(msgspec.DecodeError):
        decode_details(encode_details(RunDetails(token="abc"))[:-1])
