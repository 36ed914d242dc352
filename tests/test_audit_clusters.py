"""``audit run --cluster`` on made shards: texts of labelers, and references with writers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audits import Base
from samples import FLAGGED, PLAIN

from scrubtrace.audit.clusters import ClusterBy, Grouped, PartClusters
from scrubtrace.audit.figures import Refusal, What, Why
from scrubtrace.audit.flags import Histogram, Tally
from scrubtrace.audit.part import Part
from scrubtrace.audit.parts import estimate, lower_bound
from scrubtrace.exits import Exit, UsageStop
from scrubtrace.stats.prevalence.clusters import Clusters
from scrubtrace.stats.prevalence.lower_bound import clustered_lower_bound
from scrubtrace.stats.prevalence.result import Reason

ALL = ("--group-by", "labeler=who,source=kind", "--language-column", "lang")


def shard(path: Path, flagged: list[int], each: int, nobody: int = 0) -> None:
    """So many texts a labeler, of which so many are flagged; and texts of nobody."""
    path.parent.mkdir()
    texts, who = [], []
    for labeler, number in enumerate(flagged):
        for n in range(each):
            texts.append(f"{FLAGGED if n < number else PLAIN} Number {labeler} of {n}.")
            who.append(f"secret-{labeler}")
    texts += [f"{PLAIN} Nobody's {n}." for n in range(nobody)]
    columns = {"text": texts, "who": [*who, *[None] * nobody], "kind": ["k"] * len(texts)}
    pq.write_table(pa.table(columns | {"lang": ["en"] * len(texts)}), path)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """40 labelers, of whom 8 have most of the flags; references with and without writers."""
    made = Base(tmp_path_factory.mktemp("clusters"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRUBTRACE_KEY", "ab" * 32)
        made.make_seed()
        for name, numbers, each, nobody, groups in (
            ("data", [4] * 8 + [0] * 32, 5, 2, ALL),
            ("human", [1] * 2 + [0] * 33, 6, 0, ALL),
            ("few", [1] * 2 + [0] * 5, 30, 0, ALL),
            ("unnamed", [0] * 40, 2, 20, ALL),
            ("llm", [9] * 10, 10, 0, ("--group-by", "source=kind", "--language-column", "lang")),
        ):
            path = made.folder / name / "a.parquet"
            shard(path, numbers, each, nobody)
            assert made.detect(path, "--dataset", name, *groups) == 0
    return made


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def audited(base: Base, *options: object) -> dict[str, Any]:
    path = base.folder / "audit.json"
    given = ("--out", base.out, "--dataset", "data", "--json", path)
    assert base.run("audit", "run", *given, *options) == 0
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_labelers_widen_every_figure(base: Base, capsys: pytest.CaptureFixture[str]) -> None:
    plain = audited(base, "--human-reference", "human")["entries"][-1]
    found = audited(base, "--human-reference", "human", "--cluster", "labeler")
    said = capsys.readouterr().out
    whole = found["entries"][-1]
    for name, end in (("flagged", "lower"), ("lower_bound", "lower")):
        assert whole["figures"][name][end] < plain["figures"][name][end]
    assert whole["figures"]["flagged"]["estimate"] == plain["figures"]["flagged"]["estimate"]
    judged = Clusters(np.array([4] * 8 + [0] * 33), np.array([5] * 40 + [2]))
    human = Clusters(np.array([1] * 2 + [0] * 33), np.array([6] * 35))
    expected = clustered_lower_bound(judged, human)
    assert whole["figures"]["lower_bound"]["lower"] == expected.lower
    assert whole["clusters"]["clusters"] == 41
    assert whole["clusters"]["design_effect"] == pytest.approx(judged.design_effect)
    assert whole["figures"]["lower_bound"]["assumes"] == ["human_alike", "clusters_independent"]
    assert "independent" not in found["assumptions"]
    assert whole["parts"][0]["clusters"]["human"]["clusters"] == 35
    assert found["cluster"] == {"group": "labeler", "of": {}, "least": 30}
    assert f"41 by labeler, design effect {judged.design_effect:.2f}" in said
    assert "secret" not in said + json.dumps(found)


@pytest.mark.parametrize(
    ("options", "figure", "refusal", "detail"),
    [
        (("--human-reference", "few"), "lower_bound", "few_clusters",
         "the human reference: 7 of 30 by labeler"),
        (("--human-reference", "unnamed"), "lower_bound", "not_clustered",
         "20 of 100 texts have no labeler"),
        (("--human-reference", "human", "--llm-reference", "llm"), "estimate_by_flags",
         "not_clustered", "the LLM reference: data set llm"),
        (("--human-reference", "human", "--llm-reference", "llm", "--cluster", "llm=source"),
         "estimate_by_flags", "few_clusters", "the LLM reference: 1 of 30 by source"),
    ],
)  # fmt: skip
def test_references_that_cannot_be_widened_give_no_number(
    base: Base, options: tuple[str, ...], figure: str, refusal: str, detail: str
) -> None:
    found = audited(base, *options, "--cluster", "labeler")["entries"][-1]["figures"]
    assert found[figure]["refusal"] == refusal
    assert detail in found[figure]["detail"]
    assert found["flagged"]["lower"] is not None


def test_a_rate_of_few_clusters_has_no_interval(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    rate = audited(base, "--cluster", "source")["entries"][-1]["figures"]["flagged"]
    assert (rate["estimate"], rate["lower"]) == (pytest.approx(32 / 202), None)
    assert "no interval: there are too few clusters" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cluster", "task"), "--cluster takes labeler, vendor"),
        (("--cluster", "=labeler"), "--cluster takes labeler, vendor"),
        (("--cluster", "labeler", "--cluster", "source"), "one group for all data sets"),
        (("--cluster", "vendor"), "the counts of data set data do not hold vendor"),
        (("--cluster", "human=labeler"), "names data set human, which takes no part"),
        (("--cluster", "data=labeler", "--cluster", "few=labeler"), "data set few"),
    ],
)
def test_clusters_that_cannot_be(
    base: Base, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    given = ("--out", base.out, "--dataset", "data")
    assert base.run("audit", "run", *given, *options) == Exit.USAGE
    assert said in capsys.readouterr().err


def test_decisions_on_drawn_texts_are_not_widened(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    assert base.plan("march", "--dataset", "data", "--by", "none", "--total", 5) == 0
    capsys.readouterr()
    assert base.run("audit", "run", "march", "--cluster", "labeler") == Exit.USAGE
    assert "name the runs with --out" in capsys.readouterr().err
    given = ("march", "--out", base.out, "--cluster", "labeler")
    assert base.run("audit", "run", *given) == 0
    assert "shares of hits are not widened" in capsys.readouterr().out


def test_texts_of_one_labeler_in_two_data_sets_are_one_cluster() -> None:
    one = Grouped(("labeler",), {"a": Tally(5, 5, 1, 1), None: Tally(1, 1)})
    two = Grouped(("labeler",), {"a": Tally(3, 3, 2, 2)}, ("other",))
    both = one + two
    assert both.tallies == {"a": Tally(8, 8, 3, 3), None: Tally(1, 1)}
    assert both.problem("the data") == (Refusal.NOT_CLUSTERED, "the data: data set other")
    assert ClusterBy.read([]) is None
    with pytest.raises(UsageStop):
        ClusterBy.read(["labelers"])


def style_scores(low: int, high: int) -> Histogram:
    return (low // 19,) * 19 + (high,)


def styled_part(styled: int, unnamed: int) -> Part:
    """Texts of 40 labelers, so many of whom wrote what style judged; references of 40 each.

    All of them have 20 texts; of those without a labeler style judged so many.
    """

    def of(number: int, flagged: int, nobody: int = 0) -> Grouped:
        tallies: dict[str | None, Tally] = {}
        for place in range(40):
            judged = (20, flagged) if place < number else (0, 0)
            tallies[f"w{place}"] = Tally(20, 20, flagged, flagged, *judged)
        if nobody:
            tallies[None] = Tally(nobody, 0, 0, 0, nobody, 0)
        return Grouped(("labeler",), tallies)

    kinds = of(styled, 3, unnamed), of(40, 1), of(40, 19)
    tallies = [sum(kind.tallies.values(), Tally()) for kind in kinds]
    scores = [style_scores(tally.styled - tally.unusual, tally.unusual) for tally in tallies]
    return Part("en", None, *tallies, *scores, clusters=PartClusters(*kinds))


@pytest.mark.parametrize(
    ("styled", "unnamed", "refusal", "detail"),
    [
        (30, 0, None, ""),
        (29, 0, Reason.FEW_CLUSTERS, "texts of the data that style judged: 29 of 30 by labeler"),
        (40, 9, Refusal.NOT_CLUSTERED,
         "texts of the data that style judged: 9 of 809 texts have no labeler"),
    ],
)  # fmt: skip
def test_scores_are_widened_or_give_no_number(
    styled: int, unnamed: int, refusal: Why | None, detail: str
) -> None:
    """Clusters of all judged texts may be enough where those of what style judged are not."""
    part = styled_part(styled, unnamed)
    found = estimate(What.BY_SCORES, [part], 800, 0.95, 1.0)
    assert (found.refusal, found.estimate is None) == (refusal, refusal is not None)
    assert detail in found.detail
    # Not widened the check would find fault too often, so there is none.
    assert (part.mixture is None) == (refusal is not None)
    for other in (lower_bound([part], 800, 0.95), estimate(What.BY_FLAGS, [part], 800, 0.95, 1.0)):
        assert (other.refusal, other.lower is None) == (None, False)


def test_texts_that_tell_less_than_one_are_not_said_to_be_none() -> None:
    uneven = {f"w{place}": Tally(4, 4, 0, 0) for place in range(29)}
    data = Grouped(("labeler",), uneven | {"w": Tally(100, 100, 100, 100)})
    human = Grouped(("labeler",), {f"w{place}": Tally(20, 20, 1, 1) for place in range(40)})
    tallies = [sum(kind.tallies.values(), Tally()) for kind in (data, human)]
    part = Part("en", None, *tallies, clusters=PartClusters(data, human))
    found = lower_bound([part], 216, 0.95)
    assert found.refusal == Reason.FEW_CLUSTERS
    assert "no texts" not in found.words
    assert "judged rows are worth less than one" in found.words
