"""The page's figures: drawn from records, each with a text that says what it shows."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from firstread.report.figures import curves
from firstread.report.performance import (
    confusion_figure,
    ladder_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
    subgroup_figure,
)
from firstread.report.records import Record, Records
from firstread.report.thumbnails import data_uri
from firstread.report.wording import SPLITS, counted, interval_text, listed, percent, value_text
from firstread.run import LEARNING_CURVE

MOST_CURVES = 7
"""Curves in one figure; of more classes, those with the lowest AUROC are drawn."""
MOST_CELLS = 16
"""Classes up to which a confusion matrix can be read on a page."""
_POINTS = 400
_NARROW = 5.6
_LABEL = 26


@dataclass(frozen=True)
class Chart:
    """A figure on the page.

    Parameters
    ----------
    src
        A data URI.
    alt
        What it shows, for who can't see it.
    caption
        How to read it.
    """

    src: str
    alt: str
    caption: str


def svg(figure: Figure) -> str:
    """Return a figure as a data URI of an SVG, the same whenever it is drawn."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "firstread", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return data_uri(buffer.getvalue(), "image/svg+xml")


def learned(records: Records) -> Iterator[Chart]:
    """Draw how the network learned."""
    history, counts = records.history, records.cases["split"].value_counts()
    if history is not None:
        solved = "c" in history
        best = history.loc[history["val_loss"].idxmin()]
        figure = curves(history, int(counts["train"]), int(counts["val"]))
        if solved:
            alt = (
                f"Accuracy and loss for {counted(len(history), 'strength')} of regularisation; "
                f"at the chosen one the cross-validated accuracy is {percent(best['val_acc'])}."
            )
            caption = (
                "A linear classifier is solved and has no epochs. Tried instead: how freely it may "
                "fit the training images (to the right: more freely), each judged on training "
                "images that were held out in turn."
            )
        else:
            last = history.iloc[-1]
            alt = (
                f"Learning curves over {counted(len(history), 'epoch')}: training accuracy ends at "
                f"{percent(last['acc'])}, validation accuracy at {percent(last['val_acc'])}; "
                f"validation loss is lowest in epoch {best['epoch']:.0f}."
            )
            caption = (
                "Where training goes on to improve and validation doesn't, the network learns "
                "its training images by heart."
            )
        yield Chart(svg(figure), alt, caption)
    picture = records.folder / f"{LEARNING_CURVE}.png"
    measured = records.learning_curve
    if measured is not None and picture.exists():
        first, last = measured.iloc[0], measured.iloc[-1]
        alt = (
            f"Accuracy on held-out training images: {percent(first['accuracy'])} after "
            f"{first['images']:.0f} training images, {percent(last['accuracy'])} after "
            f"{last['images']:.0f}."
        )
        caption = "Whether more images of this kind would help: the further course is a guess."
        yield Chart(data_uri(picture.read_bytes(), "image/png"), alt, caption)


def judged(records: Records) -> Iterator[Chart]:
    """Draw what the network can do: ROC, precision and recall, reliability, confusion."""
    drawn = _ranked(records)
    n, part = len(records.answers.paths), SPLITS[records.split]
    if drawn:
        yield _roc(records, drawn, n, part)
        yield _precision(records, drawn, n, part)
    if records.calibration and records.calibration.get("reliability"):
        yield _reliability(records.calibration["reliability"])
    if records.multilabel or len(records.classes) <= MOST_CELLS:
        yield _confusion(records, n, part)


def rungs(records: Records) -> Chart | None:
    """Draw the ladder of baselines."""
    ladder = records.ladder
    if ladder is None:
        return None
    rows = [
        {"rung": textwrap.fill(rung["rung"], _LABEL), **_numbers(rung["accuracy"])}
        for rung in ladder["rungs"]
    ]
    frame = pd.DataFrame(rows).rename(columns={"value": "accuracy"})
    figure = ladder_figure(frame, ladder["images"])
    figure.set_size_inches(6.4, 1.5 + 0.55 * len(rows))
    return Chart(
        svg(figure),
        ladder["sentence"],
        "Each rung needs more than the one below it. Where the network's interval overlaps a "
        "cheaper rung's, look at the paired difference in the table.",
    )


def parted(record: Record) -> Chart:
    """Draw the accuracy of each part of the images."""
    rows = [
        {"part": part["part"], "images": part["images"], **_numbers(_accuracy(part))}
        for part in record["parts"]
    ]
    frame = pd.DataFrame(rows)
    whole = float((frame["value"] * frame["images"]).sum() / frame["images"].sum())
    figure = subgroup_figure(frame, record["column"], whole)
    figure.set_size_inches(6.4, 1.5 + 0.45 * len(rows))
    return Chart(svg(figure), record["sentence"], "Small parts have wide intervals.")


def _ranked(records: Records) -> list[int]:
    """Return the classes whose curves are drawn: of two, one; of many, the worst ranked."""
    yes, said = records.answers.yes, records.answers.probabilities
    known = [k for k in range(len(records.classes)) if 0 < yes[:, k].sum() < len(yes)]
    if len(records.classes) == 2 and not records.multilabel:
        return known[1:]
    return sorted(known, key=lambda k: float(roc_auc_score(yes[:, k], said[:, k])))[:MOST_CURVES]


