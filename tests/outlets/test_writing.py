from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from firstread.errors import DataError, UsageError
from firstread.outlets.answer import Answer
from firstread.outlets.model import Model
from firstread.outlets.writing import Folders, save, sources, write

Ct = Callable[..., Path]


def test_files_of_one_name_in_several_folders_each_get_results(
    ct: Ct, model: Model, tmp_path: Path
) -> None:
    files = [ct("a/IM1"), ct("b/IM1")]
    answers = [Answer(file, ("abd",), (0.8, 0.2)) for file in files]
    folders = Folders(tmp_path / "sr", tmp_path / "sc")
    steps = list(write(answers, sources(files), model, folders))
    assert [(step.done, step.of) for step in steps] == [(1, 2), (2, 2)]
    images = {pydicom.dcmread(file).SOPInstanceUID for file in files}
    for folder in ("sr", "sc"):
        written = sorted((tmp_path / folder).iterdir())
        assert [path.name[:4] for path in written] == ["IM1-", "IM1-"]
        referred = set()
        for path in written:
            made = pydicom.dcmread(path)
            if folder == "sc":
                referred.add(made.SourceImageSequence[0].ReferencedSOPInstanceUID)
                continue
            (study,) = made.CurrentRequestedProcedureEvidenceSequence
            (instance,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
            referred.add(instance.ReferencedSOPInstanceUID)
        assert referred == images


def test_what_can_t_be_reported_on_is_all_named_or_left_out(ct: Ct, tmp_path: Path) -> None:
    picture = tmp_path / "film.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    good, without = ct("good"), ct("without", SOPInstanceUID="")
    with pytest.raises(DataError) as raised:
        sources([good, picture, without])
    assert len(raised.value.problems) == 2
    assert "film.png: is no DICOM file" in str(raised.value)
    assert "without: has no valid SOPInstanceUID" in str(raised.value)
    assert list(sources([good, picture], skip=True)) == [good]


def test_folders_that_can_t_be_made_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--dicom-sr .*file: is a file"):
        Folders(reports=tmp_path / "file").check()
    with pytest.raises(UsageError, match=r"--dicom-sc .*there is no folder"):
        Folders(captures=tmp_path / "no" / "such").check()


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    broken = pydicom.Dataset()
    broken.SOPClassUID = "1.2"
    with pytest.raises(ValueError, match="encoding"):
        save(broken, tmp_path / "x.dcm")
    assert list(tmp_path.iterdir()) == []
