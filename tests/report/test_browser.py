"""The page in headless Chromium: axe-core finds nothing, labels do not overlap. `make browser` installs both."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from parity.report import render
from parity.xpu.page import section
from tests.report.sample import record
from tests.rules.source import ROOT

AXE = ROOT / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium")
SCRIPT = """
document.querySelectorAll("details").forEach(d => d.open = true);
axe.run().then(found => {
  let overlaps = 0;
  for (const picture of document.querySelectorAll("svg")) {
    const labels = [...picture.querySelectorAll("text:not([transform])")].map(label => label.getBoundingClientRect());
    labels.forEach((a, i) => labels.slice(0, i).forEach(b => {
      const beside = a.right <= b.left + 0.5 || b.right <= a.left + 0.5;
      overlaps += a.width && b.width && !beside && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    }));
  }
  const result = document.createElement("pre");
  result.id = "result";
  const violations = found.violations.map(one => [one.id, one.nodes.map(node => node.html)]);
  result.textContent = JSON.stringify({violations, passes: found.passes.length, overlaps});
  document.body.append(result);
});
"""


pytestmark = pytest.mark.skipif(CHROMIUM is None or not AXE.exists(), reason="needs `make browser`")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_that_axe_core_objects_to(scheme: str, tmp_path: Path) -> None:
    found = looked_at(render(record(), (section(None),)), scheme, tmp_path / "page.html")
    assert found["violations"] == []
    assert found["passes"] > 10
    assert found["overlaps"] == 0


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    label = '<svg><text x="5" y="20">left</text><text x="12" y="20">right</text></svg>'
    page = render(record()).replace(' lang="en"', "", 1).replace("</main>", f"{label}</main>", 1)
    found = looked_at(page, "light", tmp_path / "page.html")
    assert [name for name, _ in found["violations"]] == ["html-has-lang"]
    assert found["overlaps"] == 1


def looked_at(page: str, scheme: str, file: Path) -> dict[str, Any]:
    """What the script finds on a page, which is written to a file."""
    # The page itself allows no scripts, the copy that is looked at does.
    scripts = f"<script>{AXE.read_text(encoding='utf-8')}</script><script>{SCRIPT}</script>"
    opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    file.write_text(opened.replace("</body>", f"{scripts}</body>"), encoding="utf-8")
    preferred = f"--blink-settings=preferredColorScheme={['dark', 'light'].index(scheme)}"
    settings = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900", "--virtual-time-budget=60000"]
    command = [str(CHROMIUM), *settings, preferred, "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    told = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told is not None, done.stderr
    result: dict[str, Any] = json.loads(told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return result
