"""What was looked at and what was not, where the review stands, and what all of it rests on."""

from scrubtrace.report.gathering import Gathered
from scrubtrace.review.report.model import Section, Table
from scrubtrace.schemas.messages import Messages
from scrubtrace.schemas.review import State
from scrubtrace.stats.counts import ranked

DEAD_SHARDS = 50


def coverage_sections(found: Gathered, messages: Messages) -> list[Section]:
    """Rows, texts, abstentions and dead letters."""
    balance, outcome = found.outcome.balance, found.outcome
    paragraphs = [
        messages.text(
            "{rows} rows in {shards} shards with {texts} texts. For every shard and detector, rows "
            "judged, abstained, dead and sampled out add up to the rows of the footer.",
            rows=messages.number(balance.rows), shards=messages.number(len(balance.shards)),
            texts=messages.number(balance.texts),
        )
    ]  # fmt: skip
    if balance.null_texts or balance.empty_texts:
        paragraphs.append(_empty_words(found, messages))
    warnings = []
    if outcome.dead_letters:
        warnings.append(
            messages.text(
                "{rows} rows and {shards} shards could not be read and were not judged; detectors "
                "failed on {errors} rows.",
                rows=messages.number(balance.dead.total()),
                shards=messages.number(len(outcome.dead_shards)),
                errors=messages.number(balance.detector_errors),
            )
        )
    tables = [_abstentions(found, messages)]
    if outcome.dead_shards:
        tables.append(_dead_shards(found, messages))
    title = messages.text("Coverage")
    return [
        Section(
            "coverage", title, tuple(paragraphs), tuple(warnings),
            tables=tuple(table for table in tables if table.rows),
        )
    ]  # fmt: skip


def _empty_words(found: Gathered, messages: Messages) -> str:
    """What became of texts that have nothing to judge."""
    null, empty = found.outcome.balance.null_texts, found.outcome.balance.empty_texts
    if found.empty_apart:
        return messages.text(
            "Of these texts {null} are null and {empty} are empty: no share counts them.",
            null=messages.number(null), empty=messages.number(empty),
        )  # fmt: skip
    return messages.text(
        "Of these texts {null} are null and {empty} are empty; shares count them, since an earlier "
        "version scanned some of the shards.",
        null=messages.number(null), empty=messages.number(empty),
    )  # fmt: skip


def _abstentions(found: Gathered, messages: Messages) -> Table:
    columns = (messages.text("detector"), messages.text("why it abstains"), messages.text("texts"))
    rows = [
        (name, messages.name("abstained", reason), messages.number(count))
        for name, tally in sorted(found.outcome.balance.detectors.items())
        for reason, count in ranked(tally.texts_abstained)
    ]
    return Table(columns, tuple(rows), frozenset(columns[2:]))


def _dead_shards(found: Gathered, messages: Messages) -> Table:
    columns = (messages.text("dead shard"), messages.text("why"))
    dead = found.outcome.dead_shards
    rows = tuple((one.name, messages.name("dead", one.reason)) for one in dead[:DEAD_SHARDS])
    left_out = len(dead) - len(rows)
    note = messages.plural("{count} more row is not shown.", "{count} more rows are not shown.",
                           left_out) if left_out else ""  # fmt: skip
    return Table(columns, rows, note=note)


def review_sections(found: Gathered, messages: Messages) -> list[Section]:
    """How many places are in which state, by kind."""
    kinds = sorted({kind for kind, _ in found.states})
    states = [state for state in State if any(found.states[kind, state] for kind in kinds)]
    if not states:
        return []
    columns = (messages.text("kind"), *(messages.name("state", state) for state in states))
    rows = tuple(
        (
            messages.name("kind", kind),
            *(messages.number(found.states[kind, state]) for state in states),
        )
        for kind in kinds
    )
    words = messages.text(
        "Flagged places in the review table, by what reviewers decided. Reviewers saw the "
        "evidence, so that what they agree with is not proved by it."
    )
    title = messages.text("Review")
    return [
        Section("review", title, (words,), tables=(Table(columns, rows, frozenset(columns[1:])),))
    ]


def method_sections(found: Gathered, messages: Messages) -> list[Section]:
    """What the figures rest on, what they cannot say, and the digests of everything."""
    return [
        Section(
            "methods",
            messages.text("Methods and limits"),
            (
                messages.text(
                    "A flag is a reason to look, never an accusation of a person. A style p-value "
                    "says how few of the trusted human rows score as high, a placeholder that a "
                    "text was de-identified, a phrase that it resembles LLM text, rarely whose."
                ),
                messages.text(
                    "Intervals of shares are exact (Clopper and Pearson, 1934). Rates of groups "
                    "differ by topic, length and language, too: compare like with like."
                ),
                messages.text(
                    "What no detector finds is not in any figure here: text that was paraphrased "
                    "until nothing is left, models that no reference holds, languages without "
                    "signatures or calibration, texts too short to judge."
                ),
            ),
            tables=(_digests(found, messages),),
        )
    ]


def _digests(found: Gathered, messages: Messages) -> Table:
    manifest = found.manifest
    digests = manifest.get("digests", {})
    rows = [
        (messages.text("newest run"), found.outcome.run),
        (messages.text("runs with current results"), ", ".join(found.runs)),
        (messages.text("committed at"), str(manifest.get("committed_at", ""))),
        (messages.text("plan"), str(manifest.get("plan_sha256", ""))),
        (messages.text("policy"), str(digests.get("policy", ""))),
        (messages.text("digest key"), str(digests.get("key_id", ""))),
        (messages.text("language identifier"), str(digests.get("language_identifier", ""))),
        (messages.text("head of the review log"), found.review_head),
    ]
    rows += [
        (messages.text("detector {name}", name=name), str(fingerprint))
        for name, fingerprint in sorted(digests.get("detectors", {}).items())
    ]
    return Table((messages.text("what"), messages.text("value")), tuple(rows))
