"""The page as it is laid out: five steps as tabs, and the runs below them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from firstread.app.gathering import inside
from firstread.app.planning import (
    AUGMENTATIONS,
    NEUTRALISERS,
    STRATEGIES,
    backbones,
    usual_backbone,
)

BOXES = 8
"""Classes that images can be dropped for; of more, name a folder."""

STEPS = ("data", "plan", "train", "judge", "use")

_SOURCES = {
    "computed": "Computed films (nothing needed)",
    "folder": "A folder on this machine",
    "boxes": "Drop images into boxes",
}


@dataclass(frozen=True)
class DataStep:
    """Where images come from, and what they are."""

    source: gr.Radio
    folder: gr.Textbox
    inside: gr.Dropdown
    names: tuple[gr.Textbox, ...]
    drops: tuple[gr.File, ...]
    panels: dict[str, gr.Column]
    boxes: tuple[gr.Column, ...]
    more: gr.Button
    look: gr.Button
    shown: gr.HTML
    onward: gr.Button


@dataclass(frozen=True)
class PlanStep:
    """What will be trained."""

    backbone: gr.Dropdown
    strategy: gr.Radio
    meaning: gr.HTML
    advise: gr.Button
    halt: gr.Button
    advice: gr.HTML
    augment: gr.Radio
    another: gr.Button
    sheet: gr.HTML
    epochs: gr.Number
    image_size: gr.Number
    seed: gr.Number
    neutralise: gr.CheckboxGroup
    skip: gr.Checkbox
    name: gr.Textbox
    command: gr.HTML
    start: gr.Button

    @property
    def choices(self) -> list[Any]:
        """What a command is made of, in the order of `Choices`, and the run's name."""
        numbers = [self.epochs, self.image_size, self.seed]
        known = [self.backbone, self.strategy, self.augment, *numbers, self.neutralise]
        return [*known, self.skip, self.name]


@dataclass(frozen=True)
class TrainStep:
    """A training while it happens."""

    shown: gr.HTML
    clock: gr.Timer
    stop: gr.Button
    resume: gr.Button
    onward: gr.Button
    command: gr.HTML


@dataclass(frozen=True)
class JudgeStep:
    """What a run is worth."""

    shown: gr.HTML
    onward: gr.Button


@dataclass(frozen=True)
class UseStep:
    """What a run says of an image."""

    drop: gr.File
    example: gr.Button
    shown: gr.HTML
    export: gr.Button
    exported: gr.HTML


@dataclass(frozen=True)
class Runs:
    """The runs that there are."""

    listed: gr.HTML
    ticked: gr.CheckboxGroup
    compare: gr.Button
    delete: gr.Button
    surely: gr.Button
    really: gr.Button
    keep: gr.Button
    shown: gr.HTML


@dataclass(frozen=True)
class Parts:
    """Everything on the page that changes."""

    tabs: gr.Tabs
    tab: dict[str, gr.Tab]
    data: DataStep
    plan: PlanStep
    train: TrainStep
    judge: JudgeStep
    use: UseStep
    runs: Runs


def laid_out() -> Parts:
    """Lay the page out; to be called within `gr.Blocks`."""
    gr.HTML(
        '<header class="fr masthead"><h1>firstread</h1><p class="lead">Can a network tell your '
        "medical images apart, and should you believe it? Five steps; nothing leaves this machine. "
        "For research and teaching, not a medical device.</p></header>",
        apply_default_css=False,
    )
    tab = {}
    with gr.Tabs(selected="data", elem_id="steps") as tabs:
        with gr.Tab("1 Data", id="data") as tab["data"]:
            data = _data()
        with gr.Tab("2 Plan", id="plan", interactive=False) as tab["plan"]:
            plan = _plan()
        with gr.Tab("3 Train", id="train", interactive=False) as tab["train"]:
            train = _train()
        with gr.Tab("4 Judge", id="judge", interactive=False) as tab["judge"]:
            judge = _judge()
        with gr.Tab("5 Use", id="use", interactive=False) as tab["use"]:
            use = _use()
    return Parts(tabs, tab, data, plan, train, judge, use, _runs())


def _html(text: str = "", **options: Any) -> gr.HTML:
    return gr.HTML(text, apply_default_css=False, js_on_load=None, **options)


def _head(title: str, why: str) -> None:
    _html(f'<div class="fr"><h2>{title}</h2><p class="lead">{why}</p></div>')


def _data() -> DataStep:
    _head(
        "Which images?",
        "Choose images of two or more kinds. They are counted, shown and audited, because a "
        "network learns whatever tells the kinds apart, and that need not be the anatomy.",
    )
    source = gr.Radio(
        [(label, key) for key, label in _SOURCES.items()],
        value="computed",
        label="Where do they come from?",
    )
    panels: dict[str, gr.Column] = {}
    with gr.Column(visible=True) as panels["computed"]:
        _html(
            '<div class="fr"><p>75 chest and abdominal films, computed here from a made-up '
            "anatomy: a good way to see all five steps in a few minutes.</p></div>"
        )
    with gr.Column(visible=False) as panels["folder"]:
        folder = gr.Textbox(
            label="Folder or table",
            info="A folder with one folder of images for each class (PNG, JPEG, TIFF, DICOM, "
            "NIfTI), or a CSV with the columns path and label. Nothing in it is changed.",
            placeholder="/home/me/films",
        )
        inside_ = gr.Dropdown(
            inside(Path.home()), value=None, label="Or go there from folder to folder"
        )
    names, drops, boxes = [], [], []
    with gr.Column(visible=False) as panels["boxes"]:
        with gr.Row(elem_classes="boxes"):
            for number in range(1, BOXES + 1):
                with gr.Column(visible=number <= 2, min_width=260, elem_classes="box") as box:
                    names.append(gr.Textbox(label=f"Class {number}", placeholder="what they show"))
                    drop = gr.File(
                        label=f"Images of class {number}",
                        file_count="multiple",
                        height=150,
                        elem_id=f"drop-{number}",
                    )
                    drops.append(drop)
                boxes.append(box)
        more = gr.Button("Add a class", size="sm", elem_classes="quiet")
    look = gr.Button("Look at the images", variant="primary")
    shown = _html(elem_id="data-shown")
    onward = gr.Button("Next: plan the training", variant="primary", visible=False)
    shown_of = (tuple(names), tuple(drops), panels, tuple(boxes), more, look, shown, onward)
    return DataStep(source, folder, inside_, *shown_of)


