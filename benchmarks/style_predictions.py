"""Scores of labelled rows by a model fitted on others: ``make eval DATA=... PREDICTIONS=...``.

    python benchmarks/style_predictions.py DATA PREDICTIONS.parquet --train TRAIN

Both folders hold labelled Parquet files (columns text, label, lang; attack if there is one; source
if there is one, else each file is a source; see `labelled_files`). For every language of DATA a
model is fitted on TRAIN, and says how it does on sources of TRAIN that were held out; ``--model
FILE`` uses a fitted one, which this writes as PREDICTIONS.parquet.model.npz. Then each row of DATA
gets one row of PREDICTIONS:

    sha1       of the UTF-8 text, hex
    source, language
    score      higher is more like LLM text; also of texts too short to be judged
    p_value    among human rows of the same source, language and length, see below
    abstained  why the style lane does not judge the row, or null
    lanes      lanes that flag it, with the shipped policy and alpha for style; match needs an index

P-values come from DATA's own human rows, half by half: a row of one half (by its digest) is
compared with the human rows of the other half, so no row calibrates itself. A source with too few
human rows abstains.
"""

import argparse
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from labelled_files import labelled_files, labelled_rows, wrong_data_is_named
from style_rows import RELATIVES, is_mixed
from style_transfer import read_rows
from verdicts import evidence_of, flagged_kind

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style.loading import shipped
from scrubtrace.detectors.style.model import LanguageModel, StyleModel
from scrubtrace.detectors.style.packs import model_bytes, read_model, row_number
from scrubtrace.detectors.style.strata import HumanRows, calibrated, measures
from scrubtrace.schemas.style import KEEP, UNLIKE, StyleError
from scrubtrace.schemas.vocabulary import Abstained, Lane
from scrubtrace.stats.conformal import p_values, rows_needed, smallest_p
from scrubtrace.stats.intervals import interval
from scrubtrace.stats.ranking import auroc, share_found
from scrubtrace.style.calibrate import LEAST_ROWS_MERGED
from scrubtrace.style.labelled import Labelled
from scrubtrace.style.train import LEAST_ROWS, SHIPPED, base_of, train_language, with_known

BATCH = 256
FOLDS = 3
"""Fits with sources held out: only the parts' scales and a table rest on them."""

HUMAN, LLM = "human", "llm"
MIXED = "human+machine"
UNLIKE_CALIBRATION = "unlike_calibration"
SCHEMA = pa.schema(
    {
        "sha1": pa.string(),
        "source": pa.string(),
        "language": pa.string(),
        "score": pa.float64(),
        "p_value": pa.float64(),
        "abstained": pa.string(),
        "lanes": pa.list_(pa.string()),
    }
)


