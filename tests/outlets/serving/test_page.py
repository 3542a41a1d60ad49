"""The page at `/docs` in a browser."""

from __future__ import annotations

import json

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_needs_nobody_else_and_can_be_read_by_everyone(
    served: str, browser: Chrome, width: int
) -> None:
    seen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 1280}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", seen)
    browser.get(f"{served}/docs")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    addresses = {one["request"]["url"] for one in sent if "chrome" not in one["documentURL"]}
    assert f"{served}/docs" in addresses
    assert {address.removeprefix(served) for address in addresses} <= {"/docs", "/favicon.ico"}
    assert browser.execute_script("return document.querySelectorAll('h2').length") > 5
    shown = browser.execute_script("return document.body.innerText")
    assert f"{served}/v1/predict" in shown
    assert "Successful Response" not in shown
    overhang = "const e = document.documentElement; return e.scrollWidth - e.clientWidth"
    assert browser.execute_script(overhang) == 0
    found = Axe().run(browser)
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
    quiet = [one for one in browser.get_log("browser") if "favicon" not in one["message"]]
    assert quiet == []
