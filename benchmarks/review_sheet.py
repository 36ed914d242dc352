"""How fast a review sheet reacts: made-up items in headless Chromium, by playwright.

    python benchmarks/review_sheet.py [--items 5000] [--chromium /usr/bin/chromium]

Prints, for each thing that a reviewer does, the milliseconds from the event to the finished layout
(median and longest), and how long the browser says real key presses took until the next frame was
painted (Event Timing API, in steps of 8 ms; presses under 16 ms are not reported). Needs the extra
``browser``.
"""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from scrubtrace.messages import ENGLISH
from scrubtrace.review.connection import open_review
from scrubtrace.review.lines import Wanted
from scrubtrace.review.sheet.writing import write_sheet
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.review import OPEN_STATES, ReviewItem
from scrubtrace.why import wording

PHRASE = "As an AI language model, I cannot"
WORDS = (
    "river", "ledger", "湿度", "展柜", "attic", "mould", "paper", "lower", "shelf", "volunteer",
    "glove", "مكتبة", "spring",
)  # fmt: skip
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

MEASURE = """
async ([name, times]) => {
  const key = (k) => () => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key: k, bubbles: true, cancelable: true }));
  const set = (id, value, type) => () => {
    const field = document.getElementById(id);
    field.value = value;
    field.dispatchEvent(new Event(type));
  };
  const toggle = (one, other) => (step) => (step % 2 ? other : one)();
  const actions = {
    "next text (j)": key("j"),
    "concur, dismiss (c, d)": toggle(key("c"), key("d")),
    "reason (1, 2)": toggle(key("1"), key("2")),
    "undo (u)": key("u"),
    "next undecided (f)": key("f"),
    "filter by language": toggle(set("filter-language", "zh", "change"),
      set("filter-language", "", "change")),
    "search as one types": (step) =>
      set("search", "ledger 湿度 attic".slice(0, step % 16), "input")(),
    "scroll the list": (step) => {
      const list = document.getElementById("list");
      list.scrollTop = step * 997;
      list.dispatchEvent(new Event("scroll"));
    },
  };
  const took = [];
  document.getElementById("search").value = "";
  for (let step = 0; step < times; step += 1) {
    const start = performance.now();
    actions[name](step);
    document.body.offsetHeight;
    took.push(performance.now() - start);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }
  return took;
}
"""
ACTIONS = (
    "next text (j)", "concur, dismiss (c, d)", "reason (1, 2)", "undo (u)", "next undecided (f)",
    "filter by language", "search as one types", "scroll the list",
)  # fmt: skip
OBSERVE = """() => { window.presses = []; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.name === "keydown") presses.push(entry.duration);
}).observe({ type: "event", durationThreshold: 16 }); }"""


def main() -> None:
    """Makes a sheet, opens it and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    chosen = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "sheet.html"
        made = _make(path, chosen.items)
        browser = driver.chromium.launch(executable_path=chosen.chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.locator(".text").wait_for()
        opened = time.perf_counter() - start
        megabytes = path.stat().st_size / 1e6
        print(f"{chosen.items:,} items, {megabytes:.1f} MB, written in {made:.1f} s")
        print(f"  opened in {opened:.2f} s")
        for name in ACTIONS:
            took = sorted(page.evaluate(MEASURE, [name, 60]))
            print(
                f"  {name:24} median {statistics.median(took):5.1f} ms, longest {took[-1]:5.1f} ms"
            )
        _print_presses(page)
        browser.close()


def _print_presses(page: Any) -> None:
    page.evaluate(OBSERVE)
    keys = "c1jd2js1je1jfju" * 8
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    slow = page.evaluate("() => presses")
    longest = f", the longest {max(slow):.0f} ms" if slow else ""
    print(f"  {len(keys)} real key presses: {len(slow)} took 16 ms or more until painted{longest}")


def _make(path: Path, items: int) -> float:
    engine = open_review(f"sqlite:///{path.parent}/review.sqlite")
    chance = random.Random(1)
    upsert_items(engine, (made_item(number, chance) for number in range(items)), "r1")
    start = time.perf_counter()
    write_sheet(engine, path, Wanted(states=OPEN_STATES), wording(ENGLISH))
    return time.perf_counter() - start


def made_item(number: int, chance: random.Random) -> ReviewItem:
    """A made-up text of 500 characters with nine spans, one of them proof."""
    words = " ".join(chance.choices(WORDS, k=80))
    text = f"{words[:200]} {PHRASE} {words[200:]}"[:500]
    about = {"signal": "en.self_disclosure.made_up", "category": "self_disclosure"}
    kind = {"detector": "boilerplate", "strength": "proof", "use": "asserted"}
    span = about | kind | {"start": 201, "end": 201 + len(PHRASE), "score": None, "value": None}
    weak = [span | {"start": at, "end": at + 12, "strength": "weak"} for at in range(0, 160, 20)]
    return ReviewItem(
        item_key=item_key("made-up", "a.parquet", number),
        dataset="made-up",
        shard="a.parquet",
        row_index=number,
        row_id=f"row-{number}",
        occurrence=0,
        field="text",
        turn=None,
        language=chance.choice(["en", "zh", "de"]),
        groups={"labeler": f"L{chance.randrange(40):02}", "vendor": chance.choice("NS")},
        text_digest=f"{number:064x}",
        key_id="0123456789ab",
        text_chars=len(text),
        evidence_fingerprint="e" * 32,
        flagged=True,
        kind="llm_text",
        priority=number,
        why="resembles LLM text: speaks as an AI assistant (proof)",
        policy="p",
        detectors=[{"name": "boilerplate", "version": "1", "lane": "trace", "fingerprint": "f"}],
        evidence=[span, *weak],
        spans_left_out=0,
        snippet=text,
        snippet_start=0,
    )


if __name__ == "__main__":
    main()
