// The page: one list, one text, one decision at a time. Only rows of the list that can be seen
// exist as elements, so that thousands of items cost no more than a few.

const holder = document.getElementById("data");
const { about, items } = JSON.parse(holder.textContent);
holder.remove();

const el = (id) => document.getElementById(id);
const decisions = new Decisions();
const ROW_REM = 4.25;
const ROWS_BEYOND = 4;
const SAID_MS = 4000;
const LANGUAGE = document.documentElement.lang;
const PLURALS = new Intl.PluralRules(LANGUAGE);
const PERCENT = new Intl.NumberFormat(LANGUAGE, { style: "percent" });
const RATE = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

// Words of the page: a text, a text with a number, the name of a code, a number.
const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const label = (name, values = {}) => fill(about.texts[name], values);
const counted = (name, count, values = {}) =>
  fill(about.forms[name][PLURALS.select(count)], { count: figure(count), ...values });
const named = (what, code) =>
  (Object.hasOwn(about.names[what], code) ? about.names[what][code] : inWords(code));
const figure = (value) => value.toLocaleString(LANGUAGE);
const inWords = (code) => String(code).replaceAll("_", " ");
const listed = (parts, between = "listed") =>
  parts.filter(Boolean)
    .reduce((before, after) => (before ? label(between, { before, after }) : after), "");

const DECISIONS = {
  concur: ["c", label("concur"), label("concur_means")],
  dismiss: ["d", label("dismiss"), label("dismiss_means")],
  second: ["s", label("second"), label("second_means")],
  escalate: ["e", label("escalate"), label("escalate_means")],
};
const MARKS = {
  proof: label("proof"), strong: label("strong"), weak: label("weak"),
  mentioned: label("mentioned"), shared: label("shared"),
};
const FILTERS = {
  decision: (item, number) => decisions.of(number).decision || "undecided",
  kind: (item) => item.kind,
  language: (item) => item.language,
  state: (item) => item.state,
  detector: (item) => item.detectors,
  ...Object.fromEntries(
    [...new Set(items.flatMap((item) => Object.keys(item.groups)))].map((name) => [
      name, (item) => item.groups[name] ?? [],
    ]),
  ),
};
const wanted = {};
let shown = items.map((_, number) => number);
let at = 0; // place in `shown`
let haystacks = null;
let startedAt = null;
let saidTimer = 0;

