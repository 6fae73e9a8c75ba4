"""The README's pictures of a report, taken by a browser: `make pictures`.

Usage: python docs/pictures.py REPORT_FOLDER
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
PICTURES: dict[str, dict[str, Any]] = {
    "report.png": {"viewport": {"width": 1400, "height": 1300}, "color_scheme": "light"},
    "report-phone.png": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


def main(report: Path) -> None:
    """Write the first screen of `report` into this folder, wide and light, narrow and dark.

    Raises:
        SystemExit: There is no report, or no browser.
    """
    chromium = shutil.which("chromium")
    if not report.is_file():
        sys.exit(f"{report}: a report was expected, got none; build one with `ablations report`")
    if chromium is None:
        sys.exit("chromium was expected on the PATH, got none; install it (Debian: chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for name, options in PICTURES.items():
            page = browser.new_page(**options)
            page.goto(report.resolve().as_uri())
            page.screenshot(path=DOCS / name)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "report.html")
