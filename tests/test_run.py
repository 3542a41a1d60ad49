from __future__ import annotations

from pathlib import Path

import pytest

from firstread.errors import RunError
from firstread.run import COUNTS, PLAN, UNFINISHED, Run, check_free, drafting, versions


def test_a_run_that_ends_well_loses_its_mark(tmp_path: Path) -> None:
    with drafting(tmp_path / "new" / "run") as draft:
        assert "under way" in (draft.folder / UNFINISHED).read_text()
        draft.write_json(PLAN, {"ü": 1})
        draft.log("a line")
    assert not (draft.folder / UNFINISHED).exists()
    assert Run.open(draft.folder).folder == draft.folder
    assert '"ü": 1' in draft.path(PLAN).read_text(encoding="utf-8")
    assert draft.path("log.txt").read_text(encoding="utf-8").endswith("  a line\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("the disk is full"), "This run failed: the disk is full."),
        (KeyboardInterrupt(), "This run was stopped."),
    ],
)
def test_a_run_that_fails_says_so(tmp_path: Path, error: BaseException, said: str) -> None:
    def fail() -> None:
        with drafting(tmp_path / "run"):
            raise error

    with pytest.raises(type(error)):
        fail()
    with pytest.raises(RunError, match="is unfinished") as caught:
        Run.open(tmp_path / "run")
    assert said in str(caught.value)


def test_folders_that_are_no_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no such run folder; `firstread train"):
        Run.open(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"is no run of firstread \(it has no plan\.json\)"):
        Run.open(tmp_path)


def test_folders_in_use_are_refused(tmp_path: Path) -> None:
    check_free(tmp_path / "new")
    check_free(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="is a file"):
        check_free(tmp_path / "file")
    with pytest.raises(RunError, match="holds something already; choose another --out"):
        check_free(tmp_path)
    (tmp_path / UNFINISHED).write_text("x")
    with pytest.raises(RunError, match="holds an unfinished run already"):
        check_free(tmp_path)


def test_versions_name_what_a_run_rests_on() -> None:
    assert {"python", "platform", "firstread", "torch"} <= versions().keys()


def test_counts_come_back_as_a_table_whatever_the_classes_are_called(tmp_path: Path) -> None:
    (tmp_path / COUNTS).write_text("label,train,val\n0,32,5\n001,33,5\n", encoding="utf-8")
    counts = Run(tmp_path).counts()
    assert list(counts.index) == ["0", "001"]
    assert counts.sum().to_dict() == {"train": 65, "val": 10}
