from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import firstread
from firstread.auditing import FINDERS, Audit, Finder, Finding, Survey, auditing
from firstread.datasets import Dataset, load
from firstread.errors import DataError
from firstread.progress import Step


def last(data: Path | Dataset, *finders: Finder) -> Audit:
    *_, result = auditing(data, finders)
    assert isinstance(result, Audit)
    return result


def shout(dataset: Dataset, survey: Survey) -> Iterator[Finding | Step]:
    yield Step("shouting", 1, 1)
    yield Finding("LOUD", "severe", "It is loud.", files=dataset.paths[0].parts[-1:])
    yield Finding("QUIET", "note", "It is quiet.")


def say_nothing(dataset: Dataset, survey: Survey) -> Iterator[Finding]:
    yield from ()


def test_every_code_is_told_of_whatever_the_data(two_classes: Path) -> None:
    codes = {code for finder in FINDERS for code in finder.clean}
    assert codes <= {finding.code for finding in firstread.audit(two_classes).findings}


def test_no_code_has_two_finders() -> None:
    codes = [code for finder in FINDERS for code in finder.clean]
    assert len(codes) == len(set(codes))


def test_the_worst_comes_first_and_what_passed_last(two_classes: Path) -> None:
    finders = (
        Finder("nothing", say_nothing, {"NOTHING": "There is nothing."}),
        Finder("noise", shout, {"LOUD": "", "QUIET": "", "DULL": "It isn't dull."}),
        Finder("patients", say_nothing, {"P": ""}, needs=("patients",)),
    )
    findings = last(two_classes, *finders).findings
    assert [(found.code, found.severity) for found in findings] == [
        ("LOUD", "severe"),
        ("QUIET", "note"),
        ("LAYOUT", "passed"),
        ("NOTHING", "passed"),
        ("DULL", "passed"),
        ("P", "not applicable"),
    ]
    assert findings[-1].message == "Not looked for: the data name no patients."


def test_the_steps_of_a_finder_are_passed_on(two_classes: Path) -> None:
    events = list(auditing(two_classes, [Finder("noise", shout, {})]))
    phases = [event.phase for event in events if isinstance(event, Step)]
    assert phases == ["looking at images"] * 16 + ["looking for noise", "shouting"]


def test_an_audit_as_frame_and_as_records(two_classes: Path) -> None:
    result = last(two_classes, Finder("noise", shout, {}))
    frame = result.frame()
    assert frame.columns.tolist() == ["code", "severity", "message", "files", "why", "advice"]
    assert frame["files"].tolist() == [1, 0, 0]
    assert [found.code for found in result.severe] == ["LOUD"]
    assert result.records()[0]["code"] == "LOUD"
    assert result.images == 16


def test_a_data_set_can_be_audited_as_it_is(two_classes: Path) -> None:
    assert firstread.audit(load(two_classes)).images == 16


def test_the_function_stays_a_function_when_its_room_is_imported(two_classes: Path) -> None:
    import firstread.auditing

    assert "firstread.auditing" in sys.modules
    assert callable(firstread.audit)


def test_what_keeps_data_from_being_trained_on_is_a_finding(two_classes: Path) -> None:
    lonely = two_classes / "lonely"
    lonely.mkdir()
    (two_classes / "dark" / "0.png").rename(lonely / "0.png")
    (two_classes / "empty").mkdir()
    layout = firstread.audit(two_classes).severe[0]
    assert layout.code == "LAYOUT"
    assert "class 'lonely' has 1 image to train on" in layout.message
    assert "class 'empty' is empty" in layout.message
    assert dict(layout.figures) == {"problems": 2}


def test_one_class_is_audited_as_far_as_it_goes(two_classes: Path) -> None:
    result = firstread.audit(two_classes / "dark")
    assert [found.code for found in result.severe] == ["LAYOUT"]
    for path in (two_classes / "bright").iterdir():
        path.unlink()
    (two_classes / "bright").rmdir()
    (two_classes / "dark" / "bad.png").write_text("x")
    result = firstread.audit(two_classes)
    severities = {found.code: found.severity for found in result.findings}
    assert severities["LAYOUT"] == "severe"
    assert severities["UNREADABLE"] == "warning"
    assert severities["NAME-CONTRADICTS"] == "not applicable"


def test_rows_of_a_table_that_cannot_be_used_are_told_and_the_rest_is_audited(
    two_classes: Path,
) -> None:
    table = two_classes / "cases.csv"
    rows = [
        f"{path.relative_to(two_classes)},{path.parent.name}" for path in load(two_classes).paths
    ]
    table.write_text("\n".join(["path,label", *rows, "gone.png,dark"]))
    result = firstread.audit(table)
    assert result.images == 16
    assert "line 18: " in result.severe[0].message
    assert "gone.png does not exist" in result.severe[0].message


def test_no_data_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        firstread.audit(tmp_path / "nowhere")


def test_an_empty_folder_is_a_finding(tmp_path: Path) -> None:
    result = firstread.audit(tmp_path)
    assert [found.code for found in result.findings] == ["LAYOUT"]
    assert "holds no class folders" in result.severe[0].message
