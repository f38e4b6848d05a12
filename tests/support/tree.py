"""The source tree as the architecture tests see it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOYABLES = ("edge_node", "satellite", "server", "firmware_sim")
ROOMS = ("core", *DEPLOYABLES)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    """Every Python file under the named top folders, in order."""
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def tracked_files() -> list[Path]:
    """Every file that git tracks and that is on the disk."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return [REPOSITORY / name for name in names if name and (REPOSITORY / name).is_file()]


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Relative path and text of every tracked file of our own that is text."""
    for path in tracked_files():
        name = path.relative_to(REPOSITORY).as_posix()
        if "vendor" in path.parts:
            continue
        try:
            yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures and sounds carry no text


def parse(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(tree: ast.AST) -> Iterator[FunctionNode]:
    """Every function and method of a tree, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            yield node


def at(path: Path, node: FunctionNode) -> str:
    """Where a function stands, as people click on it."""
    return f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}"
