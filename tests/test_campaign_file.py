"""The file of a campaign: what is refused and with which words, and the file of a new one."""

from pathlib import Path

import pytest
from campaigns import DATA, HEAD, POLICY, REVIEW, SCAN, action, exception
from command_line import code_of

from scrubtrace.beam_pipelines import storage
from scrubtrace.campaign.file import read_campaign
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.campaign import Campaign, Steps

GOOD = HEAD + DATA + SCAN + REVIEW


def read(tmp_path: Path, text: str) -> Campaign:
    path = tmp_path / "c.toml"
    path.write_text(text)
    return read_campaign(str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = 1\nname =", "Invalid value"),
        (GOOD.replace("format = 1", "format = 2"), "key 'format' must be 1"),
        (GOOD.replace('purpose = "before training"', ""), "key 'purpose' must be a text"),
        (GOOD.replace('"spring"', '"a b"'), "key 'name' must be letters"),
        (GOOD.replace('"data governance"', '"a@b.example"'), "key 'owner' must be a role"),
        (GOOD.replace("2020-01-01", '"2020-01-01"'), "key 'from' must be a date such as"),
        (GOOD.replace("2030-12-31", "2019-12-31"), "key 'to' is before 'from'"),
        (GOOD.replace("policy_digest", "policie"), "key 'policie' is no key; keys: format"),
        (GOOD.replace(f'policy_digest = "{POLICY}"', ""), "'policy_file' or 'policy_digest'"),
        (GOOD.replace(POLICY, "abc"), "key 'policy_digest' must be 16 hexadecimal digits"),
        (
            GOOD.replace(f'policy_digest = "{POLICY}"', 'policy_file = "gone.toml"'),
            "gone.toml, which is not there: correct it, "
            f"or give 'policy_digest' instead, digests.policy of a manifest ({POLICY}: the",
        ),
        (HEAD + SCAN, "key 'dataset' is missing"),
        (HEAD + DATA, "key 'steps' is missing"),
        (GOOD + DATA, "[[dataset]] 2, key 'name' is that of another"),
        (GOOD.replace("inputs =", "input ="), "[[dataset]] 1, key 'input' is no key"),
        (GOOD.replace('["data/*.parquet"]', "[]"), "[[dataset]] 1, key 'inputs' must name"),
        (GOOD.replace('["data/*.parquet"]', '"data"'), "key 'inputs' must be a list of texts"),
        (GOOD + "[steps.audits]\n", "[steps], key 'audits' is no key"),
        (GOOD + "[steps.purge]\n", "[steps.purge], key 'records' must name the record"),
        (GOOD + "[steps.controls]\nanswers = 0\n", "[steps.controls], key 'answers' must be"),
        (GOOD.replace(REVIEW, REVIEW + "share = 1.5\n"), "[steps.review], key 'share' must be"),
        (GOOD.replace(REVIEW, "[steps]\nreview = 1\n").replace(SCAN, ""), "write [steps.review]"),
        (GOOD + exception(), "[[exception]] 1, key 'dataset' or another of"),
        (GOOD + exception(dataset="other"), "key 'dataset' must be one of the campaign: answers"),
        (GOOD + exception(kind="style"), "[[exception]] 1, key 'kind' must be one of llm_text"),
        (GOOD + exception(shards="a") * 2, "[[exception]] 2, key 'id' is used twice: E-1"),
        (GOOD + exception(shards="a", approver="b@c.example"), "key 'approver' must be a role"),
        (GOOD + exception(shards="a", expires="soon"), "key 'expires' must be a date"),
        (GOOD + action(state="open"), "[[action]] 1, key 'state' must be one of finding"),
        (GOOD + action(state="closed"), "key 'closed_by' must say what closed it"),
        (GOOD + action(closed_by="T-1"), "key 'closed_by' is given, but the state is confirmed"),
        (GOOD + action(due="soon"), "[[action]] 1, key 'due' must be a date"),
        (GOOD + "[action]\n", "key 'action' must be tables: write [[action]]"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageStop) as stop:
        read(tmp_path, text)
    assert words in str(stop.value)
    assert str(stop.value).startswith(f"{tmp_path}/c.toml: ")


def test_what_is_read(tmp_path: Path) -> None:
    more = exception(shards="old/*") + action(state="closed", closed_by="T-1")
    text = GOOD.replace(REVIEW, REVIEW + "share = 0.5\n") + '[steps.audit]\nbatches = ["a"]\n'
    found = read(tmp_path, text + more)
    assert found.steps == Steps(("boilerplate",), 0.5, ("a",))
    (data,) = found.datasets
    assert data.inputs == (str(tmp_path / "data/*.parquet"),)
    assert found.policy == POLICY
    assert found.exceptions[0].shards == "old/*"
    assert not found.actions[0].is_open


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("*.parquet", ["a.parquet", "b[2].parquet"]),
        ("b[2].parquet", ["b[2].parquet"]),
        ("[a]*", ["a.parquet"]),
        ("{folder}/a.parquet", ["a.parquet"]),
    ],
)
def test_inputs_in_a_folder_whose_name_looks_like_a_glob(
    tmp_path: Path, given: str, expected: list[str]
) -> None:
    folder = tmp_path / "set[1]"
    folder.mkdir()
    for name in ("a.parquet", "b[2].parquet"):
        (folder / name).touch()
    named = f'["{given.format(folder=folder)}"]'
    (data,) = read(folder, GOOD.replace('["data/*.parquet"]', named)).datasets
    found = [info for pattern in data.inputs for info in storage.match(pattern)]
    assert [Path(info.path).name for info in found] == expected


