"""Three sentences: can a network tell them apart, should one believe it, and what next."""

from __future__ import annotations

from dataclasses import dataclass

from firstread.report.findings import title
from firstread.report.records import Record, Records
from firstread.report.wording import SPLITS, counted, listed, percent

WIDE = 0.2
"""Width of an interval that leaves the accuracy open."""
_CHEAP = ("majority", "metadata", "pixels")
_CONTROL = "(control)"
_TITLES = 2


@dataclass(frozen=True)
class Sentence:
    """One of the three.

    Parameters
    ----------
    question
        That it answers.
    answer
        In a word or two.
    tone
        `good`, `careful` or `bad`, for its colour.
    text
        The sentence.
    """

    question: str
    answer: str
    tone: str
    text: str


@dataclass(frozen=True)
class Rival:
    """The best that was reached without a network.

    Parameters
    ----------
    name
        What it is.
    beaten
        Whether the network is shown to do better.
    figures
        Both accuracies, in words.
    """

    name: str
    beaten: bool
    figures: str


def verdict(records: Records) -> tuple[Sentence, Sentence, Sentence]:
    """Return the three sentences."""
    rival = best_rival(records)
    return _apart(records), _believed(records, rival), _next(records, rival)


def severe(records: Records) -> list[Record]:
    """Return the findings that make figures unbelievable."""
    return [finding for finding in records.audit or () if finding["severity"] == "severe"]


def best_rival(records: Records) -> Rival | None:
    """Return the best rival without a network: of the ladder, or else of the advice's controls."""
    ladder = records.ladder
    if ladder is not None:
        cheap = [
            (rung["accuracy"]["value"], rung["rung"], against)
            for rung, against in zip(ladder["rungs"], ladder["comparisons"], strict=False)
            if rung["kind"] in _CHEAP
        ]
        if not cheap:
            return None
        value, name, against = max(cheap, key=lambda one: one[0])
        n = ladder["images"]
        ours = ladder["rungs"][-1]["accuracy"]["value"]
        beaten = bool(against["told_apart"]) and ours > value
        figures = f"right on {round(value * n):,} of {n:,}, the network on {round(ours * n):,}"
        return Rival(name, beaten, figures)
    if records.advice is None:
        return None
    table = records.advice[records.advice["images"] > 0]
    control = table["candidate"].str.contains("raw pixels") & table["candidate"].str.endswith(
        _CONTROL
    )
    chosen = table[table["chosen"].astype(bool)]
    if not control.any() or chosen.empty:
        return None
    pixels, ours = table[control].iloc[0], chosen.iloc[0]
    return Rival(
        "logistic regression on 28 x 28 pixels",
        bool(ours["low"] > pixels["high"]),
        f"{percent(pixels['accuracy'])} right, the network {percent(ours['accuracy'])}, "
        "cross-validated on training images",
    )


def _apart(records: Records) -> Sentence:
    whole, accuracy = records.metrics[records.split], records.accuracy
    guess = whole["majority_baseline"]["accuracy"]
    n, right = whole["images"], whole["right"]
    low, high = accuracy["low"], accuracy["high"]
    part = SPLITS[records.split]
    what = "got every label right on" if records.multilabel else "named"
    scored = (
        f"on {counted(n, part + ' image')}, which it had not learned from, it {what} {right:,} "
        f"{'' if records.multilabel else 'right '}({percent(accuracy['value'])}), which is "
        f"compatible with anything from {percent(low)} to {percent(high)}"
    )
    usual = f"always giving the most frequent answer gets {percent(guess)}"
    question = f"Can a network tell {listed([f'“{name}”' for name in records.classes])} apart?"
    if len(records.classes) > 4:
        question = f"Can a network tell these {len(records.classes)} classes apart?"
    if low > guess:
        tone = "careful" if severe(records) else "good"
        return Sentence(question, "On these images, yes", tone, f"{_capital(scored)}; {usual}.")
    if high < guess:
        return Sentence(question, "No", "bad", f"{_capital(scored)}, and {usual}.")
    text = f"{_capital(scored)}; that is not more than guessing, as {usual}."
    return Sentence(question, "Not shown", "careful", text)


