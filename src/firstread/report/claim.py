"""The CLAIM checklist, as far as a run's records answer it; the rest is the author's to write.

A. S. Tejani, M. E. Klontzas, A. A. Gatti et al., "Checklist for Artificial Intelligence in Medical
Imaging (CLAIM): 2024 Update", Radiology: Artificial Intelligence 6 (2024), doi 10.1148/ryai.240300.
The topics of its 44 items are given here in short; read the items themselves before submitting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firstread.report.card import data, limits, procedure
from firstread.report.findings import title
from firstread.report.records import Records
from firstread.report.wording import SPLITS, counted, interval_text, listed, value_text


@dataclass(frozen=True)
class Item:
    """An item of the checklist.

    Parameters
    ----------
    number
        In the checklist.
    topic
        What it asks for, in short.
    answer
        Gives what the records say to it, perhaps with what is left to the author; empty where
        they say nothing. None where no record can.
    to_write
        What is left to the author.
    """

    number: int
    topic: str
    answer: Callable[[Records], str | tuple[str, str]] | None = None
    to_write: str = ""


@dataclass(frozen=True)
class Filled:
    """An item with its answer.

    Parameters
    ----------
    number, topic
        As of `Item`.
    state
        `filled`, `in part` or `open`.
    answer, to_write
        In words; empty where there is nothing.
    """

    number: int
    topic: str
    state: str
    answer: str
    to_write: str


def _category(records: Records) -> str:
    return f"Deep learning: {procedure(records)[0]}"


def _preprocessing(records: Records) -> str:
    shape = records.model["preprocessing"]
    mean, std = (", ".join(f"{x:g}" for x in shape[name]) for name in ("mean", "std"))
    window = shape.get("display", {}).get("window", "")
    shown = f"; DICOM window: {window}" if window else ""
    return f"{procedure(records)[2]} Mean {mean} and standard deviation {std} a channel{shown}."


def _missing(records: Records) -> str:
    if records.skipped:
        return f"{counted(records.skipped, 'file')} that can't be read left out (skipped.txt)."
    return "No image was left out; an image that can't be read stops a training."


def _partition(records: Records) -> str:
    seed = records.plan["seed"]
    return (
        "As the folders or the table part the images; what they left open was parted at random, "
        f"the classes in proportion (seed {seed}); case by case in cases.csv."
    )


def _disjoint(records: Records) -> str | tuple[str, str]:
    lines = data(records)[1:2]
    if records.cases["patient"].isna().all():
        return lines[0], "whether the parts share patients or examinations"
    found = [
        title(finding)
        for finding in records.audit or ()
        if finding["severity"] in ("severe", "warning") and "LEAK" in finding["code"]
    ]
    return " ".join([*lines, *(f"The audit: {text}." for text in found)])


def _sample(records: Records) -> str:
    for finding in records.audit or ():
        if finding["code"] == "VALIDATION-SIZE":
            return str(finding["message"])
    return ""


def _software(records: Records) -> str:
    names = ("firstread", "python", "torch", "torchvision", "timm", "scikit-learn")
    return listed(
        [f"{name} {records.versions[name]}" for name in names if name in records.versions]
    )


def _initial(records: Records) -> str:
    return procedure(records)[1]


def _training(records: Records) -> str:
    return " ".join(procedure(records)[3:])


def _selection(records: Records) -> str:
    if records.advice is None:
        return procedure(records)[3]
    tried = int((records.advice["images"] > 0).sum())
    return (
        f"{tried} ways compared by cross-validation on training images, the simplest within one "
        "standard error of the best taken; all in advice.csv."
    )


def _metrics(records: Records) -> str:
    if records.evaluation is None:
        return "Accuracy, log loss, and what is found of each class."
    return (
        "Accuracy, sensitivity, specificity, predictive values, F1, AUROC, AUPRC, Brier score, "
        "log loss and calibration, of each class and averaged."
    )


def _uncertainty(records: Records) -> str:
    methods = {
        str(e["method"])
        for e in (records.evaluation or {}).get(records.split, {}).get("figures", [])
    }
    named = sorted(methods - {""})
    return f"95 % intervals: {listed(named or ['exact (Clopper-Pearson)'])}."


def _robustness(records: Records) -> str:
    found = [str(r["sentence"]) for r in records.subgroups or ()]
    return " ".join(found)


def _internal(records: Records) -> str:
    return f"{counted(len(records.answers.paths), SPLITS[records.split] + ' image')} of the same source."


def _flow(records: Records) -> str:
    return data(records)[0]


def _performance(records: Records) -> str:
    accuracy = records.accuracy
    return f"Accuracy {value_text(accuracy)} ({interval_text(accuracy)}); all figures above."


def _estimates(records: Records) -> str:
    found = [
        (name, records.estimate("sensitivity", name), records.estimate("specificity", name))
        for name in records.classes[:6]
    ]
    return "; ".join(
        f"{name}: sensitivity {value_text(s)} ({interval_text(s)}), specificity {value_text(p)} "
        f"({interval_text(p)})"
        for name, s, p in found
        if s and p
    )


def _failures(records: Records) -> str:
    wrong = int((~records.answers.right).sum())
    return f"{counted(wrong, 'wrong answer')}; the most confident ones are shown above as pictures."


def _limits(records: Records) -> str:
    return " ".join(limits(records))


def _study_data(records: Records) -> str:
    return "plan.json, data.json and cases.csv hold all settings; `firstread train --plan` repeats them."


SECTIONS: tuple[tuple[str, tuple[Item, ...]], ...] = (
    (
        "Title and abstract",
        (
            Item(1, "Named as a study of AI, with its kind", _category),
            Item(2, "Abstract: design, methods, results, conclusions"),
        ),
    ),
    (
        "Introduction",
        (
            Item(3, "Background, intended use and role"),
            Item(4, "Aims, objectives and hypotheses"),
        ),
    ),
    (
        "Methods: study design",
        (
            Item(5, "Prospective or retrospective"),
            Item(6, "Goal of the study"),
        ),
    ),
    (
        "Methods: data",
        (
            Item(7, "Sources of the data", _flow, "where, when and from whom they come"),
            Item(8, "Inclusion and exclusion criteria"),
            Item(9, "Preprocessing", _preprocessing),
            Item(10, "Selection of data subsets"),
            Item(11, "De-identification"),
            Item(12, "How missing data were handled", _missing),
            Item(13, "Image acquisition protocol"),
        ),
    ),
    (
        "Methods: reference standard",
        (
            Item(14, "How the reference standard was obtained"),
            Item(15, "Why this reference standard"),
            Item(16, "Who annotated, with which qualification"),
            Item(17, "Annotation of the test set"),
            Item(18, "Variability between and within annotators"),
        ),
    ),
    (
        "Methods: data partitions",
        (
            Item(19, "How data were assigned to partitions", _partition),
            Item(20, "Level at which partitions are disjoint", _disjoint),
            Item(21, "Intended sample size", _sample, "what was intended beforehand, and why"),
        ),
    ),
    (
        "Methods: model and training",
        (
            Item(22, "Description of the model", lambda r: " ".join(procedure(r)[:3])),
            Item(23, "Software and its versions", _software),
            Item(24, "Initial values of the parameters", _initial),
            Item(25, "Details of the training", _training),
            Item(26, "How the final model was chosen", _selection),
            Item(27, "Ensembling", lambda _: "One model; none are combined."),
        ),
    ),
    (
        "Methods: evaluation",
        (
            Item(28, "Metrics of performance", _metrics, "why these matter for the use"),
            Item(29, "Significance and uncertainty", _uncertainty),
            Item(30, "Robustness or sensitivity analysis", _robustness, "further analyses"),
            Item(31, "Explainability or interpretability"),
            Item(32, "Evaluation on internal data", _internal),
            Item(33, "Testing on external data"),
            Item(34, "Registration, where it is a clinical trial"),
        ),
    ),
    (
        "Results",
        (
            Item(35, "Numbers included and excluded", _flow, "those excluded before, and why"),
            Item(36, "Demographic and clinical characteristics"),
            Item(37, "Performance with its uncertainty", _performance),
            Item(38, "Diagnostic performance and its precision", _estimates),
            Item(39, "Analysis of failures", _failures, "what the mistakes have in common"),
        ),
    ),
    (
        "Discussion",
        (
            Item(40, "Limits of the study", _limits, "those of its design"),
            Item(41, "What it means for practice"),
        ),
    ),
    (
        "Other information",
        (
            Item(42, "Study protocol or technical details", _study_data, "the protocol itself"),
            Item(43, "Where software, model and data can be had"),
            Item(44, "Funding and its role"),
        ),
    ),
)
"""The checklist's 44 items in its order."""


def checklist(records: Records) -> tuple[tuple[str, tuple[Filled, ...]], ...]:
    """Fill in what the records say."""
    return tuple(
        (name, tuple(_filled(item, records) for item in items)) for name, items in SECTIONS
    )


def _filled(item: Item, records: Records) -> Filled:
    given = item.answer(records) if item.answer else ""
    said, to_write = (given, item.to_write) if isinstance(given, str) else given
    if not said:
        return Filled(item.number, item.topic, "open", "", "for the author to write")
    return Filled(item.number, item.topic, "in part" if to_write else "filled", said, to_write)
