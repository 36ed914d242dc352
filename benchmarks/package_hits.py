"""Hits per megabyte on code, documentation and templates: what must not look like a trace.

    python benchmarks/package_hits.py [FOLDER ...]

Folders default to the packages installed beside this interpreter. A file is a text; languages
count as English. Reported are asserted hits of strength proof and strong a megabyte, and files that
flag. Texts are never printed; ``--where`` prints the files of one signal.
"""

import argparse
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from verdicts import asserted, evidence_of, flagged_kind

KINDS = {
    "code": {".py", ".pyi", ".c", ".h", ".cpp", ".js", ".ts", ".java", ".proto", ".sql"},
    "documentation": {".md", ".rst", ".txt"},
    "templates": {".html", ".htm", ".j2", ".jinja", ".jinja2", ".tmpl", ".mako", ".xml"},
}
LARGEST = 1 << 20
MEGABYTE = 1 << 20


def texts(folders: list[Path]) -> Iterator[tuple[str, Path, str]]:
    """(kind, file, text) of the files below the folders that are UTF-8 and of a known ending."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            kind = next((k for k, endings in KINDS.items() if path.suffix in endings), None)
            if kind is None or not path.is_file() or path.stat().st_size > LARGEST:
                continue
            try:
                yield kind, path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def main() -> None:
    """Prints a table a kind of file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--where", metavar="SIGNAL", help="print the files of one signal")
    given = parser.parse_args()
    folders = given.folders or [Path(sysconfig.get_paths()["purelib"])]
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    hits: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    flagged: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, path, text in texts(folders):
        (evidence,) = evidence_of([text], ["en"])
        sizes[kind] += len(text.encode())
        files[kind] += 1
        hits[kind].update((e["signal"], e["strength"]) for e in asserted(evidence))
        if flag := flagged_kind(evidence):
            flagged[kind][flag] += 1
        if any(e["signal"] == given.where for e in asserted(evidence)):
            print(path)
    for kind in KINDS:
        megabytes = sizes[kind] / MEGABYTE
        print(f"{kind}: {files[kind]:,} files, {megabytes:.1f} MB, files that flag:", end=" ")
        print(", ".join(f"{k} {n}" for k, n in sorted(flagged[kind].items())) or "none")
        for (signal, strength), count in hits[kind].most_common():
            if strength != "weak":
                print(f"  {signal:48} {strength:7} {count:6} {count / megabytes:8.2f} a MB")


if __name__ == "__main__":
    main()
