from __future__ import annotations

from firstread.auditing import Finding
from firstread.images import Display
from firstread.report.privacy import Names, last
from firstread.report.records import Records
from firstread.report.thumbnails import Album

from .conftest import PLAN, MakeRun


def test_folders_are_taken_out_of_texts(make_run: MakeRun) -> None:
    finding = Finding("UNREADABLE", "severe", "one", files=("/srv/films/other/x.png",))
    records = Records.of(make_run(findings=[finding]))
    names = Names.of(records)
    path, data = records.cases["path"][0], records.data["data"]
    assert names.without(f"{path}: is damaged") == "000.png: is damaged"
    assert names.without("/srv/films/other/x.png: is damaged") == "x.png: is damaged"
    assert names.without(f"look into {data}") == "look into films of march"
    assert names.without("28 x 28 px / 3") == "28 x 28 px / 3"


def test_files_of_another_system_are_named_without_their_folders(make_run: MakeRun) -> None:
    there = "C:\\Users\\jane\\films\\x.png"
    finding = Finding("BLANK", "severe", f"{there} is blank", files=(there,))
    records = Records.of(make_run(findings=[finding]))
    assert Names.of(records).without(f"{there} is blank") == "x.png is blank"
    thumbnail = Album(Display(), {}).thumbnail(there)
    assert thumbnail is not None
    assert thumbnail.name == "x.png"


def test_a_plan_names_files_only() -> None:
    plan = {**PLAN, "data": "/home/me/films", "weights": "C:\\nets\\net.safetensors"}
    shown = Names(()).plan(plan)
    assert (shown["data"], shown["weights"]) == ("films", "net.safetensors")
    assert shown["seed"] == 7


def test_relative_folders_do_not_eat_words() -> None:
    names = Names(("data/ill", "data", "a"))
    assert names.without("data/ill/1.png is in the data") == "1.png is in the data"
    assert names.without("yes/no and data/or, a/b.png") == "yes/no and or, b.png"
    assert names.without("a beta/b") == "a beta/b"
    assert last("imagenet") == "imagenet"
