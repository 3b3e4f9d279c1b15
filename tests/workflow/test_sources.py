"""Rules watch the code that decides the content of their outputs."""

import ast
import re
from pathlib import Path

import pytest

from .project import ROOT

PACKAGE = ROOT / "src/chapter6"
BEFORE = {"tabulate": [], "judge": ["tabulate"], "draw": ["tabulate"]}
BEFORE |= {name: ["tabulate", "judge", "draw"] for name in ("page", "track_experiment")}
# What is to be done stands in the jobs' orders, and training watches the code that its runs use.
ELSEWHERE = ["registry.py", "files.py", "jobs/common.py", "sharing/contents.py", "tracking/stores.py"]
ELSEWHERE += ["engine/*", "engine/*/*", "data/*", "search/*"]
ELSEWHERE += [
    f"study/{name}.py" for name in ("plan", "paths", "loading", "drafts", "spec", "schema", "reading", "taken", "code")
]
RULES = "".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "workflow/rules").glob("*.smk")))


def body(rule: str) -> str:
    return re.search(rf"^rule {rule}:\n(.*?)(?=^\S|\Z)", RULES, re.MULTILINE | re.DOTALL)[1]


def imported(module: Path) -> set[Path]:
    """The module and all of the package that it imports, directly or not, short of what is watched elsewhere."""
    found, waiting = set(), [module]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file() or any(path.relative_to(PACKAGE).match(e) for e in ELSEWHERE):
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chapter6"):
                place = ROOT / "src" / node.module.replace(".", "/")
                waiting += [place.with_suffix(".py"), *(place / f"{alias.name}.py" for alias in node.names)]
    return found


@pytest.mark.parametrize("rule", BEFORE)
def test_a_rule_or_one_before_it_watches_every_module_that_its_job_imports(rule):
    calls = [re.search(r"source_digest\((.*?)\)", body(name), re.DOTALL)[1] for name in (rule, *BEFORE[rule])]
    watched = {path for pattern in re.findall(r'"(.*?)"', "".join(calls)) for path in PACKAGE.glob(pattern)}
    job = re.search(r'"chapter6 (\w+)', body(rule))[1]
    assert imported(PACKAGE / f"jobs/{job}.py") <= watched
