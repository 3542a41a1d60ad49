"""The page as a service, and a visitor in a browser who looks at it and clicks."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import pytest
from axe_core_python.selenium import Axe
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import firstread
from firstread.app.shelf import Shelf

ROOT = Path(__file__).parents[2]
PICTURES = Path(os.environ.get("FIRSTREAD_SCREENSHOTS", ROOT / "build" / "app"))
"""Where pictures of the page are kept; those of `docs/app.md` among them, to be copied there."""

SHOWN = {"2-plan-1280-light": "app-plan.png", "3-train-1280-light": "app-train.png"}
"""Pictures that stand in `docs/app.md`, in 256 colours."""

PHONE, DESK = 390, 1280
_LOUD = ("serious", "critical")


class Service(NamedTuple):
    """A page that is up."""

    address: str
    token: str
    shelf: Shelf


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run."""
    root = tmp_path_factory.mktemp("once")
    rng = np.random.default_rng(0)
    for n, (label, level) in enumerate(30 * [("dark", 60), ("bright", 190)]):
        path = root / "data" / label / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (level + rng.integers(-20, 20, (40, 40))).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(path)
    choices = {"backbone": "phantom_s", "strategy": "probe", "image_size": 32, "audit": False}
    return firstread.train(root / "data", root / "run", **choices).folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`firstread app`, as a user starts it."""
    root = tmp_path_factory.mktemp("app")
    shelf = Shelf(root / "firstread")
    process = subprocess.Popen(
        [sys.executable, "-m", "firstread", "app", "--port", "0", "--no-browser"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(root)},
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=(\w+)", said)
        assert found, said + process.stderr.read()
        yield Service(found[1], found[2], shelf)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 0, rest
        assert "Traceback" not in rest
    finally:
        process.kill()
        process.communicate()
        for entry in shelf.entries():
            if entry.state == "training":
                shelf.job(entry.name).stop()


class Visitor:
    """Someone in front of a browser."""

    def __init__(self, chrome: Chrome, service: Service) -> None:
        self.chrome, self.address, self.token = chrome, service.address, service.token
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def enter(self) -> None:
        """Open the page by the address that was printed."""
        self.chrome.get(f"{self.address}/?token={self.token}")

    def open(self, query: str = "") -> None:
        self.size(DESK)
        self.chrome.get(self.address + query)

    def leave(self) -> None:
        """Close the page; at times Gradio tells the console that its streams are cut off."""
        self.listen()
        self.chrome.get("about:blank")
        self.chrome.get_log("browser")

    def size(self, width: int, scheme: str = "light") -> None:
        seen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < DESK}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", seen)
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
        """Wait until a condition holds."""
        wait = WebDriverWait(self.chrome, seconds, 0.1, ignored_exceptions=[WebDriverException])
        try:
            return wait.until(lambda _: condition())
        except Exception:
            self.picture("failed")
            raise AssertionError(f"never: {what}\n{self.text[:3000]}") from None

    @property
    def text(self) -> str:
        """What can be read on the page now."""
        return str(self.chrome.find_element(By.TAG_NAME, "body").text)

    def sees(self, words: str, seconds: float = 300) -> None:
        self.until(lambda: words.lower() in self.text.lower(), f"{words!r} is seen", seconds)

    def button(self, words: str) -> Any:
        """A button, tab or choice that can be used, by its words.

        Found in one step: while a network learns beside the browser, each step takes its time.
        """
        return self.chrome.execute_script(_BUTTON, words)

    def click(self, words: str) -> None:
        def clicked() -> bool:
            button = self.button(words)
            if button is None:
                return False
            self.chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
            button.click()
            return True

        self.until(clicked, f"a button {words!r}")

    def press(self, words: str) -> None:
        """Reach a button with the Tab key alone, and press Enter."""
        self.until(lambda: self.button(words), f"a button {words!r}")
        for _ in range(80):
            at = self.chrome.switch_to.active_element
            if at.tag_name == "button" and at.text.strip() == words:
                break
            at.send_keys(Keys.TAB)
        assert at.text.strip() == words, f"{words!r} can't be reached with the keyboard"
        at.send_keys(Keys.ENTER)

    def drop(self, place: str, *files: Path) -> None:
        """Drop files at a place of the page."""
        path = f"{place} input[type=file]"
        field = self.until(lambda: self.chrome.find_element(By.CSS_SELECTOR, path), path)
        field.send_keys("\n".join(map(str, files)))

    def field(self, label: str) -> Any:
        """A field to type in, by its label."""
        path = f"//label[.//span[normalize-space()='{label}']]//*[self::input or self::textarea]"
        return self.until(lambda: self.chrome.find_element(By.XPATH, path), f"a field {label!r}")

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page."""
        size = self.chrome.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = {"captureBeyondViewport": True, "clip": clip}
        taken = self.chrome.execute_cdp_cmd("Page.captureScreenshot", shot)
        PICTURES.mkdir(parents=True, exist_ok=True)
        data = base64.b64decode(taken["data"])
        (PICTURES / f"{name}.png").write_bytes(data)
        if name in SHOWN:
            with PIL.Image.open(io.BytesIO(data)) as picture:
                few = picture.convert("RGB").quantize(256)
            few.save(PICTURES / SHOWN[name], optimize=True)

    def inspect(self, name: str) -> None:
        """Look at the page on a phone at night and at a desk by day: pictures, overhang, axe."""
        for width, scheme in ((PHONE, "dark"), (DESK, "light")):
            self.size(width, scheme)
            self.until(lambda width=width: self.chrome.execute_script(_SETTLED) == width, "settles")
            self.picture(f"{name}-{width}-{scheme}")
            assert self.chrome.execute_script(_OVERHANG) == [], (name, width)
            found = Axe().run(self.chrome)["violations"]
            loud = [
                (rule["id"], node["html"][:160], node["failureSummary"])
                for rule in found
                if rule["impact"] in _LOUD
                for node in rule["nodes"]
            ]
            assert loud == [], (name, width, scheme)
        self.listen()

    def listen(self) -> None:
        """Take down what the browser asked for and complained of since the last time."""
        for entry in self.chrome.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self.asked.append(event["params"]["request"]["url"])
        # Gradio warns of itself where it closes a stream ("Method not implemented.").
        self.complaints += [
            entry["message"]
            for entry in self.chrome.get_log("browser")
            if entry["level"] == "SEVERE"
        ]


_BUTTON = """
return [...document.querySelectorAll('button, label')].find(
    e => e.innerText.trim().split('\\n')[0] === arguments[0] && e.checkVisibility() && !e.disabled);
"""
_SETTLED = "return document.getAnimations().length ? 0 : innerWidth"
_OVERHANG = """
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const out = [...document.querySelectorAll('body *')].filter(
    e => !e.closest('.scroll, .visually-hidden, pre') && e.checkVisibility()
        && e.getBoundingClientRect().right > innerWidth + 1);
return wide ? [wide, ...out.map(e => e.outerHTML.slice(0, 120))] : [];
"""


@pytest.fixture
def visitor(browser: Chrome, service: Service) -> Visitor:
    """Has come in, and has empty logs."""
    visitor = Visitor(browser, service)
    visitor.enter()
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    return visitor