function make(name, properties = {}, children = []) {
  const element = document.createElement(name);
  const { aria = {}, ...own } = properties;
  Object.assign(element, own);
  for (const [key, value] of Object.entries(aria)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const current = () => shown[at];

function say(words) {
  clearTimeout(saidTimer);
  el("said").classList.remove("is-old");
  el("said").textContent = words;
  saidTimer = setTimeout(() => el("said").classList.add("is-old"), SAID_MS);
}

// Text of a row in an element, with marks for what would not be seen.
function appendText(element, text) {
  for (const piece of visiblePieces(text)) {
    if (piece.sign === undefined) element.append(piece.text);
    else element.append(make("span", { className: "sign", title: piece.name, textContent: piece.sign }));
  }
  return element;
}

function languageOf(item) {
  return item.language === "und" ? "" : item.language;
}

function rowText(name, item, className, text) {
  return appendText(make(name, { className, dir: "auto", lang: languageOf(item) }), text);
}

// ---- the list ----

function rowHeight() {
  return ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function renderList() {
  const list = el("list");
  const height = rowHeight();
  el("rows").style.height = `${shown.length * height}px`;
  const first = Math.max(0, Math.floor(list.scrollTop / height) - ROWS_BEYOND);
  const visible = Math.ceil(list.clientHeight / height) + 2 * ROWS_BEYOND;
  const places = shown.slice(first, first + visible).map((number, offset) => first + offset);
  el("rows").replaceChildren(...places.map((place) => listRow(place, height)));
  if (el(`row-${at}`)) list.setAttribute("aria-activedescendant", `row-${at}`);
  else list.removeAttribute("aria-activedescendant");
}

function listRow(place, height) {
  const item = items[shown[place]];
  const { decision } = decisions.of(shown[place]);
  const line = make("div", { className: "line", lang: languageOf(item), textContent: excerptOf(item) });
  const [group = ""] = Object.values(item.groups);
  const places = item.places > 1 ? `${item.places}\u00d7` : "";
  const facts = [named("kind", item.kind), item.language, group, places];
  const spans = facts.filter(Boolean).map((fact) => make("span", { textContent: fact }));
  if (decision) spans.push(make("span", { className: "done", textContent: DECISIONS[decision][1] }));
  const row = make("div", {
    id: `row-${place}`,
    className: decision ? "row is-decided" : "row",
    aria: {
      role: "option", "aria-selected": String(place === at),
      "aria-posinset": String(place + 1), "aria-setsize": String(shown.length),
    },
  }, [line, make("div", { className: "about" }, spans)]);
  row.style.top = `${place * height}px`;
  row.addEventListener("click", () => go(place));
  return row;
}

function scrollToCurrent() {
  const list = el("list");
  const height = rowHeight();
  const top = at * height;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + height > list.scrollTop + list.clientHeight) {
    list.scrollTop = top + height - list.clientHeight;
  }
}

// ---- the text ----

function renderItem() {
  const item = items[current()];
  el("reading").scrollTop = 0;
  if (!item) {
    const words = label(items.length ? "none_fits" : "nothing_to_decide");
    el("item").replaceChildren(make("h2", { id: "claim", className: "empty", textContent: words }));
    return;
  }
  const { claim, because, why_language: lang } = item;
  el("item").replaceChildren(
    factsOf(item),
    make("h2", { id: "claim", lang, textContent: claim.charAt(0).toUpperCase() + claim.slice(1) }),
    make("p", { className: "because", lang, textContent: because }),
    ...textOf(item), ...matchOf(item), ...evidenceOf(item), ...whereOf(item),
  );
}

function factsOf(item) {
  const facts = [
    label("number_of", { number: figure(at + 1), count: figure(shown.length) }),
    named("kind", item.kind), item.language, named("state", item.state),
    item.priority === null ? "" : label("priority", { priority: item.priority }),
    item.places === null ? "" : counted("places", item.places),
  ].filter(Boolean).map((fact) => make("span", { textContent: fact }));
  if (item.flagged === false) facts.push(make("span", { textContent: label("reported") }));
  return make("div", { className: "facts" }, facts);
}

// An excerpt with its evidence marked; `kinds` takes up the kinds of marks in it.
function markedText(item, className, kinds = new Set()) {
  const text = rowText("div", item, className, "");
  if (item.snippet_start > 0) text.append("\u2026");
  for (const segment of segmentsOf(item)) {
    const kind = markOf(segment.entries);
    if (!kind) {
      appendText(text, segment.text);
      continue;
    }
    kinds.add(kind);
    const title = [...new Set(segment.entries.map((entry) => entry.words))].join("\n");
    text.append(appendText(make("mark", { className: kind, title }), segment.text));
  }
  if (item.snippet_start + [...item.snippet].length < item.text_chars) text.append("\u2026");
  return text;
}

function textOf(item) {
  const kinds = new Set();
  const text = markedText(item, "text", kinds);
  const legend = Object.keys(MARKS).filter((kind) => kinds.has(kind)).map((kind) =>
    make("span", {}, [make("mark", { className: kind, textContent: MARKS[kind] })]));
  const isWhole = [...item.snippet].length === item.text_chars;
  const words = counted(isWhole ? "whole_text" : "part_of_text", item.text_chars);
  legend.push(make("span", { textContent: words }));
  // Findings about calls have no text; another without any was erased.
  if (!item.snippet && item.text_chars > 0) {
    text.replaceChildren(make("em", { textContent: label("text_erased") }));
  }
  return [text, make("div", { className: "legend" }, legend)];
}

function placeOf(entry) {
  return entry.start === null ? "" : label("characters", { start: entry.start, end: entry.end });
}

function evidenceOf(item) {
  const sameWords = new Map();
  for (const entry of item.evidence.filter((one) => one.category !== "passage")) {
    const signals = sameWords.get(entry.words) ?? new Map();
    const key = listed([entry.detector, entry.signal]);
    sameWords.set(entry.words, signals.set(key, [...(signals.get(key) ?? []), placeOf(entry)]));
  }
  const entries = [...sameWords].map(([words, signals]) => make("li", {}, [
    make("div", { textContent: words }),
    ...[...signals].map(([signal, places]) => make("div", {
      className: "small", textContent: listed([signal, ...places]),
    })),
  ]));
  if (item.spans_left_out) {
    entries.push(make("li", { className: "small", textContent:
      counted("left_out", item.spans_left_out) }));
  }
  return entries.length
    ? [make("h3", { textContent: label("evidence") }), make("ul", { className: "evidence" }, entries)] : [];
}

// A match with a reference text: both texts side by side if the sheet has the other one, else the
// shared passages with their places.
function matchOf(item) {
  const main = item.evidence.find((entry) => entry.match);
  if (!main) return [];
  const { source, model, part } = main.match;
  const names = listed([source ?? label("unnamed"), model, part]);
  const passages = item.evidence.filter((entry) => entry.there && entry.start !== null);
  const rows = item.reference ? [bothTexts(item, passages)] : passages.map((one) => passageRow(item, one));
  const head = [make("th", { scope: "col", textContent: label("this_text") }),
    make("th", { scope: "col", textContent: label("reference", { names }) })];
  const shares = ["of_text", "of_reference"]
    .filter((name) => typeof main.match[name] === "number")
    .map((name) => label(name, { share: PERCENT.format(main.match[name]) }));
  const notes = shares.length ? [label("shared_weight", { shares: listed(shares) })] : [];
  if (!item.reference) notes.push(label("no_reference_kept"));
  const match = named("match", main.match.class ?? main.category);
  return [
    make("h3", { textContent: label("match_title", { match }) }),
    make("table", { className: "match" }, [
      make("thead", {}, [make("tr", {}, head)]), make("tbody", {}, rows)]),
    make("p", { className: "small", textContent: listed(notes, "sentences") }),
  ];
}

function bothTexts(item, passages) {
  const { text, start, chars } = item.reference;
  const there = passages.map((entry) => ({ ...entry, start: entry.there[0], end: entry.there[1] }));
  const sides = [
    { ...item, evidence: passages },
    { ...item, snippet: text, snippet_start: start, text_chars: chars, evidence: there },
  ];
  return make("tr", {}, sides.map((side) => make("td", {}, [
    markedText(side, "passage"),
    make("div", { className: "small", textContent: listed(side.evidence.map(placeOf), "listed_long") }),
  ])));
}

function passageRow(item, entry) {
  const words = partOf(item, entry.start, entry.end);
  const here = words === null
    ? make("div", { className: "small", textContent: label("outside") })
    : rowText("div", item, "passage", words);
  const [start, end] = entry.there;
  const there = label("characters_there", { start, end });
  return make("tr", {}, [
    make("td", {}, [here, make("div", { className: "small", textContent: placeOf(entry) })]),
    make("td", {}, [make("div", { textContent: label("same_words") }),
      make("div", { className: "small", textContent: there })]),
  ]);
}

function whereOf(item) {
  const rows = [
    [label("dataset"), item.dataset], [label("shard"), item.shard], [label("row"), item.row_index],
    [label("id"), item.row_id], [label("field"), item.field], [label("turn"), item.turn],
    ...Object.entries(item.groups).map(([name, value]) => [named("field", name), value]),
    [label("other_places"), item.others.join("; ")],
    [label("detectors"), item.detectors.join("; ")], [label("runs"), runsOf(item)],
    [label("key"), item.item_key],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const parts = rows.flatMap(([name, value]) => [
    make("dt", { textContent: name.charAt(0).toUpperCase() + name.slice(1) }),
    appendText(make("dd", {}), String(value))]);
  return [make("h3", { textContent: label("where") }), make("dl", { className: "where" }, parts)];
}

function runsOf(item) {
  const { first_run: first, last_run: last } = item;
  return first === last ? first : label("first_to_last", { first, last });
}
