"""axe-core, which finds in a page shown by Chromium what WCAG 2.2 forbids at levels A and AA, and what its makers advise against."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from selenium import webdriver

from tests.support import node

_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = """
const done = arguments[arguments.length - 1];
axe.run({runOnly: arguments[0], resultTypes: ["violations", "incomplete"]}).then(
  found => done({ran: found.passes.length, violations: found.violations, incomplete: found.incomplete}),
  error => done({error: String(error)}));
"""


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that an element breaks, or (`sure` is false) that a person has to judge."""

    rule: str
    sure: bool
    element: str
    why: str


def findings(driver: webdriver.Chrome) -> list[Finding]:
    """Of the page shown. The driver must let scripts run."""
    if not driver.execute_script("return 'axe' in window"):
        driver.execute_script(_script())
    result = driver.execute_async_script(_RUN, list(_TAGS))
    assert result.get("ran"), result
    return sorted(
        Finding(rule["id"], kind == "violations", part["html"], _why(part))
        for kind in ("violations", "incomplete")
        for rule in result[kind]
        for part in rule["nodes"]
    )


def _why(part: dict[str, Any]) -> str:
    return "; ".join(check["message"] for key in ("any", "all", "none") for check in part[key])


@cache
def _script() -> str:
    node.install()
    return (node.INTEROP / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
