"""`RUN/report.html`: one page that holds all of it, made from the run's records alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from firstread.errors import RunError
from firstread.images import Display
from firstread.report import wording
from firstread.report.card import card
from firstread.report.cases import least_sure, mistakes
from firstread.report.charts import judged, learned, parted, rungs
from firstread.report.claim import checklist
from firstread.report.findings import shown
from firstread.report.privacy import Names, last, notes
from firstread.report.records import Record, Records
from firstread.report.thumbnails import Album
from firstread.report.verdict import verdict
from firstread.run import REPORT, Run

TEMPLATE = "report.html.j2"

_CODE = re.compile(r"`([^`]+)`|(?<!\S)(--[a-z]+(?:-[a-z]+)*)")
_KEYS = ("accuracy", "balanced_accuracy", "auroc", "ece")
_OF_A_CLASS = ("sensitivity", "specificity", "ppv", "npv", "f1", "auroc")
_MOST_CLASSES = 30
"""Classes whose figures are all listed; of more, those least found."""


def write(run: Run) -> Path:
    """Write the report of a finished run, and return where it is.

    Parameters
    ----------
    run
        Whose records are read, and the images that they name, for small pictures.

    Raises
    ------
    RunError
        If a record is missing or damaged, or the page can't be written.
    """
    page = rendered(Records.of(run))
    path = run.folder / REPORT
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise RunError(f"{path}: can't be written ({error.strerror})") from None
    return path


def rendered(records: Records) -> str:
    """Return the page."""
    return page(TEMPLATE, content(records))


def page(template: str, shown: Mapping[str, Any], *rooms: Path) -> str:
    """Return a template of this room, or of other folders, with what it shows."""
    environment = Environment(
        loader=FileSystemLoader([*rooms, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        value=wording.value_text,
        interval=wording.interval_text,
        percent=wording.percent,
        listed=wording.listed,
        last=last,
        prose=_prose,
    )
    text = environment.get_template(template).render(**shown)
    # A number and its unit stay on one line.
    return re.sub(r"(?<=\d) (?=(%|px|KiB|MiB|GiB)\b|%)", "\N{NO-BREAK SPACE}", text)


def content(records: Records) -> dict[str, Any]:
    """Return what the template shows, by the names that it uses."""
    names = Names.of(records)
    columns = records.cases[["path", "label", "split"]].fillna("").itertuples(index=False)
    display = Display(**records.model["preprocessing"].get("display", {}))
    album = Album(display, notes([tuple(row) for row in columns]))
    dressed = shown(records.audit or (), album, names)
    wrong = mistakes(records, album)
    unsure = least_sure(records, album)
    return {
        "records": records,
        "title": last(str(records.data["data"])),
        "part": wording.SPLITS[records.split],
        "splits": wording.SPLITS,
        "figures": wording.FIGURES,
        "verdict": verdict(records),
        "keys": _keys(records),
        "table": table(records),
        "counts": counts(records),
        "findings": dressed,
        "passed": _rest(records, "passed", names),
        "inapplicable": _rest(records, "not applicable", names),
        "learned": tuple(learned(records)),
        "advice": _advice(records),
        "judged": tuple(judged(records)),
        "rungs": rungs(records),
        "steps": steps(records),
        "mistakes": wrong,
        "wrong": int((~records.answers.right).sum()),
        "unsure": unsure,
        "subgroups": [(r, parted(r)) for r in records.subgroups or ()],
        "card": card(records),
        "claim": checklist(records),
        "plan": names.plan(records.plan),
        "missing": wording.counted(album.missing, "image") if album.missing else "",
    }


def _prose(text: str) -> Markup:
    """Return a finding's text with its class names and options set as code."""
    return Markup(
        _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", str(escape(text)))
    )


def _keys(records: Records) -> list[Record]:
    """Return the figures that stand at the top, each with its title."""
    keys: list[Record] = [{"title": "accuracy", "of": "", **records.accuracy}]
    for figure in _KEYS[1:]:
        record = records.estimate(figure)
        if record is not None and record["value"] is not None:
            keys.append({"title": wording.FIGURES[figure].title, "of": "", **record})
    keys[1:1] = _found(records)
    return keys


def _found(records: Records) -> list[Record]:
    """Return what is found of each class, or of many of the class least found."""
    found: list[Record] = []
    for name in records.classes:
        record = records.estimate("sensitivity", name)
        if record is not None and record["value"] is not None:
            found.append({"title": "found of", "of": name, **record})
    if len(found) > 2:
        return [{**min(found, key=lambda one: one["value"]), "title": "least found:"}]
    return found


def table(records: Records) -> dict[str, Any]:
    """Return the figures of all classes together, and of each class."""
    evaluation = records.metrics[records.split]
    whole = [e for e in evaluation["figures"] if e["class"] == ""]
    rows = [
        (name, [records.estimate(figure, name) for figure in _OF_A_CLASS])
        for name in records.classes
    ]

    def found(row: tuple[str, list[Record | None]]) -> float:
        value = (row[1][0] or {}).get("value")
        return 2.0 if value is None else float(value)

    if len(rows) > _MOST_CLASSES:
        rows = sorted(rows, key=found)[:_MOST_CLASSES]
    return {"whole": whole, "columns": _OF_A_CLASS, "rows": rows}


def counts(records: Records) -> dict[str, Any]:
    """Return how many images each class has in each part."""
    parts = [split for split in wording.SPLITS if (records.cases["split"] == split).any()]
    labels = records.cases["label"].fillna("")
    rows = []
    for name in records.classes:
        held = labels.map(lambda text, name=name: name in text.split(";"))
        if not records.multilabel:
            held = labels == name
        of_class = records.cases[held]["split"].value_counts()
        rows.append((name, [int(of_class.get(split, 0)) for split in parts]))
    whole = records.cases["split"].value_counts()
    return {"parts": parts, "rows": rows, "whole": [int(whole[split]) for split in parts]}


def _rest(records: Records, severity: str, names: Names) -> list[str]:
    return [
        names.without(str(f["message"])) for f in records.audit or () if f["severity"] == severity
    ]


def _advice(records: Records) -> list[Mapping[str, Any]]:
    if records.advice is None:
        return []
    rows = records.advice.astype(object).where(records.advice.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]


def steps(records: Records) -> list[dict[str, Any]]:
    """Return the ladder's rungs, from the bottom up, each with the model's lead over it."""
    if records.ladder is None:
        return []
    against = [*records.ladder["comparisons"], None]
    return [
        {**rung, "against": other}
        for rung, other in zip(records.ladder["rungs"], against, strict=True)
    ]
