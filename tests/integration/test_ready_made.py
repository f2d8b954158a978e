"""Ready-made applications, on programs that behave like the ones they are for."""

from __future__ import annotations

import os
import tarfile

import pytest

from gc3libs.application.apppot import AppPotApplication
from gc3libs.application.codeml import CodemlApplication
from gc3libs.application.demo import Square
from gc3libs.application.gamess import GamessApplication, GamessAppPotApplication
from gc3libs.application.rosetta import RosettaApplication, RosettaDockingApplication
from gc3libs.application.turbomole import TurbomoleApplication, TurbomoleDefineApplication
from gc3libs.engine import create_engine
from gc3libs.exceptions import DuplicateEntryError, InputFileError, InvalidType
from gc3libs.quantity import GB, MiB


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A directory to be in, with a `bin` where jobs find programs."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(app, tmp_path):
    """Run it; its exit code."""
    with create_engine(workdir=tmp_path / "run", cores=2) as engine:
        engine.add(app)
        engine.run()
    assert not app.execution.signal, app.execution.info
    return app.execution.exitcode


def test_a_square(tmp_path):
    assert run(Square(7), tmp_path) == 0
    assert (tmp_path / "Square-7.d/stdout.txt").read_text() == "49\n"


GAMESS = """
echo "$@" >args; cat "$1.inp" ${EXTBAS:-/dev/null}; echo data >"$1.dat"
case $(cat "$1.inp") in
    good) echo ' EXECUTION OF GAMESS TERMINATED NORMALLY now' ;;
    bad) echo ' EXECUTION OF GAMESS TERMINATED -ABNORMALLY- now' >&2 ;;
    hard) exit 3 ;;
esac
"""


@pytest.mark.parametrize(
    ("kind", "exitcode"), [("good", 0), ("bad", 1), ("cut off", 70), ("hard", 3)]
)
def test_gamess_ends_as_its_output_says(tmp_path, kind, exitcode):
    program(tmp_path / "bin/rungms", GAMESS)
    (tmp_path / "water.inp").write_text(kind)
    (tmp_path / "basis").write_text(" my basis")
    app = GamessApplication("water.inp", extbas="basis", output_dir="out", requested_cores=2)
    assert run(app, tmp_path) == exitcode
    assert (tmp_path / "out/water.out").read_text().startswith(f"{kind} my basis")
    assert (tmp_path / "out/water.dat").read_text() == "data\n"
    assert (app.jobname, app.arguments) == ("water", ["rungms", "water", "00", "2"])
    assert app.tags == ["APPS/CHEM/GAMESS"]


APPPOT = 'cat apppot.img apppot.changes.tar.gz; echo "$@"'


@pytest.mark.parametrize("inputs", [[("start", "apppot-start.sh")], {"start": "apppot-start.sh"}])
def test_apppot_gets_its_image_and_its_options(tmp_path, inputs):
    program(tmp_path / "start", APPPOT)
    (tmp_path / "an.img").write_text("image ")
    (tmp_path / "changes").write_text("changes ")
    app = AppPotApplication(
        ["ls", "-l"], inputs, [], "out",
        apppot_img="an.img", apppot_changes="changes", apppot_extra=["a=1"],
        requested_memory=2 * GB, stdout="out.txt", tags=["mine"],
    )  # fmt: skip
    assert run(app, tmp_path) == 0
    assert (tmp_path / "out/out.txt").read_text() == (
        "image changes --apppot apppot.img --changes apppot.changes.tar.gz --mem 1908M"
        " --extra a=1 ls -l\n"
    )
    assert app.requested_memory is None
    assert app.tags == ["mine", "ENV/APPPOT-0.21"]
    assert len(inputs) == 3


def test_apppot_says_what_inputs_it_takes():
    with pytest.raises(InvalidType, match="give a list or a dictionary"):
        AppPotApplication(["ls"], "file", [], None)


def test_gamess_in_apppot_is_both(tmp_path):
    (tmp_path / "water.inp").write_text("good")
    app = GamessAppPotApplication(
        "water.inp", apppot_img="/an.img", output_dir="out", requested_memory=512 * MiB
    )
    assert app.arguments == [
        *("./apppot-start.sh", "--apppot", "apppot.img", "--mem", "512M"),
        *("rungms", "water", "00", "1"),
    ]
    assert app.tags == ["APPS/CHEM/GAMESS", "ENV/APPPOT-0.21"]


