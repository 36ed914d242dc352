"""The columns of the CSV for reviewers, and what stands in their cells."""

from collections.abc import Callable

from scrubtrace.review.cells import guard, plain_cell, snippet_cell
from scrubtrace.review.lines import ExportLine, OtherPlace
from scrubtrace.review.views import View, is_shown
from scrubtrace.review.wording import STORED_LANGUAGE, Wording
from scrubtrace.schemas.review import DECISION_COLUMNS
from scrubtrace.schemas.vocabulary import GROUPS

Cell = Callable[[ExportLine], str]


def cells_of(line: ExportLine, wording: Wording | None = None) -> list[str]:
    """The cells of a line, in the order of `COLUMNS`; reasons as stored without ``wording``.

    Cells are empty where the view of the line does not show them.
    """
    shown = _SHOWN[line.view]
    cells = [cell(line) if show else "" for cell, show in zip(_CELLS.values(), shown, strict=True)]
    if wording is not None and shown[_WHY] and wording.messages.language != STORED_LANGUAGE:
        cells[_WHY] = plain_cell(wording.why(line.item).whole)
    return cells


def _number(name: str) -> Cell:
    """Cell of a number of the item, empty for null."""

    def cell(line: ExportLine) -> str:
        value: int | None = getattr(line.item, name)
        return "" if value is None else str(value)

    return cell


def _text(name: str) -> Cell:
    """Cell of a text of the item, empty for null."""
    return lambda line: plain_cell(getattr(line.item, name) or "")


def _snippet(line: ExportLine) -> str:
    item = line.item
    offsets = ((span.get("start"), span.get("end")) for span in item.evidence)
    spans = [(start, end) for start, end in offsets if start is not None and end is not None]
    return snippet_cell(item.snippet, item.snippet_start, spans)


def _groups(line: ExportLine) -> str:
    groups = line.item.groups
    return plain_cell("; ".join(f"{name}={groups[name]}" for name in GROUPS if name in groups))


def _detectors(line: ExportLine) -> str:
    names = {f"{detector['name']} {detector['version']}" for detector in line.item.detectors}
    return plain_cell("; ".join(sorted(names)))


def _signals(line: ExportLine) -> str:
    return plain_cell("; ".join(sorted({span["signal"] for span in line.item.evidence})))


def _other_places(line: ExportLine) -> str:
    left_out = line.places - 1 - len(line.others)
    more = [f"and {left_out:,} more"] if left_out else []
    return plain_cell("; ".join([*map(_place, line.others), *more]))


def _place(other: OtherPlace) -> str:
    """Shard and row; the data set if it is another one, and the turn if there is one."""
    of_other = f"{other.dataset}: " if other.dataset is not None else ""
    turn = f" turn {other.turn}" if other.turn is not None else ""
    return f"{of_other}{other.shard} row {other.row_index}{turn}"


_CELLS: dict[str, Cell] = {
    "item_key": _text("item_key"),
    "row_version": lambda line: str(line.stored.row_version),
    **{name: lambda _: "" for name in DECISION_COLUMNS},
    "priority": _number("priority"),
    "kind": _text("kind"),
    "flagged": lambda line: "yes" if line.item.flagged else "no",
    "why": _text("why"),
    "snippet": _snippet,
    "language": _text("language"),
    "groups": _groups,
    "dataset": _text("dataset"),
    "shard": _text("shard"),
    "row_index": _number("row_index"),
    "row_id": _text("row_id"),
    "occurrence": _number("occurrence"),
    "field": _text("field"),
    "turn": _number("turn"),
    "detectors": _detectors,
    "signals": _signals,
    "text_digest": _text("text_digest"),
    "key_id": _text("key_id"),
    "evidence_fingerprint": _text("evidence_fingerprint"),
    "first_run": lambda line: guard(line.stored.first_run),
    "last_run": lambda line: guard(line.stored.last_run),
    "state": lambda line: str(line.standing.state),
    "places": lambda line: str(line.places),
    "other_places": _other_places,
}

_SHOWN = {view: tuple(is_shown(view, name) for name in _CELLS) for view in View}

COLUMNS = tuple(_CELLS)
"""Header of the CSV: the columns for the reviewer right after what identifies the row."""

_WHY = COLUMNS.index("why")
