"""The page in a browser: quiet, self-contained, as wide as a phone, and readable by everyone."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome

from firstread.auditing import Finding
from firstread.report.records import Records
from firstread.report.report import write

from .conftest import MakeRun

PHONE, DESK = 390, 1280


@pytest.fixture
def page(make_run: MakeRun, tmp_path: Path) -> Path:
    """A page with everything on it, of classes whose names are long."""
    classes = ("pneumothorax_with_a_drain_in_place", "well", "ill", "other", "unclear")
    paths = tuple(Records.of(make_run("OTHER", classes=classes)).cases["path"])
    findings = (
        Finding("BLANK", "severe", "`well` has 3", "why", "use --strict", paths[:5]),
        Finding("DUPLICATE", "warning", "2 copies", "why", "keep one", paths[:2], (paths[:2],)),
        Finding("UNREADABLE", "warning", "1", files=(str(tmp_path / "gone.png"),)),
        Finding("SIZE-MIXED", "note", "many sizes", "why", "look"),
        Finding("LAYOUT", "passed", "all well"),
        Finding("PATIENT-LEAK", "not applicable", "no patients"),
    )
    return write(make_run(classes=classes, n=60, wrong=25, findings=findings))


def opened(browser: Chrome, page: Path, width: int = DESK, scheme: str = "light") -> None:
    """Open the page anew, with empty logs."""
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < DESK}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
    browser.get(page.as_uri())


def test_the_console_is_quiet_and_nothing_is_asked_for(browser: Chrome, page: Path) -> None:
    opened(browser, page)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    asked = {request["request"]["url"].split(":")[0] for request in sent}
    assert page.as_uri() in {request["request"]["url"] for request in sent}
    assert asked <= {"file", "data"}
    assert sum(request["request"]["url"].startswith("file:") for request in sent) == 1


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_scrolls_sideways_and_every_picture_shows(
    browser: Chrome, page: Path, width: int
) -> None:
    opened(browser, page, width)
    assert browser.execute_script("return window.innerWidth") == width
    overhang = "const e = document.documentElement; return e.scrollWidth - e.clientWidth"
    assert browser.execute_script(overhang) == 0
    blank = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert browser.execute_script(blank) == 0
    outside = browser.execute_script(
        "return [...document.querySelectorAll('body *')]"
        ".filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_axe_finds_nothing_wrong(browser: Chrome, page: Path, width: int, scheme: str) -> None:
    opened(browser, page, width, scheme)
    found: dict[str, Any] = Axe().run(browser)
    wrong = [
        (rule["id"], node["html"][:120]) for rule in found["violations"] for node in rule["nodes"]
    ]
    assert wrong == []
    passed = {rule["id"] for rule in found["passes"]}
    assert {"color-contrast", "image-alt", "html-has-lang", "document-title"} <= passed


def test_it_prints_on_paper(browser: Chrome, page: Path) -> None:
    opened(browser, page, scheme="dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    ink = browser.execute_script("return getComputedStyle(document.body).color")
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    hidden = "return getComputedStyle(document.querySelector('nav')).display"
    assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    assert browser.execute_script(hidden) == "none"
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    content = base64.b64decode(printed["data"])
    assert content.startswith(b"%PDF")
    assert 3 < content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") < 40
