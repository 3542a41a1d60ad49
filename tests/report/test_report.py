from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from firstread.auditing import Finding
from firstread.errors import RunError
from firstread.report.records import Records
from firstread.report.report import write
from firstread.run import Run

from .conftest import MakeRun

SECTIONS = ["figures", "audit", "learned", "judged", "ladder", "cases", "card", "claim", "repeat"]


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.tags.append(tag)
        self.ids += [held["id"]] if held.get("id") else []
        self.links += [held[name] for name in ("href", "src") if held.get(name)]
        if tag == "img":
            self.images.append(held)

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def said(self) -> str:
        return re.sub(r"\s+", " ", self.text)


def page(run: Run) -> Page:
    return Page(write(run).read_text(encoding="utf-8"))


def test_the_page_holds_all_of_it_in_order(make_run: MakeRun) -> None:
    run = make_run(findings=[Finding("BLANK", "warning", "`ill` has 1 blank; use --strict.")])
    made = page(run)
    kept = [name for name in made.ids if name in {*SECTIONS, "subgroups"}]
    assert kept == [*SECTIONS[:6], "subgroups", *SECTIONS[6:]]
    assert "Can a network tell “ill” and “well” apart?" in made.said
    assert "firstread train --plan RUN/plan.json --out ANOTHER" in made.said
    assert "3 of 40 answers are wrong" in made.said
    assert "ill has 1 blank; use --strict." in made.said
    assert "Not tried: metadata alone, without the picture" in made.said


def test_the_page_asks_nothing_of_any_host(make_run: MakeRun) -> None:
    made = page(make_run())
    assert all(link.startswith(("data:", "#")) for link in made.links)
    assert not {"script", "iframe", "object", "embed"} & set(made.tags)


def test_no_folder_of_the_machine_is_on_the_page(make_run: MakeRun, tmp_path: Path) -> None:
    missing = str(tmp_path / "films of march" / "train" / "gone.png")
    finding = Finding("UNREADABLE", "severe", f"{missing}: is damaged", files=(missing,))
    path = write(make_run(findings=[finding]))
    text = path.read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "/opt/weights" not in text
    assert "gone.png: is damaged" in text
    assert "1 image could not be read again" in text


def test_every_picture_has_a_text(make_run: MakeRun) -> None:
    made = page(make_run())
    assert len(made.images) > 15
    assert all(image["alt"] and len(image["alt"]) > 20 for image in made.images)


def test_a_run_without_evidence_still_has_a_page(make_run: MakeRun) -> None:
    run = make_run(evidence=False)
    (run.folder / "history.csv").unlink()
    made = page(run)
    assert "These data were not audited" in made.said
    assert "No ladder of baselines was judged" in made.said
    assert "This run kept no learning curves." in made.said
    assert "subgroups" not in made.ids


def test_what_users_wrote_is_never_markup(make_run: MakeRun) -> None:
    run = make_run(classes=("<b>ill</b>", "a & b"), evidence=False)
    text = write(run).read_text(encoding="utf-8")
    assert "<b>ill</b>" not in text
    assert "&lt;b&gt;ill&lt;/b&gt;" in text


def test_many_classes_and_images_keep_the_page_small(make_run: MakeRun) -> None:
    classes = [f"class {k:02}" for k in range(34)]
    run = make_run(classes=classes, n=204, wrong=90)
    paths = tuple(Records.of(run).cases["path"])
    audit = [Finding(f"SOME-{k}", "warning", "m", files=paths).record() for k in range(9)]
    pd.Series(audit).to_json(run.folder / "audit.json", orient="records")
    path = write(run)
    assert path.stat().st_size < 3_000_000
    thumbnails = [i for i in Page(path.read_text()).images if i["src"].startswith("data:image/jp")]
    assert len(thumbnails) <= 40


def test_several_labels_an_image(make_run: MakeRun) -> None:
    made = page(make_run(classes=("left", "top"), multilabel=True))
    assert "got every label right on 37 (92 %)" in made.said


def test_images_that_have_gone_are_said_to_be(make_run: MakeRun) -> None:
    run = make_run()
    for path in Records.of(run).cases["path"]:
        Path(path).unlink()
    made = page(run)
    assert "9 images could not be read again" in made.said


def test_writing_again_replaces_the_page_and_leaves_nothing_else(make_run: MakeRun) -> None:
    run = make_run()
    first = write(run).read_bytes()
    before = sorted(run.folder.iterdir())
    assert write(run).read_bytes() == first
    assert sorted(run.folder.iterdir()) == before


def test_a_page_that_cannot_be_written_leaves_no_half(make_run: MakeRun) -> None:
    run = make_run(evidence=False)
    (run.folder / "report.html").mkdir()
    before = sorted(run.folder.iterdir())
    with pytest.raises(RunError, match=r"report\.html: can't be written"):
        write(run)
    assert sorted(run.folder.iterdir()) == before


def test_what_repeating_the_training_showed_is_told(make_run: MakeRun) -> None:
    run = make_run()
    record = {"crossvalidation": {"sentence": "Models trained like this one get 0.9 right."}}
    (run.folder / "crossvalidation.json").write_text(json.dumps(record))
    page = write(run).read_text(encoding="utf-8")
    assert "The whole training repeated" in page
    assert "Models trained like this one get 0.9 right." in page