def _roc(records: Records, drawn: list[int], n: int, part: str) -> Chart:
    lines, areas = {}, []
    for k in drawn:
        name = records.classes[k]
        yes, said = records.answers.yes[:, k], records.answers.probabilities[:, k]
        fpr, tpr, _ = roc_curve(yes, said)
        record = records.estimate("auroc", name) or {
            "figure": "auroc",
            "value": float(roc_auc_score(yes, said)),
        }
        limits = interval_text(record)
        area = value_text(record) + (f" ({limits})" if limits else "")
        lines[f"{name}: area {area}"] = _thinned(pd.DataFrame({"fpr": fpr, "tpr": tpr}))
        areas.append(f"{name} {area}")
    return Chart(
        svg(roc_figure(lines, n)),
        f"ROC on {counted(n, part + ' image')}. Area under the curve: {listed(areas)}; guessing "
        "gets 0.5.",
        f"The nearer to the upper left corner, the better.{_left_out(records, drawn)}",
    )


def _precision(records: Records, drawn: list[int], n: int, part: str) -> Chart:
    lines, shares, sure = {}, [], []
    for k in drawn:
        name = records.classes[k]
        yes, said = records.answers.yes[:, k], records.answers.probabilities[:, k]
        precision, recall, _ = precision_recall_curve(yes, said)
        frame = pd.DataFrame({"recall": recall, "precision": precision})
        lines[f"{name} ({int(yes.sum()):,} of {n:,})"] = _thinned(frame)
        shares.append(float(yes.mean()))
        sure.append(f"{name} {percent(float(precision[recall == 1].max()))}")
    return Chart(
        svg(precision_recall_figure(lines, shares, n)),
        f"Precision and recall on {counted(n, part + ' image')}. Where every image of a class is "
        f"found, of those called so are right: {listed(sure)}.",
        "How many false alarms it costs to find more. Depends on how frequent a class is: in "
        f"practice it may be rarer than here.{_left_out(records, drawn)}",
    )


def _reliability(record: Record) -> Chart:
    before = pd.DataFrame(record["before"])
    after = pd.DataFrame(record["after"]) if record.get("after") else None
    far = float(((before["predicted"] - before["observed"]).abs() * before["n"]).sum())
    gap = 100 * far / float(before["n"].sum())
    figure = reliability_figure(before, after, record["images"], record["what"])
    figure.set_size_inches(_NARROW, 6.2)
    return Chart(
        svg(figure),
        f"Reliability on {counted(record['images'], 'image')}: what was said and what came true "
        f"differ by {gap:.0f} points on average over {counted(len(before), 'bin')}.",
        "On the dotted line, of the images called with 80 % probability 80 % are so.",
    )


def _confusion(records: Records, n: int, part: str) -> Chart:
    answers = records.answers
    if records.multilabel:
        pairs = [
            [[~t & ~c, ~t & c], [t & ~c, t & c]]
            for t, c in zip(answers.yes.T, answers.called.T, strict=True)
        ]
        counts = np.array([[[cell.sum() for cell in row] for row in pair] for pair in pairs])
        figure = confusion_figure(counts[:MOST_CELLS], records.classes[:MOST_CELLS])
        wrong = "; ".join(
            f"{name}: {int(table[1, 0])} missed, {int(table[0, 1])} called wrongly"
            for name, table in zip(records.classes, counts, strict=True)
        )
        alt = f"Confusion of each label on {counted(n, part + ' image')}. {wrong}."
        return Chart(svg(figure), alt, "Rows: the truth. Columns: the answer.")
    table = answers.yes.T.astype(int) @ answers.called.astype(int)
    figure = confusion_figure(table, records.classes)
    mixed = [
        (int(table[t, c]), f"{int(table[t, c])} {records.classes[t]} called {records.classes[c]}")
        for t, c in np.ndindex(table.shape)
        if t != c and table[t, c]
    ]
    said = listed([text for _, text in sorted(mixed, reverse=True)[:5]]) if mixed else "none wrong"
    return Chart(
        svg(figure),
        f"Confusion matrix of {counted(n, part + ' image')}: {int(np.trace(table))} right; {said}.",
        "Rows: the truth. Columns: the answer. Right answers lie on the diagonal.",
    )


def _left_out(records: Records, drawn: list[int]) -> str:
    if len(drawn) < MOST_CURVES or len(records.classes) == len(drawn):
        return ""
    return f" Drawn: the {len(drawn)} of {len(records.classes)} classes with the lowest area."


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a curve with as many points as a page can show."""
    if len(frame) <= _POINTS:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, _POINTS).round().astype(int)]


def _numbers(estimate: Record) -> dict[str, float]:
    held = {name: estimate[name] for name in ("value", "low", "high")}
    return {name: float("nan") if end is None else float(end) for name, end in held.items()}


def _accuracy(part: Record) -> Record:
    found: Record = next(
        e for e in part["figures"] if e["figure"] == "accuracy" and e["class"] == ""
    )
    return found
