"""The tutorial notebook, as a beginner runs it: from top to bottom."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import nbformat
import PIL.Image
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from scipy.stats import binomtest

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "hello_world.ipynb"
FIGURES = (
    "look-show",
    "zoo-lessons",
    "zoo-one",
    "curves",
    "curves-recipe",
    "predict-show",
)
SECTIONS = (
    "The task",
    "Look at the images",
    "The classic networks",
    "Transfer learning",
    "Train",
    "Learning curves",
    "What the result shows",
    "Predict new images",
    "Where to go next",
)


def read() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def name_of(cell: NotebookNode) -> str:
    """A cell's id without its number."""
    return str(cell.id).split("-", 1)[1]


def executed(folder: Path, **sources: str) -> dict[str, NotebookNode]:
    """Run the notebook in a folder of its own, some cells' source replaced; return its code."""
    notebook = read()
    for cell in notebook.cells:
        cell.source = sources.get(name_of(cell), cell.source)
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(folder)}}).execute()
    return {name_of(cell): cell for cell in notebook.cells if cell.cell_type == "code"}


def text(cell: NotebookNode) -> str:
    """What a cell printed, and its value as text."""
    return "\n".join(
        output.get("text") or output.data.get("text/plain", "") for output in cell.outputs
    )


def check(cells: dict[str, NotebookNode]) -> tuple[int, int]:
    """Check what any run must show; return how many of how many images were right."""
    counts = [cell.execution_count for cell in cells.values()]
    assert counts == list(range(1, len(cells) + 1))
    streams = {output.get("name") for cell in cells.values() for output in cell.outputs}
    assert "stderr" not in streams
    inline = [
        name
        for name, cell in cells.items()
        if any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]
    assert tuple(inline) == FIGURES
    for name in FIGURES:
        figure = PIL.Image.open(
            io.BytesIO(base64.b64decode(cells[name].outputs[0].data["image/png"]))
        )
        dark, bright = figure.convert("L").getextrema()
        assert min(figure.size) > 200
        assert bright - dark > 200
    said = re.fullmatch(
        r"accuracy (\d+)%: (\d+) of (\d+) right, 95 % interval (\d+)% to (\d+)%\n",
        text(cells["result"]),
    )
    assert said
    accuracy, right, count, low, high = map(int, said.groups())
    interval = binomtest(right, count).proportion_ci(0.95, method="exact")
    assert accuracy == round(100 * right / count)
    assert (low, high) == (round(100 * interval.low), round(100 * interval.high))
    # Ten of ten: 0.025 to the power of a tenth.
    assert f"{0.025 ** (1 / 10):.1%}" in cells["result-size"].outputs[0].data["text/html"]
    assert text(cells["train-recipe"]).count("val_loss") == 8
    return right, count


def answers(cells: dict[str, NotebookNode]) -> dict[str, str]:
    """The labels given to the test images."""
    return dict(re.findall(r"(\w+_test\.png)\s+(\w+)", text(cells["predict"])))


def test_the_notebook_is_kept_clean() -> None:
    notebook = read()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any(cell.metadata for cell in notebook.cells)
    ids = [cell.id for cell in notebook.cells]
    assert ids == sorted(set(ids))
    assert nbformat.writes(notebook, version=4) + "\n" == NOTEBOOK.read_text(encoding="utf-8")


def test_it_follows_the_tutorial_in_short_cells() -> None:
    notebook = read()
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert tuple(re.findall(r"^## \d\. (.+)$", prose, re.MULTILINE)) == SECTIONS
    lengths = [len(cell.source.splitlines()) for cell in notebook.cells if cell.cell_type == "code"]
    assert max(lengths) <= 12


@pytest.mark.slow
def test_it_runs_on_synthetic_images_as_it_stands(tmp_path: Path) -> None:
    cells = executed(tmp_path)
    right, count = check(cells)
    assert count == 10
    assert right >= 9
    assert answers(cells) == {"abd_test.png": "abd", "chest_test.png": "chst"}
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_it_runs_on_real_images_by_changing_one_path(tmp_path: Path, hello_world: Path) -> None:
    cells = executed(tmp_path, data=f"DATA = {str(hello_world)!r}")
    right, count = check(cells)
    assert count == 10
    assert right >= 8
    assert answers(cells).keys() == {"abd_test.png", "chest_test.png"}
    assert f"images: {hello_world}\n" in text(cells["data-made"])
