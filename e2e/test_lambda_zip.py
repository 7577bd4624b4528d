"""The archives that AWS Lambda runs, made of a small program instead of the compiled one."""

import io
import pathlib
import sys
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "deploy/packages"))

import lambda_zip  # noqa: E402

PROGRAM = b"\x7fELF" + bytes(range(256)) * 64


def test_the_archive_holds_one_program_that_may_be_run():
    with zipfile.ZipFile(io.BytesIO(lambda_zip.archive(PROGRAM, 1_796_076_600))) as archive:
        (entry,) = archive.infolist()
        assert (entry.filename, entry.create_system, entry.external_attr >> 16) == ("bootstrap", 3, 0o100755)
        assert entry.date_time == (2026, 11, 30, 22, 10, 0) and archive.read(entry) == PROGRAM
        assert archive.testzip() is None


def test_the_same_program_and_time_give_the_same_bytes():
    first = lambda_zip.archive(PROGRAM, 1_796_076_600)
    assert lambda_zip.archive(PROGRAM, 1_796_076_600) == first
    assert lambda_zip.archive(PROGRAM, 1_796_076_602) != first
    assert lambda_zip.archive(PROGRAM, 0), "a zip has no time before 1980"


def made(monkeypatch, tmp_path, program):
    file = tmp_path / "tidegate"
    file.write_bytes(program)
    monkeypatch.setattr(lambda_zip, "ROOT", tmp_path)
    monkeypatch.setattr(lambda_zip, "OUT", tmp_path / "out")
    monkeypatch.setattr(lambda_zip, "binary", lambda architecture: file)
    monkeypatch.setattr(lambda_zip, "epoch", lambda: 1_796_076_600)
    monkeypatch.setattr(sys, "argv", ["lambda_zip.py", "arm64"])
    lambda_zip.main()
    return tmp_path / "out/tidegate-lambda-arm64.zip"


def test_a_program_that_lambda_does_not_run_is_refused(monkeypatch, tmp_path):
    assert lambda_zip.MOST_UNPACKED == 250_000_000
    assert zipfile.is_zipfile(made(monkeypatch, tmp_path, PROGRAM))
    monkeypatch.setattr(lambda_zip, "MOST_UNPACKED", len(PROGRAM))
    made(monkeypatch, tmp_path, PROGRAM)
    with pytest.raises(SystemExit, match="no more than"):
        made(monkeypatch, tmp_path, PROGRAM + b"x")
