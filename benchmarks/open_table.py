"""The table of what the shipped style model is fitted on: ``open_pack.toml``, checked."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

COLUMN = "column licence of the evaluation folder"
TABLE = Path(__file__).with_name("open_pack.toml")


@dataclass(frozen=True)
class Terms:
    """What a generator's terms say of its output, where that was read, and when."""

    says: str
    read_in: str
    date: str


@dataclass(frozen=True)
class Group:
    """Rows of one source, label and licence.

    Parameters
    ----------
    name : of the group, and of its file among the extra rows.
    source : groups of one source are compared with each other when the model is fitted.
    label : ``human`` or ``llm``.
    licence, licence_in : of the rows, and where that was read.
    column : what the column ``licence`` of the evaluation folder says of them, if they are from
        there.
    not_known : what is not known of their licence.
    why : why it is taken.
    file : its file in the evaluation folder, if it is from there.
    generators, attacks, domains : which rows of that file; of empty ones all.
    repository, commit, reader : where its rows are read from otherwise (`open_rows.READERS`).
    paths : generator of the files of a pattern.
    without : patterns of files that are left out.
    pieces, most : at most so many pieces of a text, and rows.
    """

    name: str
    source: str
    label: str
    licence: str
    licence_in: str
    why: str
    column: str = ""
    not_known: str = ""
    file: str = ""
    generators: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ("none",)
    domains: tuple[str, ...] = ()
    repository: str = ""
    commit: str = ""
    reader: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    pieces: int = 1
    most: int = 1_500

    @property
    def is_llm(self) -> bool:
        """Whether models wrote the rows."""
        return self.label == "llm"

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of the evaluation folder's file is of this group."""
        return bool(
            row["lang"] == "en"
            and row["label"] == self.label
            and (not self.generators or row["generator"] in self.generators)
            and (not self.attacks or row["attack"] in self.attacks)
            and (not self.domains or row["domain"] in self.domains)
        )

    @property
    def read_in(self) -> str:
        """Where the licence was read, and what the evaluation folder says where that differs."""
        if self.column in ("", self.licence):
            return self.licence_in
        named = self.licence_in if self.licence_in == COLUMN else f"{self.licence_in}; {COLUMN}"
        return f'{named}: "{self.column}"'

    @property
    def writers(self) -> tuple[str, ...]:
        """Names of the generators of the group, as in `Table.terms`."""
        names = self.generators or tuple(self.paths.values())
        return tuple(dict.fromkeys(names)) if self.is_llm else ()


@dataclass(frozen=True)
class Table:
    """All groups, and the terms of all their generators."""

    groups: tuple[Group, ...]
    terms: Mapping[str, Terms]

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return tuple(sorted({group.source for group in self.groups}))


def read_table(path: Path = TABLE) -> Table:
    """The table.

    Raises ValueError for a generator without terms, a group of the evaluation folder without what
    its column says, or a name given twice.
    """
    content = tomllib.loads(path.read_text("utf-8"))
    terms = {name: Terms(**entry) for name, entry in content["generators"].items()}
    groups = tuple(_group(entry) for entry in content["group"])
    for group in groups:
        missing = set(group.writers) - set(terms)
        if missing or (group.is_llm and not group.writers):
            raise ValueError(f"{group.name}: no terms of {', '.join(sorted(missing)) or 'any'}")
        if bool(group.file) != bool(group.column):
            raise ValueError(
                f"{group.name}: file and column, what it says of the licence, go together"
            )
    if len({group.name for group in groups}) < len(groups):
        raise ValueError("two groups have one name")
    return Table(groups, terms)


def _group(entry: Mapping[str, Any]) -> Group:
    values: dict[str, Any] = {}
    for name, value in entry.items():
        values[name] = tuple(value) if isinstance(value, list) else value
    return Group(**values)
