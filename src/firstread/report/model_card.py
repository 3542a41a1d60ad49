"""The model card as hubs read it: Markdown under a block of YAML.

M. Mitchell et al., "Model Cards for Model Reporting", FAT* (2019), doi 10.1145/3287560.3287596; the
block is that of huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from firstread.report import wording
from firstread.report.card import data, limits, procedure, use
from firstread.report.findings import title as finding_title
from firstread.report.records import Record, Records
from firstread.report.report import counts, steps, table

TEMPLATE = "model_card.md.j2"

_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "auroc": "roc_auc",
    "log_loss": "log_loss",
    "brier": "brier_score",
}
"""What the hub calls the figures that it knows."""
_NAMED = 4
"""Classes that a title has room for."""
_SHOWN = {"severe": "Severe", "warning": "Warning", "note": "Good to know"}
_FEWEST = 10
"""Images of the smallest part whose figures don't speak of single people."""


def markdown(
    records: Records, hashes: Mapping[str, str], *, license: str = "", source: str = ""
) -> str:
    """Return a model card that tells nothing of any patient, nor of the machine.

    Parameters
    ----------
    records
        Of the run. The names of its data, of its files and of columns with few images a value stay
        out; of the audit's findings, whose sentences may name files, the titles are told.
    hashes
        SHA-256 of the model's files, by name.
    license
        As the hub names licences; empty where nobody has given one.
    source
        Where the model can be pulled from, as `hf://user/name`.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown: what isn't ours goes through `md`.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(value=wording.value_text, interval=wording.interval_text, md=_plain)
    title = _title(records)
    whole = table(records)["whole"]
    text = environment.get_template(TEMPLATE).render(
        records=records,
        title=title,
        use=use(records),
        counts=counts(records),
        splits=wording.SPLITS,
        part=wording.SPLITS[records.split],
        data=data(records)[1:],
        procedure=procedure(records),
        figures=wording.FIGURES,
        whole=whole,
        columns=table(records)["columns"],
        classes=table(records)["rows"] if whole else (),
        steps=tuple(_rungs(records)),
        remarks=tuple(_remarks(records)),
        findings=tuple(_found(records)),
        limits=limits(records),
        source=source or "FROM",
        license=license,
        hashes=hashes,
    )
    body = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"---\n{_metadata(records, title, whole, license).to_yaml()}\n---\n\n{body}\n"


def _metadata(records: Records, title: str, whole: list[Record], license: str) -> ModelCardData:
    n, part = records.accuracy["n"], wording.SPLITS[records.split]
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="private",
            dataset_name=f"{wording.counted(n, part + ' image')}, not published",
            dataset_split="validation" if records.split == "val" else records.split,
            metric_type=_METRICS[estimate["figure"]],
            metric_name=_metric(estimate),
            metric_value=round(float(estimate["value"]), 4),
        )
        for estimate in whole
        if estimate["figure"] in _METRICS and estimate["value"] is not None
    ]
    return ModelCardData(
        license=license or "other",
        license_name=None if license else "none-given",
        library_name="firstread",
        pipeline_tag="image-classification",
        tags=["firstread", "medical-imaging", "radiology", "not-for-diagnosis"],
        metrics=[result.metric_type for result in results],
        model_name=title,
        eval_results=results,
    )


def _metric(estimate: Record) -> str:
    name, limits = wording.FIGURES[estimate["figure"]].title, wording.interval_text(estimate)
    return f"{name} (95 % interval {limits})" if limits else name


def _title(records: Records) -> str:
    classes = records.classes
    if len(classes) > _NAMED:
        return f"Which of {len(classes)} classes?"
    return f"{wording.listed(classes, 'or')}?"


def _rungs(records: Records) -> Iterator[Record]:
    """Yield what is reached without the network; only the commonest class where that is all."""
    for step in steps(records):
        against = step["against"]
        if against is None:
            yield {**step, "lead": ""}
            continue
        lead = against["differences"][0]
        ends = [f"{100 * lead[name]:.1f}" for name in ("difference", "low", "high")]
        yield {**step, "lead": f"{ends[0]} ({ends[1]} to {ends[2]})"}
    if records.ladder is None:
        guess = records.metrics[records.split]["majority_baseline"]["accuracy"]
        accuracy = {"figure": "accuracy", "value": guess}
        yield {"rung": "always the commonest class of training", "accuracy": accuracy, "lead": ""}


def _remarks(records: Records) -> Iterator[str]:
    if records.ladder is not None:
        yield records.ladder["sentence"]
    if records.calibration is not None:
        yield records.calibration["temperature"]["sentence"]
    for repeated in (records.repeated or {}).values():
        yield repeated["sentence"]
    for parted in records.subgroups or ():
        if min(part["images"] for part in parted["parts"]) >= _FEWEST:
            yield f"By {parted['column']}: {parted['sentence']}"


def _found(records: Records) -> Iterator[tuple[str, str]]:
    for severity, said in _SHOWN.items():
        found = [f for f in records.audit or () if f["severity"] == severity]
        if found:
            yield said, f"{'; '.join(dict.fromkeys(map(finding_title, found)))}."


def _plain(text: Any) -> str:
    r"""Return words that Markdown and HTML take for nothing but words.

    Examples
    --------
    >>> print(_plain("<b> of mobilenet_v2 | *x*"))
    \<b\> of mobilenet_v2 \| \*x\*
    """
    return re.sub(r"([\\`*\[\]<>|]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(str(text).split()))