def _believed(records: Records, rival: Rival | None) -> Sentence:
    grave = severe(records)
    against = [*_found(records, grave), *_open(records)]
    if rival is not None and not rival.beaten:
        against.append(
            f"it isn't shown that the network adds anything to {rival.name} ({rival.figures})"
        )
    question = "Should I believe it?"
    if grave:
        return Sentence(question, "No, not as it stands", "bad", _sentence(against))
    if against:
        return Sentence(question, "With care", "careful", _sentence(against))
    added = "" if rival is None else f", and the network beats {rival.name} ({rival.figures})"
    text = (
        f"The audit found nothing grave in the data, the interval is narrow{added}; all of it "
        "holds for images like these only."
    )
    return Sentence(question, "As far as these data go, yes", "good", text)


def _found(records: Records, grave: list[Record]) -> list[str]:
    if records.audit is None:
        return ["the data were not audited"]
    warned = sum(finding["severity"] == "warning" for finding in records.audit)
    if grave:
        named = listed([_small(title(finding)) for finding in grave[:_TITLES]])
        more = len(grave) - _TITLES
        rest = f", and {more} more" if more > 0 else ""
        also = f", besides {counted(warned, 'warning')}" if warned else ""
        return [f"the audit found {counted(len(grave), 'severe fault')} ({named}{rest}){also}"]
    if warned:
        return [f"the audit found nothing severe but gives {counted(warned, 'warning')}"]
    return []


def _open(records: Records) -> list[str]:
    accuracy = records.accuracy
    low, high = accuracy["low"], accuracy["high"]
    if high - low <= WIDE:
        return []
    n = records.metrics[records.split]["images"]
    return [f"{counted(n, 'image')} leave the accuracy open from {percent(low)} to {percent(high)}"]


def _next(records: Records, rival: Rival | None) -> Sentence:
    grave, accuracy = severe(records), records.accuracy
    question = "How do I use it?"
    if grave:
        text = (
            f"Mend the data first ({_small(title(grave[0]))}: its finding below says how), train "
            "again, and compare; until then its answers are good for learning how such a tool is "
            "made, and for nothing else."
        )
        return Sentence(question, "Not yet", "bad", text)
    if accuracy["low"] <= records.metrics[records.split]["majority_baseline"]["accuracy"]:
        text = (
            "Look at the pictures of its mistakes, see whether a person could do it from such an "
            "image, and collect more images before training again."
        )
        return Sentence(question, "Not yet", "bad", text)
    if accuracy["high"] - accuracy["low"] > WIDE:
        needed = _needed(records)
        many = f"some {needed:,} images" if needed else "more images"
        text = (
            f"Judge it on {many} that it has not seen, best from another scanner or hospital, "
            "before anyone leans on it; what it says is a second look to check, never a diagnosis."
        )
        return Sentence(question, "To try, not to rely on", "careful", text)
    if rival is not None and not rival.beaten:
        text = (
            f"Take {rival.name} where it does as well, or collect harder images that show a "
            "difference; and try it on images from another scanner or hospital first."
        )
        return Sentence(question, "To try, not to rely on", "careful", text)
    text = (
        "Try it on images from another scanner or hospital before anyone leans on it; what it "
        "says is a second look to check, never a diagnosis."
    )
    return Sentence(question, "As a second look", "good", text)


def _needed(records: Records) -> int | None:
    """Return how many images would narrow the interval, rounded up to tens."""
    for finding in records.audit or ():
        needed = finding["figures"].get("needed")
        if finding["code"] == "VALIDATION-SIZE" and needed:
            return int(-(-float(needed) // 10) * 10)
    return None


def _sentence(parts: list[str]) -> str:
    return _capital(f"{'; '.join(parts[:-1])}{'; and ' if len(parts) > 1 else ''}{parts[-1]}.")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _small(text: str) -> str:
    return text[0].lower() + text[1:]