def test_the_policy_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[policy]\nproof_hits = 2\n")
    named = GOOD.replace(f'policy_digest = "{POLICY}"', 'policy_file = "own.toml"')
    assert read(tmp_path, named).policy not in ("", POLICY)
    (tmp_path / "own.toml").write_text("")
    assert read(tmp_path, named).policy == POLICY


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("name\na", "must name the column shard"),
        ("shard,rows\na,1\n,2", ":3: column shard is empty"),
        ("shard\na\na", ":3: shard a is there twice"),
        ("shard,bytes\na,many", ":2: column bytes must be a whole number"),
        ("shard\n", "there is no shard in it"),
    ],
)
def test_a_bad_inventory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, words: str
) -> None:
    (tmp_path / "list.csv").write_text(lines)
    data = '[[dataset]]\nname = "answers"\ninventory = "list.csv"\n'
    path = tmp_path / "c.toml"
    path.write_text(HEAD + data + SCAN)
    url = f"sqlite:///{tmp_path}/review.sqlite"
    assert code_of("review", "upgrade", "--review", url) == 0
    given = ("campaign", "check", str(path), "--runs", str(tmp_path), "--review", url)
    assert code_of(*given) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("out", ["autumn.toml", "plans/autumn.toml"])
@pytest.mark.parametrize("own", [None, "", "[policy]\nproof_hits = 2\n"])
def test_the_policy_of_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, own: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plans").mkdir()
    if own is not None:
        Path("scrubtrace.toml").write_text(own)
    assert code_of("campaign", "new", "autumn", "--out", out) == 0
    assert (read_campaign(out).policy == POLICY) == (not own)
    assert ("\npolicy_file" in Path(out).read_text()) == (own is not None)


def test_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code_of("campaign", "new", "autumn") == 0
    found = read_campaign("autumn.toml")
    assert (found.name, found.policy) == ("autumn", POLICY)
    every_line = "".join(
        line.removeprefix("# ") if line.startswith(("# [", "# id", "# what", "# owner", "# due",
        "# state", "# closed", "# reason", "# appr", "# expires", "# batches", "# answers",
        "# records", "# dataset", "# shards")) else line
        for line in Path("autumn.toml").read_text().splitlines(keepends=True)
    )  # fmt: skip
    Path("all.toml").write_text(every_line.replace('"confirmed"', '"closed"'))
    whole = read_campaign("all.toml")
    assert (len(whole.exceptions), len(whole.actions)) == (1, 1)
    assert whole.steps.controls == 50
    assert code_of("campaign", "new", "autumn") == 2
    assert "already: name another with --out" in capsys.readouterr().err
    assert code_of("campaign", "new", "two words") == 2
    assert code_of("campaign", "new", "autumn", "--out", "gone/a.toml") == 2
