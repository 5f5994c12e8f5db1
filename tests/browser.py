"""Headless Chromium: Debian's, driven by Playwright's Python client. Without one of them a test is skipped."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def browser_page(width: int = 1100, height: int = 800) -> Iterator[tuple[Any, list[str]]]:
    """A page, and a list that gets what its console says and the addresses that it asks for outside itself."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dreamgym[dev]")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs the program chromium")
    heard: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: _note(request.url, page, heard))
        try:
            yield page, heard
        finally:
            browser.close()


def _note(address: str, page: Any, heard: list[str]) -> None:
    first = page.url in ("", "about:blank")
    if not first and not address.startswith("data:"):
        heard.append(address)
