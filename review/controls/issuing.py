"""Controls as lines of an export: those that come again, and new ones under fresh keys."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from scrubtrace.review.assigning import share_of
from scrubtrace.review.controls.choosing import Candidate, Look, choose, wanted_number
from scrubtrace.review.controls.known import Known
from scrubtrace.review.decisions.states import Standing
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.lines import ExportLine, Wanted
from scrubtrace.review.store import StoredItem
from scrubtrace.schemas.batches import Control, Issued, Origin
from scrubtrace.schemas.review import Opinion, ReviewItem, State


@dataclass
class Census:
    """What the lines of one file look like."""

    looks: Counter[Look] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)
    decided: list[tuple[Opinion, ...]] = field(default_factory=list)

    def add(self, line: ExportLine, look: Look) -> None:
        """Count a line."""
        self.looks[look] += 1
        self.versions[line.stored.row_version] += 1
        if line.standing.counted:
            self.decided.append(line.standing.counted)

    def decided_since(self, event: int, reviewer: str) -> int:
        """Number of lines that the reviewer, or with an empty name anybody, decided on since."""
        return sum(
            any(o.order[1] > event and reviewer in ("", o.reviewer) for o in opinions)
            for opinions in self.decided
        )


@dataclass(frozen=True)
class Given:
    """A control as a line, the reviewer whose file it stands in, and whether it is new."""

    issued: Issued
    line: ExportLine
    origin: Origin
    reviewer: str
    is_new: bool


@dataclass(frozen=True)
class Order:
    """What is asked for: the share of controls, which lines they stand among, whether blind."""

    share: float
    wanted: Wanted
    blind: bool


def give(connection: Connection, files: Mapping[str, Census], order: Order) -> list[Given]:
    """The controls of each file, by the name of its reviewer (empty for a file of nobody).

    Those that were given out before come again while their state is one that is wanted, new ones
    fill up. Raises ReviewError if there are too few that look like the lines.
    """
    known = Known(connection, order.blind)
    earlier = {name: list[Issued]() for name in files}
    for issued in known.alongside(order.wanted):
        earlier[_file_of(issued, files)].append(issued)
    given = [
        one for name, own in earlier.items() for one in _again(known, name, own, files[name], order)
    ]
    states = order.wanted.states
    if states and State.PENDING not in states:
        return given
    had = Counter(one.control_key for one in known.earlier)
    for name, census in files.items():
        here = {one.issued.control_key for one in given if one.reviewer == name}
        wanted = _wanted_now(known, name, earlier[name], census, order.share)
        seen = known.seen_by(name)
        alike = [
            Candidate(
                c.control_key, c.origin, known.look(c), seen[c.control_key], had[c.control_key]
            )
            for c in known.usable
            if c.control_key not in here and census.looks[known.look(c)]
        ]
        chosen = choose(census.looks, alike, wanted, secrets.SystemRandom())
        if len(chosen) < wanted:
            _refuse(name, wanted, alike, order.blind)
        for one in chosen:
            had[one.control_key] += 1
            control = known.controls[one.control_key]
            given.append(_new(control, census, name, order.wanted.batch))
    return given


def _file_of(issued: Issued, files: Mapping[str, Census]) -> str:
    """The reviewer in whose file a control stands that was given out before."""
    return issued.reviewer if issued.reviewer in files else share_of(issued.control_key, [*files])


def _wanted_now(
    known: Known, name: str, earlier: Sequence[Issued], census: Census, share: float
) -> int:
    """Number of controls that are new in a file.

    The share is one of all lines since controls were first given out: of those in the file, and
    those that were decided since. Otherwise a control that is decided would be replaced by another,
    and a key that no file had before, though there are no new lines, would be one of a control.
    """
    lines = census.looks.total()
    if earlier:
        first = min(one.event for one in earlier)
        lines += known.decided_since(first, name) - census.decided_since(first, name)
    return max(0, wanted_number(share, lines) - len(earlier))


def _again(
    known: Known, name: str, earlier: Sequence[Issued], census: Census, order: Order
) -> list[Given]:
    """Controls of a file that were given out before, whose state is wanted, and that lines look
    like; one that two files of before have stands in one file once."""
    given: dict[str, Given] = {}
    states = order.wanted.states
    for issued in earlier:
        control = known.controls[issued.control_key]
        if issued.control_key not in known.alone or not census.looks[known.look(control)]:
            continue
        standing = known.standing(issued)
        if not states or standing.state in states:
            line = line_of(control, issued, standing)
            again = Given(issued, line, control.origin, name, is_new=False)
            given.setdefault(issued.control_key, again)
    return list(given.values())


def _new(control: Control, census: Census, name: str, batch: str | None) -> Given:
    """A control under a fresh key, with a version of its row that lines of the file have."""
    rng = secrets.SystemRandom()
    (version,) = rng.choices(list(census.versions), list(census.versions.values()))
    key = "r" + secrets.token_hex(16)
    issued = Issued(key, control.control_key, version, batch, name)
    line = line_of(control, issued, Standing(State.PENDING))
    return Given(issued, line, control.origin, name, is_new=True)


def line_of(control: Control, issued: Issued, standing: Standing) -> ExportLine:
    """The line of a control; what it lacks is not shown in an export with controls."""
    item = ReviewItem(
        item_key=issued.item_key,
        dataset="",
        shard="",
        row_index=0,
        row_id=None,
        occurrence=0,
        field=control.field,
        turn=None,
        language=control.language,
        groups={},
        text_digest=control.text_digest,
        key_id=control.key_id,
        text_chars=control.text_chars,
        evidence_fingerprint=control.evidence_fingerprint,
        flagged=control.flagged,
        kind=control.kind,
        priority=control.priority,
        why=control.why,
        policy="",
        detectors=control.detectors,
        evidence=control.evidence,
        spans_left_out=control.spans_left_out,
        snippet=control.snippet,
        snippet_start=control.snippet_start,
    )
    stored = StoredItem(item, "", "", issued.row_version)
    return ExportLine(stored, control.control_key, standing, 1, ())


def _refuse(name: str, wanted: int, alike: Sequence[Candidate], blind: bool) -> None:
    """Raises ReviewError with the numbers that are needed and there."""
    origins = Counter(candidate.origin for candidate in alike)
    there = f"{origins[Origin.HUMAN]} human and {origins[Origin.LLM]} llm"
    whose = f" for {name}" if name else ""
    like = "language" if blind else "kind, priority and language"
    hint = "" if blind else ", export with --blind, where only the language counts,"
    raise ReviewError(
        f"too few controls{whose}: {wanted} more are needed, half of them human, that are like the "
        f"lines in {like}; there are {there}; add some with review controls add{hint} or give a "
        "smaller share with --controls"
    )
