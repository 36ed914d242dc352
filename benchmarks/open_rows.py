"""Rows of open data that are in no evaluation folder, from bare clones: one Parquet file a group.

    python benchmarks/open_rows.py CLONES EXTRA

CLONES holds ``owner/name.git`` of every repository that ``open_pack.toml`` names; its commits are
pinned there. Long texts are cut into pieces of 60 to 340 words at paragraphs or sentences, as long
as rows of training data usually are.
"""

import argparse
import html
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from open_select import digest
from open_table import Group, read_table

SHORTEST, SPREAD, LEAST = 60, 280, 40
"""Words of a piece: at least `SHORTEST`, up to `SPREAD` more by its digest; a rest may have 40."""

LONGEST_PARAGRAPH = 200
"""Words; longer paragraphs are cut at sentences."""

ASCII_SHARE = 0.9
LAST_HUMAN_YEAR = 2021
"""Dated human texts are taken up to this year: chat models came late in the next one."""

_SENTENCE = re.compile(r"(?<=[.!?][\")]) |(?<=[.!?]) ")
_TAG = re.compile(r"<[^>]+>|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"```.*?```", re.DOTALL)
_DATE = re.compile(r"(?:^|/)((?:19|20)\d\d)-\d\d-\d\d")


def pieces(text: str, most: int) -> Iterator[str]:
    """At most so many pieces of a text, whole paragraphs or sentences."""
    parts: list[str] = []
    words = found = 0
    for part in _parts(text):
        parts.append(part)
        words += len(part.split())
        aim = SHORTEST + int.from_bytes(digest(parts[0])[:2]) % SPREAD
        if words >= aim:
            yield "\n".join(parts)
            parts, words, found = [], 0, found + 1
            if found == most:
                return
    if words >= LEAST:
        yield "\n".join(parts)


def _parts(text: str) -> Iterator[str]:
    for paragraph in text.split("\n"):
        if len(paragraph.split()) > LONGEST_PARAGRAPH:
            yield from _SENTENCE.split(paragraph)
        elif paragraph.strip():
            yield paragraph.strip()


def json_lines(content: bytes) -> Iterator[str]:
    """Responses of a JSON Lines file."""
    for line in content.decode().splitlines():
        if line.strip():
            yield str(json.loads(line)["response"] or "")


def outputs(content: bytes) -> Iterator[str]:
    """Outputs of a JSON list."""
    for row in json.loads(content):
        yield str(row["output"] or "")


def sampling_report(content: bytes) -> Iterator[str]:
    """First output of each way of sampling of each prompt, without end marks."""
    for prompt in json.loads(content)["prompts"]:
        for result in prompt["results"]:
            yield re.sub(r"<\|[a-z_]+\|>", "", str(result["outputs"][0])).strip()


def conllu(content: bytes) -> Iterator[str]:
    """One text of a treebank document; headings and captions are left out with their paragraph."""
    paragraphs: list[list[str]] = []
    is_prose = True
    for line in content.decode().splitlines():
        if line.startswith("# newpar_block"):
            is_prose = line.split("=")[1].strip().startswith("p ")
        elif line.startswith("# newpar"):
            paragraphs.append([])
            is_prose = True
        elif line.startswith("# text = ") and is_prose and paragraphs:
            paragraphs[-1].append(line.removeprefix("# text = "))
    yield "\n".join(" ".join(sentences) for sentences in paragraphs if sentences)


def contexts(content: bytes) -> Iterator[str]:
    """Paragraphs of a file in SQuAD's form."""
    for article in json.loads(content)["data"]:
        for paragraph in article["paragraphs"]:
            yield str(paragraph["context"])


def plain(content: bytes) -> Iterator[str]:
    """One text; short lines are headings, which are left out."""
    lines = content.decode("utf-8", "replace").splitlines()
    yield "\n".join(line for line in lines if len(line.split()) > 12)


def markdown(content: bytes) -> Iterator[str]:
    """One text without front matter, code, tags, and addresses of links."""
    text = content.decode("utf-8", "replace")
    for fence in ("---", "+++"):
        if text.startswith(fence):
            text = text.split(f"\n{fence}", 1)[-1]
    text = _LINK.sub(r"\1", _TAG.sub(" ", _CODE.sub(" ", text)))
    paragraphs = re.split(r"\n\s*\n", html.unescape(text))
    yield "\n".join(" ".join(one.split()) for one in paragraphs if len(one.split()) > 12)


def xhtml(content: bytes) -> Iterator[str]:
    """Paragraphs of a chapter."""
    text = content.decode()
    found = re.findall(r"<p(?:\s[^>]*)?>(.*?)</p>", text, re.DOTALL)
    yield "\n".join(" ".join(html.unescape(_TAG.sub("", one)).split()) for one in found)


def zipped(content: bytes) -> Iterator[str]:
    """Text files of an archive, those from 1945 on if their names begin with a year."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in sorted(archive.namelist()):
            year = re.match(r".*/((?:17|18|19|20)\d\d)", name)
            if name.endswith(".txt") and (year is None or int(year[1]) >= 1945):
                text = archive.read(name).decode("latin-1")
                yield "\n".join(" ".join(one.split()) for one in re.split(r"\n\s*\n", text))


READERS: dict[str, Callable[[bytes], Iterator[str]]] = {
    "json_lines": json_lines, "outputs": outputs, "sampling_report": sampling_report,
    "conllu": conllu, "contexts": contexts, "plain": plain, "markdown": markdown,
    "xhtml": xhtml, "zipped": zipped,
}  # fmt: skip


def git(clone: Path, *command: str) -> bytes:
    """Output of a git command."""
    run = subprocess.run(["git", "--git-dir", str(clone), *command], capture_output=True)
    if run.returncode:
        raise SystemExit(f"{clone}: git {' '.join(command)} failed")
    return run.stdout


def rows_of(group: Group, clones: Path) -> list[dict[str, Any]]:
    """Rows of a group, at most ``group.most``, evenly of its generators, by digest."""
    clone = clones / f"{group.repository}.git"
    names = git(clone, "ls-tree", "-r", "--name-only", "-z", group.commit).decode().split("\0")
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for pattern, generator in group.paths.items():
        own = []
        for name in (name for name in names if fnmatch(name, pattern) and _is_taken(name, group)):
            for text in READERS[group.reader](git(clone, "show", f"{group.commit}:{name}")):
                own += [one for one in pieces(text, group.pieces) if _is_english(one)]
        own = sorted(set(own) - seen, key=digest)[: group.most // len(group.paths)]
        seen |= set(own)
        rows += [_row(group, generator, text) for text in own]
    return rows


def _is_taken(name: str, group: Group) -> bool:
    if any(fnmatch(name, pattern) for pattern in group.without):
        return False
    year = _DATE.search(name)
    return group.is_llm or year is None or int(year[1]) <= LAST_HUMAN_YEAR


def _is_english(text: str) -> bool:
    return sum(c.isascii() for c in text) >= ASCII_SHARE * len(text) and "```" not in text


def _row(group: Group, generator: str, text: str) -> dict[str, Any]:
    label = "llm" if group.is_llm else "human"
    return {"text": text, "label": label, "generator": generator, "lang": "en", "attack": "none",
            "source": group.source, "licence": group.licence}  # fmt: skip


def main() -> None:
    """Writes the files and tells how many rows each has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path)
    parser.add_argument("extra", type=Path)
    given = parser.parse_args()
    given.extra.mkdir(parents=True, exist_ok=True)
    for group in read_table().groups:
        if group.repository:
            rows = rows_of(group, given.clones)
            pq.write_table(pa.Table.from_pylist(rows), given.extra / f"{group.name}.parquet")
            print(f"{group.name:28} {len(rows):6,}", flush=True)


if __name__ == "__main__":
    main()
