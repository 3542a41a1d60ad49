from __future__ import annotations

from firstread.auditing import FINDERS, Finding
from firstread.auditing.kinds import KINDS
from firstread.auditing.label_errors import CODE as LABEL_ERROR
from firstread.images import Display
from firstread.report.findings import PICTURES, TITLES, shown
from firstread.report.privacy import Names
from firstread.report.records import Records
from firstread.report.thumbnails import Album

from .conftest import MakeRun


def test_every_code_that_is_looked_for_has_a_title() -> None:
    codes = {code for finder in FINDERS for code in finder.clean}
    assert {*codes, *(kind.code for kind in KINDS), LABEL_ERROR} <= set(TITLES)


def dressed(make_run: MakeRun, *findings: Finding) -> tuple:
    records = Records.of(make_run(findings=findings))
    return shown(records.audit or (), Album(Display(), {}), Names.of(records))


def test_copies_stand_together_and_the_severe_come_first(make_run: MakeRun) -> None:
    paths = Records.of(make_run("OTHER")).cases["path"].tolist()
    copies = Finding(
        "DUPLICATE-NEAR",
        "warning",
        f"{paths[0]} and another",
        files=tuple(paths[:2]),
        groups=(tuple(paths[:2]),),
    )
    blank = Finding("BLANK", "severe", "3 are blank", files=tuple(paths[2:5]))
    fine = Finding("LAYOUT", "passed", "all well")
    first, second = dressed(make_run, fine, copies, blank)
    assert (first.code, first.title, first.joined) == ("BLANK", "Blank images", False)
    assert [[p.name for p in g] for g in first.groups] == [["002.png", "003.png", "004.png"]]
    assert (second.between, second.joined) == ("≈", True)
    assert [[p.name for p in g] for g in second.groups] == [["000.png", "001.png"]]
    assert second.message == "000.png and another"


def test_pictures_are_shared_between_findings(make_run: MakeRun) -> None:
    paths = tuple(Records.of(make_run("OTHER")).cases["path"])
    many = [Finding(f"SOME-{k}", "warning", "m", files=paths) for k in range(12)]
    last = Finding("LABEL-ERROR", "warning", "one", files=paths[:1])
    made = dressed(make_run, *many[:7], last)
    counts = [sum(map(len, finding.groups)) for finding in made]
    assert counts[-1] == 1
    assert sum(counts) <= PICTURES
    assert min(counts[:-1]) == 3
    assert made[0].more == len(paths) - 3
    assert made[0].title == "Some 0"


def test_a_severe_shortcut_shows_both_sides_before_others_get_more(make_run: MakeRun) -> None:
    paths = Records.of(make_run("OTHER")).cases["path"].tolist()
    sides = (tuple(paths[:6]), tuple(paths[6:12]))
    shortcut = Finding("SHORTCUT-SIZE", "severe", "m", files=tuple(paths[:12]), groups=sides)
    rest = [Finding(f"SOME-{k}", "warning", "m", files=tuple(paths)) for k in range(9)]
    first, *others = dressed(make_run, *rest, shortcut)
    assert [[p.name for p in g] for g in first.groups] == [
        ["000.png", "001.png", "002.png"],
        ["006.png", "007.png", "008.png"],
    ]
    assert (first.between, first.joined, first.more) == ("", True, 6)
    assert [sum(map(len, f.groups)) for f in others] == [3] * 6 + [0] * 3


def test_notes_have_no_pictures(make_run: MakeRun) -> None:
    path = Records.of(make_run("OTHER")).cases["path"][0]
    (note,) = dressed(make_run, Finding("SIZE-MIXED", "note", "two sizes", files=(path,)))
    assert note.groups == ()
