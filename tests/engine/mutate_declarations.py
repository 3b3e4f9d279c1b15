"""Mutate what mutmut leaves alone: class bodies, decorated functions and the constants of modules.

`python tests/engine/mutate_declarations.py [file ...]` changes one number, truth value, string, operator or ternary at
a time in a copy of the sources, runs the tests that are named below on it, and prints who survives. It takes some
minutes a file; what it has found is in docs/mutation.md.
"""

import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGINE = Path("chapter6/engine")
TESTS = ("tests/contracts", "tests/engine", "tests/reference/test_trajectories.py")
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci", "-o", "timeout=30")
SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


class Mutants(ast.NodeVisitor):
    """Collects (line, what, change), change being a function that mutates the tree and one that mends it."""

    def __init__(self):
        self.found = []
        self.in_function = False

    def visit_FunctionDef(self, node):
        plain = not node.decorator_list or {"staticmethod"} == {ast.unparse(each) for each in node.decorator_list}
        if plain and not self.in_function:
            return  # mutmut's
        self.in_function = True
        for each in (*node.decorator_list, *node.body):
            self.visit(each)
        self.in_function = False

    def visit_AnnAssign(self, node):
        if node.value:
            self.visit(node.value)

    def visit_Subscript(self, node):
        if ast.unparse(node.value) not in ("Literal", "Annotated", "ClassVar"):
            self.generic_visit(node)

    def visit_Expr(self, node):
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            self.add(node, "value", "XX" + node.value)
        elif isinstance(node.value, bool):
            self.add(node, "value", not node.value)
        elif isinstance(node.value, int):
            self.add(node, "value", node.value + 1)
        elif isinstance(node.value, float):
            self.add(node, "value", node.value * 1.01)

    def visit_BinOp(self, node):
        if type(node.op) in SWAPS:
            self.add(node, "op", SWAPS[type(node.op)]())
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        if isinstance(node.op, ast.USub):
            self.add(node, "op", ast.UAdd())
        self.generic_visit(node)

    def visit_IfExp(self, node):
        for value in (True, False):
            self.add(node, "test", ast.Constant(value))
        self.generic_visit(node)

    def add(self, node, field, value):
        self.found.append((node, field, value))


def mutants_of(source):
    """Yield the changed line and the whole mutated source, one change at a time."""
    tree = ast.parse(source)
    visitor = Mutants()
    visitor.visit(tree)
    for node, field, value in visitor.found:
        old = copy.copy(getattr(node, field))
        before = ast.unparse(node)
        setattr(node, field, value)
        yield f"line {node.lineno}: {before} -> {ast.unparse(node)}", ast.unparse(tree)
        setattr(node, field, old)


def survives(sources, tests):
    """Say whether the tests pass with the package in ``sources``."""
    more = {"PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, *PYTEST, *tests]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **more}, capture_output=True).returncode == 0


def main():
    names = sys.argv[1:] or sorted(path.name for path in (ROOT / "src" / ENGINE).glob("*.py"))
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        shutil.copytree(ROOT / "src/chapter6", sources / "chapter6", ignore=shutil.ignore_patterns("__pycache__"))
        if not survives(sources, TESTS):
            sys.exit("the tests fail on the sources as they are")
        for name in names:
            target = sources / ENGINE / name
            original = target.read_text()
            own = (f"tests/contracts/test_{name}", f"tests/engine/test_{name}")
            likely = ["tests/contracts/test_members.py", *(test for test in own if (ROOT / test).exists())]
            changes = list(mutants_of(original))
            survivors = 0
            for change, mutated in changes:
                target.write_text(mutated)
                if survives(sources, likely) and survives(sources, TESTS):
                    survivors += 1
                    sys.stdout.write(f"{name} {change}\n")
                    sys.stdout.flush()
            target.write_text(original)
            sys.stdout.write(f"{name}: {len(changes)} mutants, {survivors} survived\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
