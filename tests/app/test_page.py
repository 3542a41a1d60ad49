"""A new user walks the five steps in a browser, on images that need nothing."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from firstread.app.guard import doorway
from firstread.classifier import load
from firstread.run import Run

from .conftest import Service, Visitor

pytestmark = pytest.mark.slow


def test_the_five_steps(visitor: Visitor, service: Service, tmp_path: Path) -> None:
    visitor.chrome.execute_cdp_cmd("Network.clearBrowserCookies", {})
    visitor.open()
    visitor.sees("Open the address that firstread app printed")
    visitor.listen()
    (refused,) = visitor.complaints
    assert "403" in refused
    visitor.complaints.clear()
    address = f"{service.address}/?token={service.token}"
    with doorway(tmp_path, address) as door:
        visitor.chrome.get(door.as_uri())
        visitor.sees("None yet")
    assert visitor.chrome.current_url == f"{service.address}/"
    visitor.inspect("1-start")

    visitor.press("Look at the images")
    visitor.sees("What the audit found")
    assert "75 images in 2 classes" in visitor.text
    assert "The images' borders tell the classes apart" in visitor.text
    visitor.inspect("1-data")

    visitor.press("Next: plan the training")
    visitor.sees("as the network may meet it")
    visitor.click("Train from nothing")
    visitor.sees("Every weight starts at random")
    visitor.click("More choices")
    for label, value in (("Epochs", "30"), ("Image size", "32")):
        visitor.field(label).send_keys(Keys.CONTROL, "a", Keys.NULL, value, Keys.TAB)
    visitor.sees("--strategy scratch --epochs 30 --image-size 32")
    printed = shlex.split(visitor.chrome.find_element(By.CSS_SELECTOR, "#command pre").text)
    assert (printed[0], printed[1], printed[3]) == ("firstread", "train", "--out")
    visitor.inspect("2-plan")

    visitor.press("Start training")
    visitor.sees("Where training goes on to improve")  # The curves, after the first epochs.
    visitor.inspect("3-train")
    visitor.leave()  # The tab is closed while it trains ...
    visitor.open()  # ... and the page is opened anew.
    visitor.sees("computed-films")
    visitor.sees("under way")
    visitor.click("Stop")
    visitor.sees("Nothing is lost")
    assert service.shelf.state("computed-films") == "stopped"
    visitor.inspect("3-stopped")
    visitor.click("Go on")
    visitor.sees("Trained and judged", 400)
    run = Run.open(service.shelf.place("computed-films"))
    assert list(run.history()["epoch"]) == list(range(1, 31))
    home = str(service.shelf.folder.parent)
    assert run.plan()["data"] == printed[2].replace("~", home)
    assert str(run.folder) == printed[4].replace("~", home)

    visitor.press("Next: judge it")
    visitor.sees("What the network adds")
    accuracy = next(e for e in run.metrics()["val"]["figures"] if e["figure"] == "accuracy")
    assert f"{100 * accuracy['value']:.0f} %" in visitor.text
    visitor.inspect("4-judge")

    visitor.click("Next: use it")
    film = Path(pd.read_csv(run.folder / "predictions.csv")["path"].iloc[0])
    visitor.drop("#use-drop", film)
    visitor.sees("Where the network looked")
    answer = load(run.folder).predict(film).iloc[0]
    assert f"The model says\n{answer['label']}" in visitor.text or "refuse" in visitor.text.lower()
    visitor.inspect("5-use")

    visitor.leave()
    visitor.chrome.get(f"{service.address}/runs/computed-films/report.html")
    visitor.sees("How it learned")
    visitor.listen()
    inside = (service.address, door.as_uri(), "data:", "about:", "chrome:", "blob:")
    assert [url for url in visitor.asked if not url.startswith(inside)] == []
    assert len(visitor.asked) > 20
    assert visitor.complaints == []


def test_the_ways_to_learn_are_measured_and_measuring_can_be_stopped(
    visitor: Visitor, once: Path
) -> None:
    visitor.open()
    visitor.sees("Your runs")
    visitor.click("A folder on this machine")
    visitor.field("Folder or table").send_keys(str(once.parent / "data"))
    visitor.press("Look at the images")
    visitor.sees("60 images in 2 classes")
    visitor.press("Next: plan the training")
    visitor.sees("as the network may meet it")
    # At the usual size it takes long enough to be stopped.
    visitor.click("Measure which way suits")
    visitor.click("Stop measuring")
    visitor.until(lambda: visitor.button("Measure which way suits"), "it can be measured again")
    assert visitor.button("Stop measuring") is None
    assert visitor.chrome.find_elements(By.CSS_SELECTOR, "#advice .doing") == []
    assert "Advised" not in visitor.text
    visitor.click("More choices")
    visitor.field("Image size").send_keys(Keys.CONTROL, "a", Keys.NULL, "32", Keys.TAB)
    visitor.click("Borders: cut off")
    visitor.sees("--image-size 32 --neutralise border")
    visitor.click("Measure which way suits")
    visitor.sees("Advised: ")
    assert re.search(r"The measurement: .+, \d+\.\d %", visitor.text)
    visitor.until(lambda: visitor.button("Measure which way suits"), "it can be measured again")
    visitor.inspect("2-measured")
    assert visitor.complaints == []


def test_dropped_images_and_mistakes_in_plain_words(
    visitor: Visitor, service: Service, once: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "Doe, Jane.png"
    bad.write_text("no image at all")
    folders = (once.parent / "data" / name for name in ("dark", "bright"))
    dark, bright = (sorted(folder.iterdir())[:8] for folder in folders)
    visitor.open()
    visitor.sees("Your runs")
    visitor.click("Drop images into boxes")
    visitor.sees("Class 2")
    visitor.press("Look at the images")
    visitor.sees("Fill two boxes at least")
    visitor.field("Class 1").send_keys("../dark")
    visitor.drop("#drop-1", *dark, bad)
    visitor.field("Class 2").send_keys("bright")
    visitor.drop("#drop-2", *bright)
    visitor.sees(bad.stem)
    visitor.until(lambda: visitor.text.count("KB") + visitor.text.count(" B ") == 17, "all files")
    visitor.press("Look at the images")
    visitor.sees("can't be the name of a class")
    visitor.field("Class 1").clear()
    visitor.field("Class 1").send_keys("dark")
    visitor.press("Look at the images")
    visitor.sees("17 images in 2 classes")
    visitor.sees("Files that can't be read")
    kept = service.shelf.folder / "images" / "dark-bright"
    assert len(list((kept / "dark").iterdir())) == 9
    assert not list(service.shelf.folder.glob("dark*")), "no name led elsewhere"
    visitor.inspect("1-boxes")
    assert "Traceback" not in visitor.text
    visitor.click("A folder on this machine")
    visitor.field("Folder or table").send_keys(str(tmp_path / "nowhere"))
    visitor.press("Look at the images")
    visitor.sees("there is no such folder on this machine")
    visitor.open("/?run=../../etc")
    visitor.sees("is no name for a run")
    assert visitor.complaints == []


def test_runs_are_compared_exported_and_deleted_after_two_questions(
    visitor: Visitor, service: Service, once: Path
) -> None:
    for name in ("first", "second"):
        shutil.copytree(once, service.shelf.place(name))
    visitor.open()
    visitor.sees("second")
    for name in ("first", "second"):
        visitor.click(name)
    visitor.click("Compare")
    visitor.sees("Open the whole comparison")
    visitor.inspect("6-compared")
    visitor.open("/?run=first")
    visitor.click("Next: use it")
    visitor.click("Export the model")
    visitor.sees("Download the ONNX file")
    assert (service.shelf.place("first") / "model.onnx").stat().st_size > 1e6
    for name in ("first", "second"):
        visitor.click(name)
    visitor.click("Delete")
    visitor.sees("Delete first and second?")
    visitor.click("Keep")
    visitor.until(lambda: visitor.button("Yes, delete") is None, "the question is gone")
    visitor.click("second")  # No longer ticked.
    visitor.click("Delete")
    visitor.sees("Delete first?")
    visitor.click("Yes, delete")
    visitor.sees("Really for good?")
    assert service.shelf.state("first") == "finished"
    visitor.click("Delete for good")
    visitor.until(lambda: service.shelf.state("first") is None, "it is deleted")
    assert service.shelf.state("second") == "finished"
    assert (once.parent / "data").exists()
    visitor.listen()
    assert visitor.complaints == []