def test_rosetta_brings_back_its_log_and_what_it_wrote(tmp_path):
    program(tmp_path / "bin/minirosetta.3.1", 'echo "$@"; cat 1abc.pdb >fold.out; exit 4')
    (tmp_path / "1abc.pdb").write_text("atoms")
    (tmp_path / "flags").write_text("-fast")
    app = RosettaApplication(
        "minirosetta", "3.1", ["1abc.pdb"], flags_file="flags", database="/db",
        arguments=["-nstruct", 5], output_dir="out",
    )  # fmt: skip
    assert run(app, tmp_path) == 4
    log = (tmp_path / "out/minirosetta.log").read_text()
    assert log == "@minirosetta.flags -database /db -nstruct 5\n"
    with tarfile.open(tmp_path / "out/minirosetta.tar.gz") as archive:
        assert archive.getnames() == ["./fold.out"]


def test_docking(tmp_path):
    program(tmp_path / "bin/docking_protocol", 'cat 1abc.pdb; echo "$@"')
    (tmp_path / "1abc.pdb").write_text("atoms\n")
    app = RosettaDockingApplication("1abc.pdb", number_of_decoys_to_create=9, output_dir="out")
    assert run(app, tmp_path) == 0
    assert (tmp_path / "out/docking_protocol.log").read_text() == (
        "atoms\n-in:file:s 1abc.pdb -in:file:native 1abc.pdb -out:nstruct 9\n"
    )
    with pytest.raises(DuplicateEntryError, match="rename one"):
        RosettaDockingApplication("1abc.pdb", "other/1abc.pdb", output_dir="out")


def test_codeml_runs_all_control_files(tmp_path):
    program(tmp_path / "bin/codeml", 'echo run "$1"; . "./$1"; cat $seqfile $treefile >$outfile')
    data = tmp_path / "data"
    data.mkdir()
    for name in "ab":
        (data / f"{name}.ctl").write_text(f"seqfile={name}.phy\ntreefile=t.nwk\noutfile={name}.mlc")
        (data / f"{name}.phy").write_text(name)
    (data / "t.nwk").write_text(" tree")
    app = CodemlApplication(data / "a.ctl", data / "b.ctl", output_dir="out")
    assert run(app, tmp_path) == 0
    assert (tmp_path / "out/a.mlc").read_text() == "a tree"
    assert (tmp_path / "out/b.mlc").read_text() == "b tree"
    assert (tmp_path / "out/b.ctl.log").read_text() == "run b.ctl\n"


def test_codeml_fails_if_one_of_its_runs_did(tmp_path):
    program(tmp_path / "bin/codeml", '[ "$1" = b.ctl ]')
    for name in "ab":
        (tmp_path / f"{name}.ctl").write_text(f"outfile = {name}.mlc * where it goes")
    assert run(CodemlApplication("a.ctl", "b.ctl", output_dir="out"), tmp_path) == 1


def test_codeml_says_which_control_file_makes_no_sense(tmp_path):
    (tmp_path / "a.ctl").write_text("* outfile = x\n")
    with pytest.raises(InputFileError, match=r"a\.ctl names no outfile"):
        CodemlApplication("a.ctl", output_dir="out")
    with pytest.raises(InputFileError, match=r"cannot read b\.ctl"):
        CodemlApplication("b.ctl", output_dir="out")


def test_turbomole(tmp_path):
    program(tmp_path / "bin/ridft", "cat control coord; echo e >energy")
    (tmp_path / "my-control").write_text("control ")
    (tmp_path / "coord").write_text("coord")
    app = TurbomoleApplication("ridft", "my-control", "coord", output_dir="out")
    assert run(app, tmp_path) == 0
    assert (tmp_path / "out/ridft.out").read_text() == "control coord"
    assert (tmp_path / "out/energy").read_text() == "e\n"


@pytest.mark.parametrize("status", [0, 5])
def test_turbomole_after_define(tmp_path, status):
    program(tmp_path / "bin/define", f"cat >control; echo defined; exit {status}")
    program(tmp_path / "bin/ridft", "cat control")
    (tmp_path / "answers").write_text("yes")
    (tmp_path / "water").write_text("coord")
    app = TurbomoleDefineApplication("ridft", "answers", "water", output_dir="out")
    assert run(app, tmp_path) == status
    assert (tmp_path / "out/define.out").read_text() == "defined\n"
    assert (tmp_path / "out/ridft.out").exists() is (status == 0)
