"""Controls as lines of an export: those that come again, and new ones under fresh keys."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from scrubtrace.review.assigning import share_of
from scrubtrace.review.controls.choosing import (
    Candidate,
    Look,
    choose,
    look_of,
    wanted_number,
)
from scrubtrace.review.controls.store import all_issued, controls_by_key
from scrubtrace.review.decisions.states import Place, Standing, standing_of
from scrubtrace.review.decisions.stored import opinions_about
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.lines import ExportLine
from scrubtrace.review.store import StoredItem
from scrubtrace.review.table import review_controls, review_items
from scrubtrace.review.texts import chunks, digests_of, text_ids
from scrubtrace.schemas.batches import Control, Issued, Origin
from scrubtrace.schemas.review import Opinion, ReviewItem, State


@dataclass
class Census:
    """What the lines of one file look like."""

    looks: Counter[Look] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)

    def add(self, line: ExportLine, look: Look) -> None:
        """Count a line."""
        self.looks[look] += 1
        self.versions[line.stored.row_version] += 1


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
    """What is asked for: the share of controls, the states of lines, the batch, whether blind."""

    share: float
    states: frozenset[State]
    batch: str | None
    blind: bool


def give(connection: Connection, files: Mapping[str, Census], order: Order) -> list[Given]:
    """The controls of each file, by the name of its reviewer (empty for a file of nobody).

    Those that were given out before come again while their state is one that is wanted, new ones
    fill up. Raises ReviewError if there are too few that look like the lines.
    """
    known = _Known(connection, order.blind)
    given = _again(known, files, order)
    if order.states and State.PENDING not in order.states:
        return given
    had = Counter(one.control_key for one in known.earlier)
    for name, census in files.items():
        here = {one.issued.control_key for one in given if one.reviewer == name}
        wanted = max(0, wanted_number(order.share, census.looks.total()) - len(here))
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
            given.append(_new(control, census, name, order.batch))
    return given


def _texts_of_data(connection: Connection, controls: Iterable[Control]) -> set[str]:
    """Digests of those controls whose text some item has, under whichever key."""
    ids = text_ids(connection, (one.text_digest for one in controls))
    members = digests_of(connection, set(ids.values()))
    known: set[str] = set()
    for chunk in chunks(sorted(set().union(*members.values()))):
        query = select(review_items.c.text_digest).where(review_items.c.text_digest.in_(chunk))
        known.update(connection.execute(query).scalars())
    return {digest for digest, of_text in ids.items() if known & members[of_text]}


class _Known:
    """The controls there are, what was given out before, and what was decided on it."""

    def __init__(self, connection: Connection, blind: bool) -> None:
        keys = connection.execute(select(review_controls.c.control_key)).scalars().all()
        self.controls = controls_by_key(connection, keys)
        data = _texts_of_data(connection, self.controls.values())
        # A text that is an item as well would stand in the file twice.
        self.alone = {key for key, one in self.controls.items() if one.text_digest not in data}
        # A text that was erased cannot be decided on; it comes again, as items without text do.
        self.usable = [
            one for key, one in self.controls.items() if key in self.alone and one.snippet
        ]
        self.earlier = [i for i in all_issued(connection) if i.control_key in self.controls]
        self._blind = blind
        self._opinions: dict[str, list[Opinion]] = {}
        for opinion in opinions_about(connection, [], [one.item_key for one in self.earlier]):
            self._opinions.setdefault(opinion.item_key, []).append(opinion)

    def look(self, control: Control) -> Look:
        """The look that a control has as a line."""
        about = (control.flagged, control.kind, control.priority, control.language)
        return look_of(*about, self._blind)

    def seen_by(self, reviewer: str) -> Counter[str]:
        """How often a reviewer has had each control: assigned, or decided on."""
        return Counter(
            one.control_key
            for one in self.earlier
            if one.reviewer == reviewer
            or any(o.reviewer == reviewer for o in self._opinions.get(one.item_key, ()))
        )

    def standing(self, issued: Issued) -> Standing:
        """The state of a line that is a control, from the decisions on this line alone."""
        control = self.controls[issued.control_key]
        place = Place(issued.item_key, control.control_key, control.evidence_fingerprint)
        return standing_of(place, self._opinions.get(issued.item_key, ()))


def _again(known: _Known, files: Mapping[str, Census], order: Order) -> list[Given]:
    """Controls that were given out before and whose state is wanted, where lines look like them.

    A control that two files of before have stands in one file once.
    """
    given: dict[tuple[str, str], Given] = {}
    for issued in known.earlier:
        standing = known.standing(issued)
        control = known.controls[issued.control_key]
        if issued.control_key not in known.alone:
            continue
        name = issued.reviewer
        if name not in files:
            name = share_of(control.control_key, list(files))
        is_wanted = not order.states or standing.state in order.states
        if is_wanted and issued.batch == order.batch and files[name].looks[known.look(control)]:
            line = line_of(control, issued, standing)
            again = Given(issued, line, control.origin, name, is_new=False)
            given.setdefault((name, control.control_key), again)
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
