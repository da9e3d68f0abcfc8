"""Take the README's picture: `.venv/bin/python docs/wallboard.py`. Starts the demo, waits for a lively moment."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("wallboard.png")
LIVELY = """() => {
  const seconds = Number(document.querySelector("#digits")?.textContent);
  const dots = document.querySelectorAll("#dots > *").length;
  return dots >= 2 && Number(document.querySelector("#waiting").textContent) === dots && seconds >= 6 && seconds <= 14;
}"""


def main() -> None:
    """Overwrite the picture."""
    demo = subprocess.Popen([sys.executable, "-m", "slmon", "demo", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        address = next(found[0] for line in demo.stdout if (found := re.search(r"http://\S+", line)))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            page.goto(address)
            page.wait_for_function(LIVELY, timeout=300_000)
            page.screenshot(path=PICTURE)
            browser.close()
    finally:
        demo.terminate()
        demo.wait()


if __name__ == "__main__":
    main()
