"""``audit run`` on made shards: a data set, references of both kinds, a batch with controls."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from audit_runs import GROUPS, audited, controls_added, decided, scanned, shard, texts
from audits import Base

from scrubtrace.beam_pipelines.layout import read_table, runs_of, table_bytes
from scrubtrace.exits import Exit
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.stats.intervals import lower_bound, upper_bound
from scrubtrace.stats.prevalence.lower_bound import prevalence_lower_bound
from scrubtrace.stats.prevalence.rogan_gladen import Flags, rogan_gladen

KEY = "ab" * 32


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of two vendors and two languages, 60 of 260 English texts flagged, and references."""
    made = Base(tmp_path_factory.mktemp("scans"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRUBTRACE_KEY", KEY)
        made.make_seed()
        data = (
            {"texts": texts(40, 160, "a")},
            {"texts": texts(20, 100, "b"), "vendor": "south"},
            {"texts": texts(0, 40, "c"), "vendor": "south", "lang": "de"},
        )
        scanned(made, "data", *data)
        scanned(made, "human", {"texts": texts(2, 200, "d"), "source": "essays"})
        scanned(made, "llm", {"texts": texts(70, 100, "e"), "source": "model"})
        scanned(made, "few", {"texts": texts(1, 49, "f")})
        scanned(made, "fewer_llm", {"texts": texts(5, 120, "g")})
        other = {"texts": texts(9, 90, "i"), "source": "x"}
        scanned(made, "web", {"texts": texts(3, 150, "h")}, other)
        more = ("--set", "scan.detectors=['boilerplate']")
        scanned(made, "other", {"texts": texts(0, 5, "k")}, more=more)
    return made.folder


@pytest.fixture
def base(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Base:
    """The same scans for one test alone."""
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)
    shutil.copytree(scans, tmp_path, dirs_exist_ok=True)
    return Base(tmp_path)


def test_bounds_and_estimates_by_language(base: Base, capsys: pytest.CaptureFixture[str]) -> None:
    both = ("--human-reference", "human", "--llm-reference", "llm", "--dataset", "data")
    found = audited(base, *both)
    english = found["language=en"]
    assert (english["texts"], english["flagged"], english["by_rule"]) == (260, 60, 60)
    expected = prevalence_lower_bound(60, 260, 2, 200)
    assert english["figures"]["lower_bound"]["lower"] == expected.lower
    assert english["figures"]["lower_bound"]["assumes"] == ["human_alike", "independent"]
    estimate = english["figures"]["estimate_by_flags"]
    rogan = rogan_gladen(Flags(60, 260, 2, 200, 70, 100))
    assert estimate["estimate"] == pytest.approx(rogan.estimate)
    assert estimate["lower"] < estimate["estimate"] < estimate["upper"]
    assert "llm_alike" in estimate["assumes"]
    german = found["language=de"]["figures"]
    assert german["lower_bound"]["refusal"] == "no_human_reference"
    assert german["lower_bound"]["lower"] is None
    assert german["estimate_by_flags"]["estimate"] is None
    whole = found["all"]["figures"]
    share = 260 / 300
    by_part = prevalence_lower_bound(60, 260, 2, 200, 1 - 0.05 * share).lower
    assert by_part is not None
    assert whole["lower_bound"]["lower"] == pytest.approx(by_part * share)
    assert whole["lower_bound"]["detail"].startswith("nothing is claimed of 40 texts of de")
    assert whole["estimate_by_flags"]["refusal"] == "no_human_reference"
    assert english["figures"]["estimate_by_scores"]["refusal"] == "no_scores"
    said = capsys.readouterr().out
    assert "no lower bound for language=de: no human reference matches" in said
    assert "not checked for en, de: whether the texts are like the human reference" in said
    assert "same generators" in said
    again = json.dumps(audited(base, *both))
    assert again == json.dumps(found)


@pytest.mark.parametrize(
    ("options", "refusals"),
    [
        ((), ("no_human_reference", "no_human_reference")),
        (("--human-reference", "human"), (None, "no_llm_reference")),
        (("--human-reference", "human=essays"), ("no_human_reference", "no_human_reference")),
        (("--human-reference", "few"), ("small_human_reference", "small_human_reference")),
        (("--human-reference", "fewer_llm", "--llm-reference", "few"),
         (None, "small_llm_reference")),
        (("--human-reference", "human", "--llm-reference", "fewer_llm"), (None, "not_separated")),
    ],
)  # fmt: skip
def test_no_number_without_matching_references(
    base: Base, options: tuple[str, ...], refusals: tuple[str | None, str | None]
) -> None:
    figures = audited(base, "--dataset", "data", *options)["language=en"]["figures"]
    kinds = ("lower_bound", "estimate_by_flags")
    assert tuple(figures[kind]["refusal"] for kind in kinds) == refusals
    for kind, refusal in zip(kinds, refusals, strict=True):
        numbers = [figures[kind][end] for end in ("estimate", "lower", "upper")]
        assert (numbers == [None] * 3) == (refusal is not None)
        assert bool(figures[kind]["words"]) == (refusal is not None)


def test_a_source_stands_for_itself(base: Base) -> None:
    found = audited(base, "--dataset", "data", "--human-reference", "web=web")
    bound = found["language=en"]["figures"]["lower_bound"]
    assert bound["lower"] == prevalence_lower_bound(60, 260, 3, 150).lower
    assert found["language=en"]["parts"][0]["source"] == "web"


@pytest.mark.parametrize(
    "options", [("--human-before", "2022-11"), ("--human-source", "archive")]
)  # fmt: skip
def test_trusted_texts_of_the_same_data_set_are_not_judged(
    tmp_path: Path, key: DigestKey, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(tmp_path)
    old = {"texts": texts(1, 120, "a"), "day": "2019-03-01", "source": "archive"}
    scanned(base, "data", old, {"texts": texts(30, 100, "b")})
    found = audited(base, *options)["language=en"]
    assert (found["texts"], found["flagged"], found["by_rule"]) == (100, 30, 30)
    assert (found["trusted"], found["figures"]["flagged"]["estimate"]) == (120, 0.3)
    bound = found["figures"]["lower_bound"]
    assert (bound["n"], bound["lower"]) == (100, prevalence_lower_bound(30, 100, 1, 120).lower)
    said = capsys.readouterr().out
    assert re.search(r"all +100 +30 +30\.000%", said)
    assert "120 texts are the human reference and are not judged: they are not among" in said


def test_a_batch_of_trusted_texts_as_well_says_nothing_of_the_others(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(tmp_path)
    base.make_seed()
    old = {"texts": texts(0, 120, "a"), "day": "2019-03-01"}
    scanned(base, "data", old, {"texts": texts(30, 40, "b")})
    assert base.plan("march", "--by", "none", "--total", 60) == 0
    given = ("march", "--human-before", "2022-11", "--sensitivity", 1)
    figures = audited(base, *given)["all"]["figures"]
    assert figures["lower_bound"]["lower"] > 0.5
    for name in ("reviewed", "upper_bound"):
        assert (figures[name]["refusal"], figures[name]["upper"]) == ("drawn_from_trusted", None)
    assert "no upper bound for all: the batch was drawn from texts as" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name the data set with --dataset"),
        (("--dataset", "data", "--human-reference", "data"), "cannot be its own reference"),
        (("--dataset", "data", "--human-reference", "human=web"), "has no texts of source 'web'"),
        (("--dataset", "data", "--human-reference", "other"), "different detectors or options"),
        (("--dataset", "data", "--human-reference", "none"), "no run of data set 'none'"),
        (("--dataset", "data", "--human-reference", "human="), "takes DATASET or DATASET=SOURCE"),
        (("--dataset", "data", "--human-before", "2022"), "takes a month, as 2022-11"),
        (("--dataset", "data", "--human-before", "2022-11"), "has no texts that --human-before"),
        (("--dataset", "data", "--human-before", "2022-11", "--human-reference", "human"),
         "not both"),
        (("--dataset", "data", "--by", "task"), "--by takes vendor"),
        (("--dataset", "data", "--by", "vendor", "--set", "privacy.pseudonymous=['vendor']"),
         "--by vendor: it names people"),
        (("--dataset", "data", "--by", "stage"), "the run has no such column"),
        (("--dataset", "data", "--sensitivity", "0.8"), "--sensitivity is about the reviewers"),
        (("--dataset", "data", "--set", "policy.proof_hits=2"), "the policy is not the one"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(
    base: Base, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert base.run("audit", "run", "--out", base.out, *options) == Exit.USAGE
    assert said in capsys.readouterr().err


def test_references_need_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = Base(tmp_path)
    assert base.run("audit", "run") == Exit.USAGE
    assert "name a batch, or the folder of the runs" in capsys.readouterr().err
    assert base.run("audit", "run", "b", "--human-reference", "human") == Exit.USAGE
    assert "name it with --out" in capsys.readouterr().err
    assert base.run("audit", "run", "b", "--out", tmp_path / "no") == Exit.USAGE
    assert "there is no folder" in capsys.readouterr().err


def test_an_audit_from_seed_to_result(base: Base, capsys: pytest.CaptureFixture[str]) -> None:
    assert base.plan("march", "--dataset", "data", "--by", "vendor,language", "--total", 90) == 0
    references = ("--human-reference", "human", "--llm-reference", "llm")
    empty = audited(base, "march", *references)
    assert empty["all"]["figures"]["upper_bound"]["refusal"] == "not_decided"
    assert empty["vendor=north, language=en"]["figures"]["lower_bound"]["lower"] > 0
    controls_added(base, 60)
    decided(base, "march", missed=3)
    capsys.readouterr()
    found = audited(base, "march", *references)
    said = capsys.readouterr().out
    whole = found["all"]
    assert (whole["texts"], whole["flagged"], whole["drawn"]) == (300, 60, 90)
    measured = whole["sensitivity"]
    assert (measured["given"], measured["of"]) == (None, "of this batch")
    assert measured["controls"] - measured["found"] == 3
    (total,) = found["drawn_from_all"]
    least = lower_bound(measured["found"], measured["controls"], 0.975)
    upper = whole["figures"]["upper_bound"]
    assert upper["upper"] == pytest.approx(min(total["upper"] / least, 1))
    assert upper["assumes"] == ["controls_alike"]
    north = found["vendor=north, language=en"]
    assert north["sensitivity"]["of"] == "of this batch in en"
    exact = min(upper_bound(north["hits"], north["decided"], 0.975) / least, 1)
    assert north["figures"]["upper_bound"]["upper"] == pytest.approx(exact)
    assert found["batch"]["seed"]["sha256"]
    assert "value" not in found["batch"]["seed"]
    assert found["batch"]["event"] > 0
    assert found["data"]["runs_with_results"]
    assert not found["notes"]
    assert "reviewers found" in said
    assert str(base.folder) not in json.dumps(found)
    given = audited(base, "march", "--sensitivity", "0.5")
    (total,) = given["drawn_from_all"]
    bound = given["all"]["figures"]["upper_bound"]["upper"]
    assert total["rate"] / 0.5 < bound == total["upper_corrected"] < total["upper"] / 0.5
    assert given["all"]["figures"]["lower_bound"]["refusal"] == "no_human_reference"


def test_few_controls_give_no_upper_bound(base: Base) -> None:
    assert base.plan("march", "--dataset", "data", "--by", "none", "--total", 30) == 0
    controls_added(base, 10)
    decided(base, "march", missed=0, share="0.2")
    figure = audited(base, "march")["all"]["figures"]["upper_bound"]
    assert (figure["refusal"], figure["upper"]) == ("few_controls", None)
    assert "of 20" in figure["detail"]


def test_a_batch_of_other_texts_than_the_runs_count(base: Base) -> None:
    assert base.plan("march", "--dataset", "data", "--by", "vendor", "--total", 10) == 0
    more = base.folder / "data" / "b.parquet"
    shard(more, {"texts": texts(1, 30, "z")})
    shards = base.folder / "data" / "*.parquet"
    assert base.detect(shards, "--dataset", "data", *GROUPS) == 0
    found = audited(base, "march", "--human-reference", "human")
    north, south = (found[f"vendor={name}"]["figures"] for name in ("north", "south"))
    assert north["lower_bound"]["refusal"] == "not_counted"
    assert "they count 190 texts, the batch was drawn from 160" in north["lower_bound"]["detail"]
    assert south["lower_bound"]["refusal"] is None
    assert {"other_runs", "other_shards"} <= set(found["notes"])


def test_texts_with_nothing_in_them(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(tmp_path)
    base.make_seed()
    nothing = {"texts": [None, "", None], "lang": None}
    scanned(base, "data", {"texts": texts(8, 97, "a")}, nothing)
    scanned(base, "human", {"texts": texts(1, 200, "b")})
    scanned(base, "llm", {"texts": texts(60, 80, "c")})
    scanned(base, "holes", {"texts": [*texts(1, 80, "d"), None]})
    references = ("--human-reference", "human", "--llm-reference", "llm")
    assert base.plan("march", "--dataset", "data", "--by", "vendor", "--total", 10) == 0
    found = audited(base, "march", *references, "--max-error", 1)["vendor=north"]
    assert (found["texts"], found["flagged"]) == (97, 8)
    estimate = found["figures"]["estimate_by_flags"]
    assert (estimate["n"], estimate["refusal"]) == (97, None)
    bound = found["figures"]["lower_bound"]
    assert (bound["n"], bound["detail"]) == (97, "")
    without = audited(base, "--dataset", "data", "--human-reference", "holes")
    assert without["all"]["texts"] == 97
    assert without["all"]["parts"][0]["human"]["judged"] == 80
    counts_of_earlier_versions(base)
    given = ("--out", base.out, "--dataset", "data", "--human-reference", "holes")
    assert base.run("audit", "run", *given) == Exit.USAGE
    assert "1 of 81 texts of data set holes are null or empty" in capsys.readouterr().err
    capsys.readouterr()
    again = audited(base, "march", "--human-reference", "human")["vendor=north"]
    assert "note: some shards were scanned by an earlier version" in capsys.readouterr().out
    bound_with_empty = again["figures"]["lower_bound"]
    assert bound_with_empty["lower"] < bound["lower"]
    assert "nothing is claimed of 3 texts of und" in bound_with_empty["detail"]


def counts_of_earlier_versions(base: Base) -> None:
    """Counts that have null and empty texts among the others, with receipts that fit."""
    for folder in runs_of(str(base.out)):
        for unit in sorted(folder.scanned_units()):
            table = read_table(Path(folder.counts(unit)).read_bytes())
            content = table_bytes(table.drop_columns(["empty_judged", "empty_abstained"]))
            Path(folder.counts(unit)).write_bytes(content)
            receipt = folder.read_receipt(unit)
            receipt.counts_sha256 = hashlib.sha256(content).hexdigest()
            Path(folder.receipt(unit)).write_bytes(receipt.to_json())
