"""The model card: what the model is for, what it was made of and how, and where it ends.

M. Mitchell et al., "Model Cards for Model Reporting", FAT* (2019), doi 10.1145/3287560.3287596.
"""

from __future__ import annotations

from dataclasses import dataclass

from firstread.report.findings import title
from firstread.report.privacy import last
from firstread.report.records import Record, Records
from firstread.report.verdict import WIDE, severe
from firstread.report.wording import SPLITS, counted, interval_text, listed, percent, value_text

_STRATEGIES = {
    "probe": "a linear classifier ({classifier}) on what a fixed network sees",
    "finetune": "a pretrained network whose layers were trained on",
    "scratch": "a network trained from random weights, every layer of it",
}
_CLASSIFIERS = {"softmax": "softmax regression", "svm": "linear support vector machine"}
_WEIGHTS = {
    "random": "Random; nothing was pretrained.",
    "none": "Random; nothing was pretrained.",
}


@dataclass(frozen=True)
class Entry:
    """A part of the card.

    Parameters
    ----------
    name
        Of the part.
    lines
        Sentences.
    """

    name: str
    lines: tuple[str, ...]


def card(records: Records) -> tuple[Entry, ...]:
    """Return the card, part by part."""
    return (
        Entry("Intended use", use(records)),
        Entry("Data", data(records)),
        Entry("Procedure", procedure(records)),
        Entry("Figures", _figures(records)),
        Entry("Limits", limits(records)),
    )


def use(records: Records) -> tuple[str, ...]:
    """Say what the model is for."""
    kind = "may get several of" if records.multilabel else "gets one of"
    return (
        f"To call images like those it was trained on {listed(records.classes, 'or')}, in research "
        "and teaching, for people who can judge the images themselves.",
        f"Every image {kind} these names, also one that shows something else.",
        "Not a medical device: no regulator has seen it. Not for diagnosis, triage or treatment.",
    )


def data(records: Records) -> tuple[str, ...]:
    """Say what the data are."""
    cases = records.cases
    parts = cases["split"].value_counts()
    said = listed([f"{parts[s]:,} for {SPLITS[s]}" for s in SPLITS if s in parts])
    whole = counted(len(cases), "image")
    lines = [f"“{last(str(records.data['data']))}”: {whole} ({said}). Counts stand in the table."]
    named = cases["patient"].dropna()
    if named.empty:
        lines.append(
            "Patients are not named, so that nobody can tell whether one has images in several "
            "parts."
        )
    else:
        lines.append(f"{counted(named.nunique(), 'patient')}; each stays in one part.")
        across = cases.dropna(subset="patient").groupby("patient")["split"].nunique()
        if (across > 1).any():
            lines[-1] = (
                f"{counted(named.nunique(), 'patient')}, {int((across > 1).sum()):,} of them in "
                "several parts."
            )
    if records.skipped:
        lines.append(f"{counted(records.skipped, 'file')} could not be read and was left out.")
    return tuple(lines)


def procedure(records: Records) -> tuple[str, ...]:
    """Say what was trained, and how."""
    plan, model = records.plan, records.model
    origin, shape = model["origin"], model["preprocessing"]
    classifier = _CLASSIFIERS.get(str(plan["classifier"]), str(plan["classifier"]))
    how = _STRATEGIES.get(str(plan["strategy"]), str(plan["strategy"])).format(
        classifier=classifier
    )
    stage = model.get("stage")
    up_to = f", up to its stage {stage}" if stage else ""
    lines = [f"{model['backbone']}{up_to}: {how}."]
    sha = str(origin.get("sha256", ""))[:12]
    licence = f", licence {origin['licence']}" if origin.get("licence") else ""
    marked = f" (SHA-256 {sha}…{licence})" if sha else licence
    lines.append(
        _WEIGHTS.get(str(origin["kind"]), f"Weights: {last(str(origin['name']))}{marked}.")
    )
    lines.append(_fitted(shape))
    if plan["strategy"] != "probe":
        decay = f", weight decay {plan['weight_decay']:g}" if plan["weight_decay"] else ""
        lines.append(
            f"{counted(plan['epochs'], 'epoch')}, {plan['batch_size']} images a step, learning "
            f"rate {plan['lr']:.2g} ({plan['schedule']}){decay}; augmentation: {plan['augment']}."
        )
    else:
        lines.append(
            f"{counted(plan['views'], 'view')} of each training image (augmentation: "
            f"{plan['augment']}); the strength of regularisation was chosen by cross-validation "
            "on training images."
        )
    if plan.get("keep_best") or plan.get("patience"):
        lines.append(
            "The validation images chose when to stop, so that figures on them are a little too "
            "good."
        )
    lines.append(f"Seed {plan['seed']}, {plan['precision']} on {plan['device']}.")
    return tuple(lines)


def _fitted(shape: Record) -> str:
    """Say how images are brought to the network's size."""
    side, taken = shape["size"], shape.get("neutralise") or []
    spacing = shape.get("display", {}).get("spacing")
    way = "padded and resized" if "size" in taken else "squashed"
    text = f"Images are {way} to {side} x {side} px"
    if spacing is not None:
        text = f"Images are brought to {spacing:g} mm a pixel and cut or padded to {side} x {side}"
    return f"{text}; neutralised: {listed(taken)}." if taken else f"{text}."


def _figures(records: Records) -> tuple[str, ...]:
    accuracy = records.accuracy
    n, part = accuracy["n"], SPLITS[records.split]
    lines = [
        f"Accuracy {value_text(accuracy)} (95 % interval {interval_text(accuracy)}) on "
        f"{counted(n, part + ' image')}."
    ]
    area = records.estimate("auroc")
    if area is not None and area["value"] is not None:
        lines.append(f"AUROC {value_text(area)} ({interval_text(area)}).")
    if records.ladder is not None:
        lines.append(records.ladder["sentence"])
    return tuple(lines)


def limits(records: Records) -> tuple[str, ...]:
    """Say where the model ends, as far as the records show it."""
    said = [f"{title(finding)}." for finding in severe(records)]
    accuracy = records.accuracy
    if accuracy["high"] - accuracy["low"] > WIDE:
        said.append(
            f"{counted(accuracy['n'], 'image')} can't tell an accuracy of "
            f"{percent(accuracy['low'])} from one of {percent(accuracy['high'])}."
        )
    if records.split == "val":
        said.append(
            "There is no test part: the figures are of the validation images, which may have had "
            "a say in what was chosen."
        )
    said.append("Not tried on images from another scanner, hospital or year.")
    if records.subgroups is None:
        said.append("Not looked at by sex, age, scanner or any other group.")
    if records.audit is None:
        said.append("The data were not audited.")
    if records.calibration is None:
        said.append("Its probabilities are not calibrated: 90 % need not mean nine of ten.")
    elif not records.calibration["temperature"]["fitted"]:
        said.append(records.calibration["temperature"]["sentence"])
    said.append("Answers are no explanation; firstread doesn't say why an image was called so.")
    return tuple(said)