@dataclass
class Row:
    """A row of DATA and what is predicted of it."""

    text: str
    label: str
    source: str
    language: str
    attack: str
    score: float = np.nan
    words: int = 0
    p_value: float | None = None
    abstained: str | None = None
    lanes: tuple[str, ...] = ()

    @property
    def sha1(self) -> str:
        """Digest of the UTF-8 text, hex."""
        return hashlib.sha1(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def half(self) -> int:
        """0 or 1 by a digest of the text: equal texts are in the same half."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()[0] & 1


def read_data(folder: Path) -> list[Row]:
    """Every row; those whose attack begins with ``human+`` are neither label.

    Raises `LabelledError`.
    """
    return [
        Row(
            row["text"],
            MIXED if is_mixed(row["attack"]) else row["label"],
            row["source"],
            row["lang"],
            row["attack"],
        )
        for file in labelled_files(folder)
        for row in labelled_rows(file)
    ]


def fitted(
    folder: Path, judged: Sequence[Row], most: int
) -> tuple[dict[str, LanguageModel], set[int]]:
    """Models of the languages of DATA that have enough rows in a folder; tells how each does.

    The shipped model, if it has the language, is one of their parts. Also `row_number` of the human
    rows that models and parts were fitted on.
    """
    models, known = {}, set[int]()
    for language in sorted({row.language for row in judged}):
        rows = [
            Labelled(hashlib.sha256(text.encode()).digest()[:16], source, is_llm, text)
            for text, is_llm, source, _ in read_rows(folder, language, most)
        ]
        llm = sum(row.is_llm for row in rows)
        if min(llm, len(rows) - llm) < LEAST_ROWS:
            print(f"{language}: no model, {len(rows) - llm:,} human and {llm:,} LLM rows")
            continue
        print(f"{language}: fitting on {len(rows) - llm:,} human and {llm:,} LLM rows", flush=True)
        base = base_of(SHIPPED, language)
        trained = train_language(language, rows, RELATIVES, FOLDS, quiet=False, base=base)
        print("\n".join(with_known(trained, rows, SHIPPED).lines()), flush=True)
        models[language] = trained.model
        known |= {row_number(row.text) for row in rows if not row.is_llm}
        own = [row for row in judged if row.language == language]
        if met := len({row.text for row in rows} & {row.text for row in own}):
            print(
                f"{language}: {met:,} texts of {folder} are also in DATA: their scores are no test"
            )
        if base is not None:
            known |= shipped().human_rows
            for line in known_lines(own, shipped().human_rows, "the shipped part"):
                print(line)
    return models, known


def known_lines(rows: Sequence[Row], known: Set[int], what: str) -> Iterator[str]:
    """How many human rows of each language and source a model was fitted on, by `row_number`.

    A number has 32 bits: of many rows one may be met by chance. LLM rows are not known.
    """
    counts: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in rows:
        if row.label == HUMAN:
            counts[row.language, row.source].append(row_number(row.text) in known)
    for (language, source), met in sorted(counts.items()):
        if any(met):
            yield (
                f"{language}: {sum(met):,} of {len(met):,} human rows of {source} are among those "
                f"that {what} was fitted on: their scores are no test"
            )


def score(rows: Sequence[Row], model: StyleModel) -> npt.NDArray[np.float32]:
    """Fills in scores and why a row is not judged; gives covariates (rows, k)."""
    every = {code: replace(own, least_words=0) for code, own in model.models.items()}
    scorer = StyleModel(every, model.digest, model.about)
    covariates = []
    for at in range(0, len(rows), BATCH):
        batch = rows[at : at + BATCH]
        found = scorer.score(TextBatch([r.text for r in batch], [r.language for r in batch]))
        covariates.append(found.covariates)
        for place, row in enumerate(batch):
            row.score, row.words = float(found.scores[place]), int(found.words[place])
            row.abstained = found.reasons.get(place)
            own = model.models.get(row.language)
            if own is not None and row.words < own.least_words:
                row.abstained = str(Abstained.TOO_SHORT)
    return np.concatenate(covariates)


def rank(rows: Sequence[Row], covariates: npt.NDArray[np.float32], alpha: float) -> None:
    """Fills in p-values among the human rows of the other half, and the style lane's verdict."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if row.abstained is None:
            groups[row.language, row.source].append(place)
    for (language, source), places in groups.items():
        for half in (0, 1):
            judged = [place for place in places if rows[place].half == half]
            others = {
                rows[place].text: place
                for place in places
                if rows[place].half != half and rows[place].label == HUMAN
            }
            if judged:
                own = _human_rows(language, source, rows, covariates, list(others.values()))
                _rank(rows, covariates, judged, own, alpha)


def _human_rows(
    language: str,
    source: str,
    rows: Sequence[Row],
    covariates: npt.NDArray[np.float32],
    places: list[int],
) -> HumanRows:
    scores = np.array([rows[place].score for place in places])
    words = np.array([rows[place].words for place in places], np.int64)
    return HumanRows(language, source, scores, words, covariates[places].astype(np.float64))


def _rank(
    rows: Sequence[Row],
    covariates: npt.NDArray[np.float32],
    places: list[int],
    human: HumanRows,
    alpha: float,
) -> None:
    """As the detector: by stratum, and rows unlike their stratum do not flag."""
    strata = calibrated(human, max(rows_needed(alpha), LEAST_ROWS_MERGED))
    for place in places:
        row = rows[place]
        own = [s for s in strata if s.stratum.low <= row.words < (s.stratum.high or np.inf)]
        if not own or smallest_p(own[0].n) > KEEP:
            row.abstained = str(Abstained.NOT_CALIBRATED)
            continue
        row.p_value = float(p_values(np.array([row.score]), own[0].scores)[0])
        about = measures(covariates[place][None], np.array([row.words]))
        if own[0].typical.p_values(about)[0] <= UNLIKE:
            row.abstained = UNLIKE_CALIBRATION
        elif row.p_value <= alpha:
            row.lanes = (str(Lane.STYLE),)


def flag(rows: Sequence[Row]) -> None:
    """Adds the trace lane where the shipped policy flags a text."""
    for at in range(0, len(rows), BATCH):
        batch = rows[at : at + BATCH]
        found = evidence_of([r.text for r in batch], [r.language for r in batch])
        for row, evidence in zip(batch, found, strict=True):
            if flagged_kind(evidence):
                row.lanes = (str(Lane.TRACE), *row.lanes)


def write(rows: Sequence[Row], path: Path) -> None:
    """One row of PREDICTIONS for each row, in their order."""
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in SCHEMA.names if name != "lanes"
    }
    columns["score"] = [None if np.isnan(row.score) else row.score for row in rows]
    columns["lanes"] = [list(row.lanes) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, schema=SCHEMA), path)


