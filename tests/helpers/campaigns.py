"""A data set with a campaign about it, scanned, decided and checked through the command line."""

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from audits import Base
from samples import FLAGGED, PLAIN

from scrubtrace.config import load_config
from scrubtrace.policy import policy_digest

POLICY = policy_digest(load_config(None).policy)
AS_OF = "2030-06-15"

HEAD = f"""
format = 1
name = "spring"
purpose = "before training"
owner = "data governance"
from = 2020-01-01
to = 2030-12-31
policy_digest = "{POLICY}"
"""
DATA = """
[[dataset]]
name = "answers"
root = "data"
inputs = ["data/*.parquet"]
"""
SCAN = '[steps.scan]\ndetectors = ["boilerplate"]\n'
REVIEW = "[steps.review]\n"


def exception(name: str = "E-1", **own: Any) -> str:
    """An exception that is valid on `AS_OF` unless ``own`` changes it; None is no key."""
    given = {
        "id": name, "reason": "left out", "approver": "TICKET-1",
        "approved": date(2030, 1, 1), "expires": date(2030, 12, 31),
    }  # fmt: skip
    return _table("exception", given | own)


def action(name: str = "A-1", **own: Any) -> str:
    """An open action that is due after `AS_OF` unless ``own`` says otherwise."""
    given = {
        "id": name, "what": "ask the vendor", "owner": "vendor management",
        "due": date(2030, 7, 1), "state": "confirmed",
    }  # fmt: skip
    return _table("action", given | own)


def _table(name: str, values: dict[str, Any]) -> str:
    lines = [
        f"{key} = {value if isinstance(value, date) else json.dumps(value)}"
        for key, value in values.items()
        if value is not None
    ]
    return "\n".join([f"[[{name}]]", *lines, ""])


class Site(Base):
    """A folder with shards of four texts, two of them flagged, one of these of vendor south."""

    def shard(self, number: int, more: int = 0) -> Path:
        """Writes shard ``number``, with ``more`` rows."""
        path = self.folder / "data" / f"p{number}.parquet"
        path.parent.mkdir(exist_ok=True)
        texts = [f"{FLAGGED} {number}", f"{FLAGGED} Twice {number}.", PLAIN, "It rained all day."]
        table = {
            "text": [*texts, *["The bus was late."] * more],
            "note": ["n"] * (4 + more),
            "vendor": ["north", "south"] * 2 + ["north"] * more,
            "lang": ["en", "en", "en", "fr"] + ["en"] * more,
        }
        pq.write_table(pa.table(table), path)
        return path

    def scan(self, *names: str, options: tuple[str, ...] = ()) -> int:
        """Detects in shards by their names."""
        given = ("--root", self.folder / "data", "--dataset", "answers", "--group-by",
                 "vendor=vendor", "--language-column", "lang")  # fmt: skip
        shards = [self.folder / "data" / name for name in names or ("*.parquet",)]
        return self.run("detect", *shards, "--out", self.out, "--quiet", *given, *options)

    def write(self, *parts: str, head: str = HEAD, data: str = DATA) -> Path:
        """Writes the file of the campaign: head, data set, and parts."""
        path = self.folder / "spring.toml"
        path.write_text("\n".join([head, data, *parts]))
        return path

    def check(self, *options: object, out: str = "record.json") -> dict[str, Any]:
        """The record of a check as of `AS_OF`."""
        assert self.code(*options, "--out", self.folder / out) == 0
        found: dict[str, Any] = json.loads((self.folder / out).read_bytes())
        return found

    def code(self, *options: object) -> int:
        """The exit code of a check as of `AS_OF`."""
        about = (self.folder / "spring.toml", "--runs", self.out, "--as-of", AS_OF)
        return self.run("campaign", "check", *about, "--quiet", *options)

    def decide(
        self,
        decision: str,
        most: int = 1000,
        *options: str,
        who: str = "anna",
        reason: str = "",
    ) -> int:
        """Decides the first ``most`` lines of an export; gives how many there were."""
        path = self.folder / "flagged.csv"
        assert self.run("review", "export", "--out", path, *options) == 0
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows[:most]:
            row |= {"decision": decision, "reason": reason}
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        assert self.run("review", "import", path, "--reviewer", who) == 0
        return len(rows)


def step(record: dict[str, Any], name: str, about: str | None = None) -> dict[str, Any]:
    """One step of a record."""
    (found,) = [
        one for one in record["steps"] if one["step"] == name and about in (None, one["about"])
    ]
    result: dict[str, Any] = found
    return result