def _plan() -> PlanStep:
    _head(
        "How should it learn?",
        "Everything is filled in with what usually works, so that you may go straight on; each "
        "choice says what it does, and the first button measures which way suits your images.",
    )
    with gr.Row(elem_classes="halves"):
        with gr.Column():
            backbone = gr.Dropdown(
                backbones(),
                value=usual_backbone(),
                label="Network",
                info="The eyes. One that knows something already needs far fewer images.",
            )
            strategy = gr.Radio(
                [(title, key) for key, (title, _) in STRATEGIES.items()],
                value="auto",
                label="Way to learn",
            )
            meaning = _html()
            with gr.Row(elem_classes="buttons"):
                advise = gr.Button("Measure which way suits")
                halt = gr.Button("Stop measuring", visible=False)
            advice = _html(elem_id="advice")
        with gr.Column():
            augment = gr.Radio(
                [(title, key) for key, (title, _) in AUGMENTATIONS.items()],
                value="mild",
                label="Augmentation: small random changes, anew each time an image is seen",
            )
            sheet = _html(elem_id="sheet")
            another = gr.Button("Show it on another image", size="sm", elem_classes="quiet")
    with gr.Accordion("More choices", open=False):
        with gr.Row():
            epochs = _number("Epochs", "Passes over the images; 0: the usual number.")
            image_size = _number("Image size", "Side in pixels; 0: what the network expects.")
            seed = _number("Seed", "Another one parts the images anew.")
        neutralise = gr.CheckboxGroup(
            [(label, key) for key, label in NEUTRALISERS.items()],
            label="Take away what tells the classes apart without any anatomy (--neutralise)",
            info="Worth it where the audit in step 1 says so.",
        )
        skip = gr.Checkbox(label="Leave out files that can't be read (--skip-unreadable)")
    name = gr.Textbox(label="Name of the run", info="A folder of this name is made.")
    command = _html(elem_id="command")
    start = gr.Button("Start training", variant="primary")
    known = (backbone, strategy, meaning, advise, halt, advice, augment, another, sheet)
    return PlanStep(*known, epochs, image_size, seed, neutralise, skip, name, command, start)


def _number(label: str, info: str) -> gr.Number:
    return gr.Number(label=label, info=info, value=0, precision=0, min_width=200)


def _train() -> TrainStep:
    _head(
        "It learns",
        "The network is shown the training images again and again, and tested on others that it "
        "never learns from: watch whether both curves get better.",
    )
    shown = _html(elem_id="train-shown")
    clock = gr.Timer(2.0, active=False)
    with gr.Row(elem_classes="buttons"):
        stop = gr.Button("Stop", visible=False)
        resume = gr.Button("Go on", variant="primary", visible=False)
    onward = gr.Button("Next: judge it", variant="primary", visible=False)
    return TrainStep(shown, clock, stop, resume, onward, _html())


def _judge() -> JudgeStep:
    _head(
        "Should you believe it?",
        "Its answers on images that it never saw, each figure with the range in which the truth "
        "may lie, beside what gets as far without a network.",
    )
    return JudgeStep(
        _html(elem_id="judge-shown"), gr.Button("Next: use it", variant="primary", visible=True)
    )


def _use() -> UseStep:
    _head(
        "What does it say of a new image?",
        "Drop an image: the model names it, or refuses where it should, and shows where it looked, "
        "so that you can see whether it looked at the anatomy.",
    )
    drop = gr.File(label="An image (PNG, JPEG, TIFF, DICOM, NIfTI)", height=150, elem_id="use-drop")
    example = gr.Button("Try one that it was judged on", elem_classes="quiet")
    shown = _html(elem_id="use-shown")
    _html(
        '<div class="fr"><h3>Take it along</h3><p class="soft">As one ONNX file, checked against '
        "the model before you get it.</p></div>"
    )
    export = gr.Button("Export the model")
    return UseStep(drop, example, shown, export, _html(elem_id="exported"))


def _runs() -> Runs:
    with gr.Column(elem_id="runs"):
        _html('<div class="fr"><h2>Your runs</h2></div>')
        listed = _html(elem_id="runs-listed")
        ticked = gr.CheckboxGroup([], label="Tick runs to compare or delete", visible=False)
        with gr.Row(elem_classes="buttons"):
            compare = gr.Button("Compare", size="sm", visible=False)
            delete = gr.Button("Delete", size="sm", visible=False)
        shown = _html(elem_id="runs-shown")
        with gr.Row(elem_classes="buttons"):
            surely = gr.Button("Yes, delete", size="sm", variant="stop", visible=False)
            really = gr.Button("Delete for good", size="sm", variant="stop", visible=False)
            keep = gr.Button("Keep", size="sm", visible=False)
    return Runs(listed, ticked, compare, delete, surely, really, keep, shown)