def table(rows: Sequence[Row], alpha: float) -> Iterator[str]:
    """Each source and attack; *judged* is the share of its LLM rows that did not abstain."""
    yield (
        f"{'lang':4} {'source':24} {'attack':30} {'human':>6} {'llm':>6} {'judged':>6} "
        f"{'AUROC':>6} {'1%':>5} {'5%':>5} {'human flagged by style':>25} {'by trace':>9} "
        f"{'llm style':>9} {'any lane':>8}"
    )
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.language, row.source].append(row)
    found = []
    for (language, source), own in sorted(groups.items()):
        human = [row for row in own if row.label == HUMAN]
        llm = [row for row in own if row.label == LLM]
        attacks = sorted({row.attack for row in llm})
        cells = [("all", llm), *((a, [r for r in llm if r.attack == a]) for a in attacks)]
        for attack, some in cells if len(attacks) > 1 else cells[:1]:
            values = _rates(human, some)
            if attack == "all" and not np.isnan(values).any():
                found.append((language, *values))
            yield _line((language, source, attack), human, some, values)
        if mixed := [row for row in own if row.label == MIXED]:
            yield _line((language, source, MIXED), human, mixed, _rates(human, mixed))
    for language in sorted({entry[0] for entry in found}):
        means = np.mean([entry[1:] for entry in found if entry[0] == language], axis=0)
        count = sum(entry[0] == language for entry in found)
        area, one, five = means
        yield f"{language:4} mean of {count} sources: AUROC {area:.3f}, {one:.2f} at 1%, {five:.2f}"
    yield f"human flagged by style at alpha {alpha:g}, of those judged, with its 95% interval"


def _rates(human: Sequence[Row], llm: Sequence[Row]) -> tuple[float, float, float]:
    """AUROC and shares found of all rows with a score, also of those that are not judged."""
    negative, positive = (
        np.array([row.score for row in some if not np.isnan(row.score)]) for some in (human, llm)
    )
    one, five = (share_found(negative, positive, rate).value for rate in (0.01, 0.05))
    return auroc(negative, positive).value, one, five


def _line(
    names: tuple[str, str, str],
    human: Sequence[Row],
    llm: Sequence[Row],
    values: tuple[float, float, float],
) -> str:
    judged = [row for row in human if row.abstained is None]
    flagged = sum(Lane.STYLE in row.lanes for row in judged)
    low, high = interval(flagged, len(judged)) if judged else (0.0, 1.0)
    told = f"{flagged} of {len(judged):,} ({low:.1%}-{high:.1%})" if judged else "-"
    trace = sum(Lane.TRACE in row.lanes for row in human)
    count = max(len(llm), 1)
    covered = sum(row.abstained is None for row in llm) / count
    by_style = sum(Lane.STYLE in row.lanes for row in llm) / count
    by_any = sum(bool(row.lanes) for row in llm) / count
    area, one, five = values
    return (
        f"{names[0]:4} {names[1][:24]:24} {names[2][:30]:30} {len(human):6,} {len(llm):6,} "
        f"{covered:6.2f} {area:6.3f} {one:5.2f} {five:5.2f} {told:>25} {trace:9,} "
        f"{by_style:9.2f} {by_any:8.2f}"
    )


def given_model(file: str, rows: Sequence[Row]) -> StyleModel:
    """The model of a file; tells which human rows of DATA it was fitted on."""
    model = read_model(file)
    if not model.human_rows:
        print(f"{file} does not say which human rows it was fitted on: DATA may hold some of them")
    for line in known_lines(rows, model.human_rows, "the model"):
        print(line)
    return model


def _check_places(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Ends with 2 where the predictions would be read as data, or cannot be written."""
    own = given.predictions.resolve()
    for name, folder in (("DATA", given.data), ("TRAIN", given.train)):
        if folder is not None and folder.resolve() in own.parents:
            parser.error(
                f"{given.predictions} is within {name} ({folder}), whose Parquet files are "
                "labelled rows: name a file elsewhere"
            )
    if own.is_dir():
        parser.error(f"{given.predictions} is a folder: name a file")


@wrong_data_is_named()
def main() -> None:
    """Fits, predicts, writes, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--train", type=Path, help="labelled rows that the model is fitted on")
    parser.add_argument("--model", type=Path, help="a fitted model, instead of --train")
    parser.add_argument("--most", type=int, default=4_000, help="rows of a source and label")
    parser.add_argument("--alpha", type=float, default=0.01)
    given = parser.parse_args()
    _check_places(parser, given)
    rows = read_data(given.data)
    if not rows:
        parser.error(f"{given.data} has no Parquet file with rows")
    if given.model is None:
        if given.train is None or not any(given.train.glob("*.parquet")):
            parser.error("--train (make: TRAIN=) names no folder with Parquet files")
        models, known = fitted(given.train, rows, given.most)
        given.model = given.predictions.with_name(given.predictions.name + ".model.npz")
        given.model.parent.mkdir(parents=True, exist_ok=True)
        given.model.write_bytes(model_bytes(models, {"fitted on": given.train.name}, known))
        model = read_model(str(given.model))
    else:
        try:
            model = given_model(str(given.model), rows)
        except StyleError as error:
            parser.error(str(error))
    covariates = score(rows, model)
    rank(rows, covariates, given.alpha)
    flag(rows)
    write(rows, given.predictions)
    print("\n".join(table(rows, given.alpha)))
    print(f"{given.predictions}: {len(rows):,} rows")


if __name__ == "__main__":
    main()
