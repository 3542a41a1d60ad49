"""Every command and every piece of Python on a page works, on small images that are made here."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import PIL.Image
import pytest
import typer

import firstread
from firstread.backbones import at_hand
from firstread.cli import app, main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

QUICK = ("audit", "cache", "inspect", "predict", "show", "zoo")
SLOW = ("advise", "evaluate", "explain", "export", "train")
# What no test has: a download, a GPU, a run that was stopped, a study; or hours. Commands on a
# cluster run in tests/cluster.
ABSENT = (
    *("imagenet", "cuda", "--resume", "--plan", "STUDY", "FILE", "--folds", "--permute"),
    "--cluster",
)
# What asks for weights to start from.
PRETRAINED = ("probe", "finetune", "phantom_s")
TRAINS = "firstread.train("


class Block(NamedTuple):
    """A fenced block of a page."""

    place: str
    language: str
    text: str


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^([ ]*)```(\w*)\n(.*?)^\1```", text, re.M | re.S):
        line = text.count("\n", 0, found.start()) + 1
        indent = len(found[1])
        lines = "".join(row[indent:] for row in found[3].splitlines(keepends=True))
        yield Block(f"{page.name}:{line}", found[2], lines)


def commands_of(block: Block) -> Iterator[list[str]]:
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["firstread"]:
            yield words[1:]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
COMMANDS = [
    (block.place, words)
    for block in BLOCKS
    if block.language == "sh"
    for words in commands_of(block)
]


def named(commands: list[tuple[str, list[str]]]) -> list[object]:
    return [pytest.param(words, id=f"{place} {' '.join(words)}") for place, words in commands]


def runs(words: list[str], kinds: tuple[str, ...]) -> bool:
    return words[0] in kinds and not any(word in ABSENT for word in words)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small ones of all that the pages name: FOLDER, RUN, IMAGE and so on."""
    root = tmp_path_factory.mktemp("stand-ins")
    rows = []
    for part, folder in enumerate(("FOLDER/train", "FOLDER/val", "OTHER_FOLDER")):
        for seed, (label, level) in product(range(10), (("chest", 60), ("abdomen", 190))):
            write(root / folder / label / f"{seed}.png", level, 100 * part + 10 * level + seed)
            rows.append(f"{folder}/{label}/{seed}.png,{('a;b', 'b', '', 'a')[seed % 4]}")
    (root / "several.csv").write_text("\n".join(["path,label", *rows]))
    for name in ("film.png", "IMAGE", "more_films/a.png", "firstread-demo/images/test/a.png"):
        write(root / name, 60, len(name))
    choices = {"backbone": "mobilenet_v2", "weights": "none", "strategy": "probe"}
    firstread.train(root / "FOLDER", root / "RUN", **choices, image_size=32, audit=False)
    for name in ("MODEL", "firstread-demo/run"):
        (root / name).symlink_to(root / "RUN")
    return root


def write(path: Path, level: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-20, 20, (40, 43))
    PIL.Image.fromarray((level + noise).astype(np.uint8)).save(path, format="PNG")


@pytest.fixture
def desk(
    stand_ins: Path,
    tmp_path: Path,
    write_dicom: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The working folder: the stand-ins, and room for what is written."""
    for path in stand_ins.iterdir():
        (tmp_path / path.name).symlink_to(path)
    ramp = np.arange(1600, dtype=np.int16).reshape(40, 40)
    write_dicom(ramp, "IM0001", WindowCenter=800, WindowWidth=1600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIRSTREAD_CACHE", str(tmp_path / "cache"))
    return tmp_path


def clear(desk: Path, made: str) -> None:
    """Take away the stand-in of what a block makes itself."""
    (desk / made).unlink(missing_ok=True)


@pytest.fixture
def type_in(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], object]:
    def run(words: list[str]) -> object:
        if "--out" in words:
            clear(desk, words[words.index("--out") + 1])
        if words[0] == "demo":
            clear(desk, "firstread-demo")
        monkeypatch.setattr(sys, "argv", ["firstread", *words])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code

    return run


def test_pages_are_found_and_show_something() -> None:
    assert len(PAGES) > 15
    assert len(PYTHON) >= 5
    assert len([words for _, words in COMMANDS if runs(words, QUICK)]) >= 10


def marked(block: Block) -> object:
    marks = [pytest.mark.slow] if TRAINS in block.text else []
    return pytest.param(block, id=block.place, marks=marks)


@pytest.mark.parametrize("block", [marked(block) for block in PYTHON])
def test_python_runs(block: Block, desk: Path) -> None:
    if TRAINS in block.text:
        clear(desk, "RUN")
    exec(compile(block.text, block.place, "exec"), {})


def test_figures_printed_on_a_page_are_those_that_its_python_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, output = [b for b in BLOCKS if b.place.startswith("intervals.md")][:2]
    exec(compile(code.text, code.place, "exec"), {})
    assert capsys.readouterr().out == output.text


@pytest.mark.parametrize("words", named(COMMANDS))
def test_the_command_line_understands(words: list[str]) -> None:
    name, context, command = "firstread", None, typer.main.get_command(app)
    while hasattr(command, "commands"):  # From `firstread` down to the command's own words.
        context = command.make_context(name, words, context)
        name, *words = [*context._protected_args, *context.args]
        command = command.commands[name]
    assert command.make_context(name, words, context)


@pytest.mark.parametrize("words", named([c for c in COMMANDS if runs(c[1], QUICK)]))
def test_quick_commands_run(words: list[str], type_in: Callable[[list[str]], object]) -> None:
    assert type_in(words) == 0


@pytest.mark.slow
@pytest.mark.parametrize("words", named([c for c in COMMANDS if runs(c[1], SLOW)]))
def test_slow_commands_run(words: list[str], type_in: Callable[[list[str]], object]) -> None:
    if at_hand("phantom_s") == "none" and any(word in PRETRAINED for word in words):
        pytest.skip("no pretrained weights on this machine")
    small = ["--image-size", "32", "--budget", "1s"]
    # Networks that learned from such small images have no map to draw; covering places needs none.
    less = {"train": small, "advise": small, "explain": ["--method", "occlusion"]}
    assert type_in([*words, *less.get(words[0], [])]) == 0


def options(command: object) -> Iterator[str]:
    for parameter in command.params:  # type: ignore[attr-defined]
        yield from (*parameter.opts, *parameter.secondary_opts)
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)


def test_options_named_in_sentences_exist() -> None:
    known = {*options(typer.main.get_command(app)), "--help"}
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            # What isn't firstread's: Python's, pip's, and a script's named on the line before.
            if not re.search(
                r"python |pip |docker |systemctl |sbatch |ray start |--real FOLDER", line
            ):
                told = re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", line)
                assert set(told) <= known, f"{page.name}: {line}"


def test_addresses_are_well_formed() -> None:
    for page in PAGES:
        for address in re.findall(r"\]\((https?:[^)]*)\)", page.read_text(encoding="utf-8")):
            parts = urlsplit(address)
            assert parts.scheme == "https", address
            assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), address
            if parts.netloc == "doi.org":
                assert re.fullmatch(r"/10\.\d{4,}/\S+", parts.path), address
            if parts.netloc == "arxiv.org":
                assert re.fullmatch(r"/abs/\d{4}\.\d{4,5}", parts.path), address


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    for page in PAGES[1:]:
        assert re.search(rf"[-:] {re.escape(page.name)}\n", menu), f"{page.name} is in no menu"


def test_everything_public_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    documented = {line.split(".")[-1] for line in re.findall(r"^::: (\S+)", page, re.M)}
    assert set(firstread.__all__) <= documented
