"""The shipped style model: it loads, is what its card says, and scores invented text."""

import hashlib
import importlib
import math
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style import loading
from scrubtrace.detectors.style.loading import SHIPPED, load_scorer
from scrubtrace.schemas.style import StyleError
from scrubtrace.style.card import RowGroup, card_text

ROOT = Path(__file__).parents[1]
OPEN = ("open_pack", "open_recipe", "open_select", "open_table")
CARD = (ROOT / "docs" / "model-card.md").read_text("utf-8")
TABLE = tomllib.loads((ROOT / "benchmarks" / "open_pack.toml").read_text("utf-8"))
MOST_BYTES = 10_000_000

PLAIN = (
    "We took the late bus because Ned had lost his keys again, third time this month. Nobody "
    "minded. It rained the whole way and the wipers squeaked, so we ended up singing over them, "
    "badly, till the driver told us to knock it off or walk. Fair enough really."
)
POLISHED = (
    "Effective communication plays a crucial role in fostering meaningful relationships within "
    "any community. Furthermore, it is important to note that active listening not only enhances "
    "mutual understanding but also promotes a sense of belonging. In conclusion, by embracing "
    "these essential principles, individuals can navigate challenges and cultivate lasting trust."
)


@pytest.fixture
def open_pack(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("open_pack")
    for name in OPEN:
        sys.modules.pop(name, None)


def shipped() -> bytes:
    return files("scrubtrace.detectors.style").joinpath(SHIPPED).read_bytes()


def test_it_is_small_and_its_digest_is_that_of_the_card() -> None:
    content = shipped()
    assert len(content) < MOST_BYTES
    digest = hashlib.sha256(content).hexdigest()[:16]
    assert load_scorer(None).digest == digest
    assert f"Digest {digest}, {len(content):,} bytes." in CARD


def test_it_knows_the_human_rows_that_it_was_fitted_on() -> None:
    told = CARD[CARD.index("| source | human rows | LLM rows |") :].split("\n\n")[0]
    counts = [line.split("|")[2].strip() for line in told.splitlines()[2:]]
    human = sum(int(count.replace(",", "")) for count in counts)
    # Short rows are not fitted on, but known as well; two texts may have one number.
    assert 0.99 * human <= len(loading.shipped().human_rows) <= 1.2 * human


def test_it_knows_english_only() -> None:
    scorer = load_scorer(None)
    assert scorer.languages == {"en"}
    scored = scorer.score(TextBatch([PLAIN] * 3, ["de", "zh", "en"]))
    assert scored.reasons == {0: "language_not_covered", 1: "language_not_covered"}


def test_it_ranks_invented_text_and_says_why() -> None:
    scored = load_scorer(None).score(TextBatch([PLAIN, POLISHED, "Too short."], ["en"] * 3))
    plain, polished, short = scored.scores.tolist()
    assert plain < polished
    assert math.isnan(short)
    assert scored.explain(1)


def test_the_card_names_every_group_with_its_licence_and_its_generators_terms() -> None:
    for group in TABLE["group"]:
        (line, *_) = lines = [one for one in CARD.splitlines() if f"| {group['name']} |" in one]
        assert f"| {group['licence']} (" in line, group["name"]
        if group["label"] == "llm":
            names = set(group.get("generators", ())) | set(group.get("paths", {}).values())
            for name in names:
                entry = TABLE["generators"][name]
                assert any(
                    name in one and entry["says"] in one and entry["date"] in one for one in lines
                )


def test_the_card_says_where_each_licence_was_read_and_what_is_not_known(
    open_pack: ModuleType,
) -> None:
    table = open_pack.read_table()
    for group in table.groups:
        own = f"| {group.label} | {group.name} |"
        lines = [line for line in CARD.splitlines() if line.startswith(own)]
        assert lines
        assert all(f"| {group.licence} ({group.read_in}) |" in line for line in lines)
        assert group.column in group.read_in + group.licence
        assert not group.not_known or f"- **{group.name}**: " in CARD
    for section in (open_pack.not_known_of(table), open_pack.ACCURACY, open_pack.LANGUAGES):
        assert f"\n{section}\n" in CARD
    assert f"\n{open_pack.TERMS}\n" in CARD
    assert loading.shipped().about == {"card": "docs/model-card.md", "terms": open_pack.TERMS}


def test_rows_of_another_licence_than_that_of_the_table_are_refused(
    open_pack: ModuleType, tmp_path: Path
) -> None:
    (group, *_) = [one for one in open_pack.read_table().groups if one.name == "ewt-human"]
    row = {"text": "Rain fell.", "label": "human", "generator": "human", "domain": "web",
           "lang": "en", "attack": "none", "licence": group.column}  # fmt: skip
    table = open_pack.Table((group,), {})
    for licence in (group.column, "none stated"):
        rows = pa.Table.from_pylist([row | {"licence": licence}])
        pq.write_table(rows, tmp_path / f"{group.file}.parquet")
        if licence == group.column:
            assert [one.text for one in open_pack.select(table, tmp_path, None)] == ["Rain fell."]
        else:
            with pytest.raises(
                ValueError, match="ewt-human: the licence of a row is 'none stated'"
            ):
                open_pack.select(table, tmp_path, None)


def test_no_group_is_of_a_service_that_forbids_it() -> None:
    for name in TABLE["generators"]:
        assert not any(
            word in name.lower() for word in ("gpt", "claude", "gemini", "palm", "davinci")
        )
    for group in TABLE["group"]:
        assert "NC" not in group["licence"]
        if group["label"] == "human":
            assert not group["licence"].startswith("none")


@pytest.mark.parametrize("language", ["German", "Indonesian", "Japanese", "Chinese"])
def test_the_card_says_which_languages_have_none(language: str) -> None:
    (line,) = [one for one in CARD.splitlines() if language in one and one.startswith("|")]
    assert "| none |" in line


def test_an_installation_without_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SHIPPED", "packs/missing.npz")
    loading.shipped.cache_clear()
    with pytest.raises(StyleError, match="install scrubtrace again"):
        load_scorer(None)


def test_a_card_without_groups_has_no_table_of_them() -> None:
    assert "its terms" not in card_text([], b"", "")
    group = RowGroup(
        "g", "s|t", "llm", 1_200, "MIT", "LICENSE", "a, b", "no clause", "README", "2026"
    )
    told = card_text([], b"", "", [group], "## More")
    assert r"| llm | g | s\|t | 1,200 | MIT (LICENSE) | a, b | no clause | README | 2026 |" in told
    assert "\n## More\n" in told


def test_doctor_says_that_it_is_for_english_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code_of("doctor")
    said = " ".join(capsys.readouterr().out.split())
    assert "calibrate the shipped model (English only)" in said
