"""The page in headless Chromium, opened from disk.

A frame of the width of a telephone holds the page; the frame's parent looks at it and writes down what it finds.
What cannot be seen from there, errors and what the page asks of the network, is in Chromium's own logs.
"""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # Chromium has calls of its own to make
    *("--allow-file-access-from-files", "--hide-scrollbars", "--virtual-time-budget=10000", "--enable-logging=stderr"),
)
PATIENCE = 120
WIDTHS = (390, 1280)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"),
]

LOOK = """<!DOCTYPE html>
<meta charset="utf-8">
<iframe src="PAGE" style="border: 0; height: 800px; width: WIDTHpx"></iframe>
<pre id="found"></pre>
<script>
function look(inside) {
  const page = inside.documentElement;
  const hrefs = [...inside.querySelectorAll("a[href^='#']")].map(a => decodeURIComponent(a.hash.slice(1)));
  const names = [...inside.querySelectorAll("[id]")].map(element => element.id);
  const wide = [...inside.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > WIDTH + 1);
  return {
    title: inside.title,
    width: page.clientWidth,
    scrolls_to: page.scrollWidth,
    wide: page.scrollWidth > page.clientWidth ? wide.slice(0, 5).map(e => e.outerHTML.slice(0, 90)) : [],
    links: hrefs.length,
    contents: [...inside.querySelectorAll("nav a[href^='#']")].map(a => decodeURIComponent(a.hash.slice(1))),
    dead: hrefs.filter(name => name && !inside.getElementById(name)),
    twice: names.filter((name, place) => names.indexOf(name) !== place),
    drawn: [...inside.querySelectorAll("figure svg, figure img")].filter(e => e.clientHeight > 50).length,
    blank: [...inside.images].filter(image => !image.complete || image.naturalWidth === 0).length,
    resources: inside.defaultView.performance.getEntriesByType("resource").map(entry => entry.name.slice(0, 90)),
  };
}
window.onload = () => {
  document.getElementById("found").textContent = JSON.stringify(look(frames[0].document));
};
</script>
"""


@dataclass(frozen=True)
class Visit:
    """What was found in the page, what stood on the console, and the addresses that were asked for."""

    found: dict
    console: list[str]
    requests: set[str]


def visit(page: Path, folder: Path, width: int) -> Visit:
    """Open a page from disk in a frame of ``width`` pixels."""
    folder.mkdir()
    look, log = folder / "look.html", folder / "net.json"
    text = LOOK.replace("PAGE", page.resolve().as_uri()).replace("WIDTH", str(width))
    look.write_text(text, encoding="utf-8")
    options = (f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--window-size=1400,900", "--dump-dom")
    done = subprocess.run(
        [CHROMIUM, *FLAGS, *options, look.as_uri()], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[:500] + done.stderr[-2000:]
    console = re.findall(r"CONSOLE.*?\] (.*)", done.stderr)
    return Visit(json.loads(unescape(found[1])), console, requests_of_pages(log))


def requests_of_pages(log: Path) -> set[str]:
    """Addresses that a page asked for, not the browser itself."""
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    parameters = [event["params"] for event in events if isinstance(event.get("params"), dict)]
    return {
        known["url"]
        for known in parameters
        if str(known.get("url", "")).startswith(("http", "ws"))
        and known.get("initiator") not in (None, "not an origin")
    }


@pytest.mark.workflow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_opens_from_disk(finished, tmp_path, width):
    seen = visit(finished / "reports/html/index.html", tmp_path / "visit", width)
    assert seen.console == []
    assert seen.requests == set()
    found = seen.found
    assert [name for name in found["resources"] if not name.startswith("data:")] == []
    assert found["title"]
    assert found["width"] == width
    assert found["scrolls_to"] == width, found["wide"]
    assert found["dead"] == []
    assert found["twice"] == []
    assert {"6.1-net", "6.1-bowl", "6.2-noise"} <= set(found["contents"])
    assert found["drawn"] >= 3
    assert found["blank"] == 0


def test_a_page_with_every_fault_is_found_out(tmp_path):
    """What the other test relies on."""
    page = tmp_path / "bad.html"
    page.write_text(
        """<!DOCTYPE html><title>Bad</title><body><nav><a href="#there">x</a><a href="#nowhere">x</a></nav>
        <p id="there">x</p><p id="there">x</p><div style="width: 500px">wide</div>
        <img src="http://127.0.0.1:9/image.png" alt=""><script>console.error("it hurts"); undefined_function()</script>
        """,
        encoding="utf-8",
    )
    seen = visit(page, tmp_path / "visit", 390)
    assert any("it hurts" in line for line in seen.console)
    assert any("undefined_function" in line for line in seen.console)
    assert seen.requests == {"http://127.0.0.1:9/image.png"}
    found = seen.found
    assert (found["width"], found["scrolls_to"] > 390, found["dead"], found["twice"]) == (
        390,
        True,
        ["nowhere"],
        ["there"],
    )
    assert found["wide"]
    assert (found["blank"], found["drawn"], found["links"]) == (1, 0, 2)
