"""Names of labelers in what is made of shards without a run, and of callers in an index."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from call_logs import pair
from call_logs import write as write_log
from command_line import code_of
from made_texts import prose
from samples import FLAGGED
from sqlalchemy import text as sql

from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.review.connection import open_review
from scrubtrace.schemas.identity import DigestKey

SECRET = "ab" * 32
NAMES = ("Wilhelmina Quax", "Bartolo Vint")
OFF = ("--set", "privacy.pseudonymous=[]")
URL = "sqlite:///runs/review.sqlite"
COMMANDS = ("clusters", "compare", "diff")
LABELERS = [NAMES[n % 2] for n in range(50)]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All lines and all that the files in ``out`` hold, tables decoded."""

    def read() -> str:
        said = capsys.readouterr()
        content = [said.out, said.err]
        for path in sorted(Path("out").rglob("*")):
            if path.suffix == ".parquet":
                content.append(repr(pq.read_table(path).to_pylist()))
                content.append(repr(pq.read_metadata(path).to_dict()))
            elif path.is_file():
                content.append(path.read_bytes().decode("utf-8", "replace"))
        return "\n".join(content)

    return read


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an index and human rows."""
    folder = tmp_path_factory.mktemp("index")
    for name, first in (("calls", 0), ("human", 1_000)):
        texts = [prose(first + n) for n in range(60)]
        pq.write_table(pa.table({"text": texts}), folder / f"{name}.parquet")
    built = ("--out", str(folder / "index"), "--basis", "a test", "--quiet")
    assert code_of("index", "build", str(folder / "calls.parquet"), *built) == 0
    return folder


@pytest.fixture(autouse=True)
def _shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", SECRET)
    texts = [f"{prose(n // 2)} {FLAGGED}" for n in range(50)]
    for version, put in (("old", texts), ("new", [text.replace(FLAGGED, "") for text in texts])):
        table = {"text": put, "who": LABELERS, "task": [str(n // 2) for n in range(50)]}
        pq.write_table(pa.table({"id": range(50), **table}), f"{version}.parquet")


def run(name: str, index: Path, *more: str, labeler: str = "labeler") -> int:
    """One of the commands, on shards whose column ``who`` has the names."""
    group = f"{labeler}=who"
    given = {
        "clusters": ("old.parquet", "--group-by", f"{group},task=task", "--out", "out/c.parquet"),
        "compare": (
            "old.parquet", "--reference", str(index / "index"), "--group-by", group,
            "--human", str(index / "human.parquet"), "--out", "out/report.json",
        ),
        "diff": ("old.parquet", "new.parquet", "--id-column", "id", "--group-by", group,
                 "--out", "out", "--workers", "1"),
    }  # fmt: skip
    return code_of(name, *given[name], *more)


def pseudonym(name: str, group: str = "labeler") -> str:
    return DigestKey.from_hex(SECRET).pseudonym(group, name)


@pytest.mark.parametrize("name", COMMANDS)
def test_labelers_have_pseudonyms(name: str, index: Path, told: Callable[[], str]) -> None:
    assert run(name, index) == 0
    said = told()
    assert not [person for person in NAMES if person in said]
    assert all(pseudonym(person) in said for person in NAMES)


def test_every_file_and_table_of_a_comparison_names_the_same_people(index: Path) -> None:
    for name in COMMANDS:
        assert run(name, index) == 0
    people = {pseudonym(person) for person in NAMES}
    for table in ("out/c.parquet", "out/findings.parquet"):
        assert set(pq.read_table(table)["labeler"].to_pylist()) == people
    report = json.loads(Path("out/report.json").read_text())
    assert {group["group"]["labeler"] for group in report["groups"]} == people
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["by_group"]["labeler"].keys() == people
    sheet = Path("out/findings.csv").read_text()
    assert all(f"labeler={person}" in sheet for person in people)


@pytest.mark.parametrize("name", COMMANDS)
def test_off_by_configuration(name: str, index: Path, told: Callable[[], str]) -> None:
    assert run(name, index, *OFF, "--key-file", "none.key") == 0
    said = told()
    assert all(person in said for person in NAMES)
    assert not Path("none.key").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_other_groups_by_configuration(name: str, index: Path, told: Callable[[], str]) -> None:
    if name == "clusters":
        Path("scrubtrace.toml").write_text('[privacy]\npseudonymous = ["labeler", "task"]\n')
        assert run(name, index) == 0
        assert pseudonym("7", "task") in told()
        return
    assert run(name, index, "--key-file", "none.key", labeler="vendor") == 0
    assert NAMES[0] in told()
    assert not Path("none.key").exists()
    Path("scrubtrace.toml").write_text('[privacy]\npseudonymous = ["vendor"]\n')
    assert run(name, index, labeler="vendor") == 0
    said = told()
    assert NAMES[0] not in said
    assert pseudonym(NAMES[0], "vendor") in said


@pytest.mark.parametrize("name", COMMANDS)
def test_a_missing_key_is_made_and_a_broken_one_told(
    name: str, index: Path, told: Callable[[], str]
) -> None:
    assert run(name, index, "--key-file", "new.key") == 0
    made = DigestKey.from_hex(Path("new.key").read_text().split()[0])
    assert made.pseudonym("labeler", NAMES[0]) in told()
    Path("broken.key").write_text("no key\n")
    assert run(name, index, "--key-file", "broken.key") == 2
    assert "broken.key" in told()


def test_pseudonyms_are_those_of_the_review_table(index: Path, told: Callable[[], str]) -> None:
    runs = ("--out", "runs", "--review", URL)
    assert code_of("detect", "old.parquet", *runs, "--group-by", "labeler=who", "--quiet") == 0
    engine = open_review(URL)
    with engine.connect() as connection:
        stored = {*connection.execute(sql("SELECT labeler FROM review_items")).scalars()}
    engine.dispose()
    assert run("clusters", index) == 0
    shown = set(pq.read_table("out/c.parquet")["labeler"].to_pylist())
    assert shown == stored
    asked = ("--reason", "a talk about quality", *runs)
    assert code_of("review", "unmask", pseudonym(NAMES[0]), *asked) == 0
    assert f"is labeler {NAMES[0]}" in told()


def test_a_group_that_is_none_is_refused(index: Path, told: Callable[[], str]) -> None:
    assert run("compare", index, labeler="worker") == 2
    assert "unknown group 'worker'; choices: labeler" in told()


def test_callers_stay_out_of_an_index(told: Callable[[], str]) -> None:
    answer = prose(1)
    calls = [pair(f"call-{n}", prose(n)) | {"user": NAMES[n % 2]} for n in range(4)]
    write_log(Path("log.jsonl"), *calls)
    built = ("--out", "out", "--basis", "a test")
    assert code_of("index", "build", "log.jsonl", *built) == 0
    assert code_of("index", "info", "out") == 0
    assert code_of("index", "trace", answer, "--index", "out") == 0
    opened = ReferenceIndex("out")
    rows = [opened.reference(number) for number in range(opened.manifest.references)]
    said = told() + repr(rows)
    assert "call-1" in said
    assert not [person for person in NAMES if person in said]
