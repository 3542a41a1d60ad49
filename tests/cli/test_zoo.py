from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from firstread.backbones import NAMES
from firstread.cli import app, screen
from firstread.errors import UsageError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["zoo", *arguments], catch_exceptions=False)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


@pytest.fixture(params=[80, 200])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A terminal of some width."""
    terminal = Console(
        force_terminal=True, color_system=None, width=request.param, highlight=False, soft_wrap=True
    )
    monkeypatch.setattr(screen, "console", terminal)
    return int(request.param)


@pytest.fixture(scope="module")
def whole() -> Result:
    """What `firstread zoo` prints into a pipe."""
    return run()


def test_the_zoo_is_a_table_that_programs_can_read(whole: Result) -> None:
    rows = {row["network"]: row for row in table(whole.stdout)}
    assert tuple(rows) == NAMES
    assert rows["vgg16"] == {
        "network": "vgg16",
        "year": "2014",
        "input (px)": "224",
        "layers": "16",
        "parameters": "138357544",
        "multiply-adds": "15470264320",
        "receptive field (px)": "212",
        "top-1 (%)": "71.6",
        "weights": "imagenet",
        "licence": "BSD-3-Clause",
        "idea": "only 3x3 convolutions, stacked",
    }


def test_zfnet_has_no_weights_and_the_papers_numbers(whole: Result) -> None:
    row = next(row for row in table(whole.stdout) if row["network"] == "zfnet")
    assert row["parameters"] == "62357608"
    # 38.4 % top-1 error of one network, table 2 of arXiv:1311.2901.
    assert row["top-1 (%)"] == f"{100 - 38.4:.1f}"
    assert (row["weights"], row["licence"]) == ("none", "")


def test_the_caption_says_where_the_accuracies_come_from(whole: Result) -> None:
    assert "as published: by torchvision with its weights" in whole.stderr
    assert "as published" not in whole.stdout


def test_a_terminal_shows_every_network_within_its_width(width: int) -> None:
    lines = run().stdout.splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert all(f" {name} " in text for name in NAMES)
    for shown in ("138 M", "15.5 G", "2014", "71.6", "apache-2.0", "parameters"):
        assert shown in text


def test_a_network_is_listed_stage_by_stage() -> None:
    rows = table(run("resnet50").stdout)
    assert [row["stage"] for row in rows] == [
        *("stem", "layer1", "layer2", "layer3", "layer4"),
        "top",
    ]
    assert rows[-2] == {
        "stage": "layer4",
        "shape": "2048 x 7 x 7",
        "parameters": "14964736",
        "multiply-adds": "809238528",
        "receptive field (px)": "427",
    }
    assert rows[-1]["receptive field (px)"] == "whole image"


@pytest.mark.parametrize(
    "name",
    [
        "googlenet",
        "timm/vit_tiny_patch16_224",
        "timm/swin_tiny_patch4_window7_224",
        "timm/densenet121",
        "timm/coat_lite_tiny",
    ],
)
def test_a_network_is_drawn_within_the_terminal(name: str, width: int) -> None:
    lines = run(name).stdout.splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert text.startswith(name)
    assert "3 x 224 x 224" in text
    assert "whole image" in text
    assert "█" in text


def test_the_bar_of_a_receptive_field_grows_to_the_whole_input(width: int) -> None:
    bars = {
        line.split()[0]: line.rsplit("  ", 1)[0].count("█")
        for line in run("vgg16").stdout.splitlines()
        if line.endswith(" px") or line.endswith("image") or " px " in line[-14:]
    }
    assert bars["conv1"] < bars["conv5"]


def test_the_lessons_are_a_table_with_a_sentence_each() -> None:
    result = run("--lessons")
    rows = table(result.stdout)
    assert [row["rival"] for row in rows] == [
        *("one 5x5", "two 3x3"),
        *("naive", "with 1x1 bottlenecks"),
        *("plain 3x3", "depthwise separable 3x3"),
        *("AlexNet", "GoogLeNet"),
    ]
    assert rows[3]["parameters"] == "163328"
    assert "28% fewer parameters" in result.stderr
    assert "arXiv:1409.4842" in result.stderr


def test_the_lessons_fit_the_terminal(width: int) -> None:
    text = run("--lessons").stdout
    assert max(map(len, text.splitlines())) <= width
    assert "with 1x1 bottlenecks" in text
    assert "9.2 times fewer" in text


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml")]
)
@pytest.mark.parametrize("what", ["alexnet", "--lessons"])
def test_a_figure_is_written_where_asked(
    what: str, suffix: str, magic: bytes, tmp_path: Path
) -> None:
    out = tmp_path / f"figure{suffix}"
    result = run(what, "--out", str(out))
    assert out.read_bytes().startswith(magic)
    assert f"drawn: {out}" in result.stderr


def test_nothing_is_written_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--lessons")
    assert list(tmp_path.iterdir()) == []
    assert "--out FILE.png draws this as a figure" in result.stderr


def test_an_unknown_network_lists_close_names() -> None:
    with pytest.raises(UsageError, match=r"'resnet51' is not a network.*resnet50"):
        run("resnet51")
    with pytest.raises(UsageError, match=r"vit_tiny_patch16_22\b.*vit_tiny_patch16_224"):
        run("timm/vit_tiny_patch16_22")


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "figure.jpeg"
    with pytest.raises(UsageError) as caught:
        run("alexnet", "--lessons", "--out", str(missing))
    assert str(caught.value).splitlines() == [
        "zoo draws one network (alexnet) or the --lessons, not both: leave one out",
        f"--out {missing}: the name must end in one of .png, .pdf, .svg",
        f"--out {missing}: there is no folder {missing.parent} to write it to",
    ]


def test_the_table_alone_has_no_figure(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the table has no figure; add a NAME or --lessons"):
        run("--out", str(tmp_path / "zoo.png"))


def test_a_figure_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    folder = tmp_path / "taken.png"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"taken\.png: can't be written"):
        run("alexnet", "--out", str(folder))


def test_the_command_loads_nothing_heavy_before_it_runs() -> None:
    check = (
        "import sys, firstread.cli.zoo; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
