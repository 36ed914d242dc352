"""Reading lists of rows from CSV, as people and spreadsheets write them."""

import csv
from pathlib import Path

from scrubtrace.exits import UsageStop

Row = dict[str, str]


def csv_rows(path: str) -> tuple[list[str], list[Row]]:
    """The names of the columns, and the rows, all with a cell for each; empty lines are left out.

    Raises `UsageStop`, with the line at which something is wrong.
    """
    names: list[str] = []
    rows: list[Row] = []
    last = 0
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                first, last = last + 1, reader.line_num
                if not names:
                    names = _header(path, cells)
                elif cells:
                    rows.append(_row(path, first, names, cells))
    except csv.Error:
        raise UsageStop(
            f"{path}, line {last + 1}: a double quote is missing or one too many, or a cell is too "
            "long"
        ) from None
    except OSError as error:
        raise UsageStop(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageStop(f"cannot read {path} as CSV in UTF-8") from None
    return names, rows


def _header(path: str, cells: list[str]) -> list[str]:
    if len(cells) == 1 and ";" in cells[0]:
        raise UsageStop(f"{path} has semicolons between its columns: save it with commas")
    return cells


def _row(path: str, number: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) != len(names):
        raise UsageStop(f"{path}, line {number}: not as many cells as the header has")
    return dict(zip(names, cells, strict=True))
