"""The pages as they are built and seen in a browser, and the pictures on them."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait
from typer.testing import CliRunner

from firstread.cli import app

ROOT = Path(__file__).parents[1]
PICTURES = Path(os.environ.get("FIRSTREAD_SCREENSHOTS", ROOT / "build" / "site-pictures"))
"""Where pictures are kept; `FIRSTREAD_SCREENSHOTS=docs` renews those of the pages."""

PHONE, DESK = 390, 1280
LARGEST = 200_000
"""Bytes of a picture that the repository keeps."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built; a warning ends the build."""
    pytest.importorskip("mkdocs", reason="the pages need `pip install 'firstread[docs]'`")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def sized(browser: Chrome, width: int, height: int = 900, scheme: str = "light") -> None:
    seen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < DESK}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", seen)
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})


def asked(browser: Chrome) -> Iterator[str]:
    """Yield the addresses that the browser asked for since the last time."""
    for entry in browser.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            yield event["params"]["request"]["url"]


def test_the_pages_ask_nobody(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    # Whatever a browser fetches by itself: scripts, pictures, style sheets, fonts; not links.
    fetched = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\bsrc=[\"']?(?:https?:)?//"
        r"|<link[^>]*\bhref=[\"']?(?:https?:)?//(?![^>]*rel=[\"']?canonical)"
    )
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not fetched.search(text), page
        assert 'class="mermaid"' not in text, f"{page}: its drawing library comes from elsewhere"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import\s)[\"']?(?:https?:)?//", sheet.read_text()), sheet


@pytest.mark.parametrize(
    ("width", "scheme"), [(DESK, "light"), (PHONE, "light"), (DESK, "dark"), (PHONE, "dark")]
)
def test_every_page_can_be_read_by_everyone(
    site: Path, browser: Chrome, width: int, scheme: str
) -> None:
    wrong = {}
    for page in sorted(site.rglob("*.html")):
        if page.name == "404.html":  # Its addresses begin at the root of a web server.
            continue
        sized(browser, width, scheme=scheme)
        browser.get(page.as_uri())
        overhang = "const e = document.documentElement; return e.scrollWidth - e.clientWidth"
        assert browser.execute_script(overhang) == 0, page
        blank = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        assert browser.execute_script(blank) == 0, page
        found = Axe().run(browser)
        loud = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        said = [(rule["id"], node["html"][:120]) for rule in loud for node in rule["nodes"]]
        wrong |= {page.name: said} if said else {}
    assert wrong == {}
    assert browser.get_log("browser") == []
    assert {address.split(":")[0] for address in asked(browser)} <= {
        "file",
        "data",
        "about",
        "chrome",
    }


def test_searching_works_from_the_disk(site: Path, browser: Chrome) -> None:
    sized(browser, DESK)
    browser.get((site / "index.html").as_uri())
    browser.find_element(By.CSS_SELECTOR, "[data-md-component=search-query]").send_keys("saliency")
    wait = WebDriverWait(browser, 60)
    found = (By.CSS_SELECTOR, ".md-search-result__link")
    first = wait.until(expected_conditions.element_to_be_clickable(found))
    assert "saliency" in browser.find_element(By.CLASS_NAME, "md-search-result").text.lower()
    page = first.get_attribute("href").partition("#")[0].partition("?")[0]
    assert page in {one.as_uri() for one in site.glob("*.html")}
    assert {address.split(":")[0] for address in asked(browser)} <= {"file", "data", "about"}
    assert browser.get_log("browser") == []


def test_the_picture_of_the_report(browser: Chrome, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    sized(browser, 1000, 1005)
    browser.get((tmp_path / "demo" / "run" / "report.html").as_uri())
    shown = browser.execute_script("return document.body.innerText")
    assert "compatible with anything from" in shown
    assert str(tmp_path) not in shown
    PICTURES.mkdir(parents=True, exist_ok=True)
    made = keep(browser, "report.png")
    with PIL.Image.open(ROOT / "docs" / "report.png") as picture:
        assert picture.size == made


def keep(browser: Chrome, name: str) -> tuple[int, int]:
    """Save what is seen in few colours, and return its width and height."""
    seen = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    with PIL.Image.open(io.BytesIO(base64.b64decode(seen["data"]))) as picture:
        picture.convert("RGB").quantize(64).save(PICTURES / name, optimize=True)
        assert (PICTURES / name).stat().st_size < LARGEST
        return picture.size
