"""The table of rooms in the design: which room may import which, and what stays unloaded."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

MAY_IMPORT = {
    "schemas": set(),
    "stats": set(),
    "detectors": {"schemas", "stats"},
    "beam_pipelines": {"schemas", "detectors", "stats", "calls"},
    "review": {"schemas", "stats"},
    "calls": {"schemas", "stats"},
}
FORBIDDEN = {
    "detectors": {"apache_beam", "spacy", "presidio_analyzer"},
    "schemas": {"apache_beam", "sqlalchemy"},
    "stats": {"apache_beam", "pyarrow"},
    "review": {"apache_beam"},
    "calls": {"apache_beam", "pyarrow", "sqlalchemy"},
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def _files(room: str) -> list[Path]:
    return sorted((REPOSITORY / room).rglob("*.py"))


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_room_imports_only_rooms_below_it(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    for path in _files(room):
        ours = [name for name in _imports(path) if name.split(".")[0] == "scrubtrace"]
        for name in ours:
            assert [*name.split("."), ""][1] in allowed, f"{path} imports {name}"


@pytest.mark.parametrize("room", sorted(FORBIDDEN))
def test_room_imports_no_heavy_package_at_module_level(room: str) -> None:
    for path in _files(room):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
        for node in ast.walk(top):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            heavy = {name.split(".")[0] for name in names} & FORBIDDEN[room]
            assert not heavy, f"{path} imports {heavy}"


def test_no_file_is_longer_than_400_lines() -> None:
    rooms = [*MAY_IMPORT, "src", "tests", "benchmarks", "examples", "tools"]
    for path in (path for room in rooms for path in _files(room)):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{path} has {lines} lines"


@pytest.mark.parametrize(
    ("module", "unloaded"),
    [
        ("scrubtrace", {"apache_beam", "pyarrow", "sqlalchemy", "pydantic"}),
        ("scrubtrace.cli", {"apache_beam", "pyarrow", "sqlalchemy", "pydantic", "rich"}),
        ("scrubtrace.detectors.boilerplate", {"apache_beam", "spacy", "presidio_analyzer"}),
        ("scrubtrace.review.export", {"apache_beam"}),
        ("scrubtrace.explain", {"apache_beam", "spacy"}),
        ("scrubtrace.calls.reading", {"apache_beam", "pyarrow", "pydantic"}),
        ("scrubtrace.calls.check", {"apache_beam", "pyarrow", "pydantic", "numpy"}),
    ],
)
def test_importing_stays_cheap(module: str, unloaded: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in ran.stdout.split()}
    assert not loaded & unloaded
