"""What an index holds and how far it can be trusted, and what it says of one text, in words."""

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.reference.detector import Reference
from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.detectors.reference.trusted import scores_of
from scrubtrace.schemas.references import Manifest, Stratum
from scrubtrace.words import in_words

SHOWN_ROWS = 5
NO_TRUSTED = (
    "not calibrated: fewer than 100 --trusted rows; only texts with the same words, or with long "
    "passages, count"
)
NO_SAME_TASK = (
    "no thresholds of their own for answers to tasks of the index: fewer than 100 trusted rows "
    "answer one (--trusted-task-column)"
)


def described(manifest: Manifest) -> list[str]:
    """The manifest in lines of text."""
    prompts = sum(segment.prompts for segment in manifest.segments)
    lines = [
        f"{manifest.references:,} reference texts, {prompts:,} of them prompts, in "
        f"{len(manifest.segments):,} segments; 1 of {manifest.scale} shingles kept",
        f"basis: {manifest.basis}",
    ]
    met = (f"{name} {count:,}" for name, count in manifest.counts.items())
    lines.append(f"met: {', '.join(met)}")
    lines += [_of_stratum(stratum) for stratum in manifest.strata] or [NO_TRUSTED]
    if lacking := _without_same_task(manifest):
        lines.append(f"{', '.join(lacking)}: {NO_SAME_TASK}")
    return lines


def nearest_trusted(index: ReferenceIndex) -> list[str]:
    """The trusted rows that come nearest to a reference: perhaps they are not what they seem."""
    background = index.background
    if background is None:
        return []
    scores = scores_of(index, background)
    order = scores.argsort()[::-1][:SHOWN_ROWS].tolist()
    return [f"{background.places[row]}: score {scores[row]:.1f}" for row in order]


def traced(path: str, text: str, language: str | None = None) -> list[str]:
    """What the index says of one text, in lines; none if it says nothing."""
    code = normalise_code(language) if language else identify(text)
    evidence = Reference(path).detect(TextBatch([text], [code]))
    lines = [f"abstains: {row['reason']}" for row in evidence.abstained.to_pylist()]
    for entry in evidence.found.to_pylist():
        place = "" if entry["start"] is None else f"characters {entry['start']}-{entry['end']}: "
        score = "" if entry["score"] is None else f", score {entry['score']:.1f}"
        lines.append(f"{place}{in_words(entry)}{score}")
    return lines


def _without_same_task(manifest: Manifest) -> list[str]:
    own = {stratum.language for stratum in manifest.strata if stratum.same_task}
    return [s.language for s in manifest.strata if s.language and s.language not in own]


def _of_stratum(stratum: Stratum) -> str:
    task = " for tasks of the index" if stratum.same_task else ""
    about = f"{stratum.language or 'all languages'}: {stratum.negatives:,} trusted rows{task}; "
    loose = f"1% of them score above {stratum.loose:.2f}"
    if stratum.strict is None:
        return f"{about}{loose}; too few for a strict threshold (2,995 needed)"
    return f"{about}{loose}, at most {stratum.strict_bound:.2%} above {stratum.strict:.2f} (strict)"
