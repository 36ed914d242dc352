// Deciding, moving, filtering, saving: what buttons and keys do.

function renderDecision() {
  const item = items[current()];
  const value = decisions.of(current());
  for (const button of el("choices").children) {
    button.disabled = !item;
    button.setAttribute("aria-pressed", String(button.dataset.decision === value.decision));
  }
  const codes = Object.entries(about.reasons[value.decision] ?? {});
  const hint = "Then a reason, if you like: keys 1 to 5 once something is decided.";
  el("reasons").replaceChildren(
    ...(codes.length ? codes.map(reasonButton) : [make("p", { textContent: hint })]));
  el("comment").value = value.comment;
  el("comment").disabled = el("scope").disabled = !item;
  el("scope").checked = value.scope === "row";
}

function reasonButton([code, words], number) {
  const isOn = decisions.of(current()).reason === code;
  const button = make("button", {
    type: "button", title: words, textContent: inWords(code),
    aria: { "aria-pressed": String(isOn), "aria-keyshortcuts": String(number + 1) },
  }, [make("kbd", { textContent: number + 1, aria: { "aria-hidden": "true" } })]);
  button.addEventListener("click", () => giveReason(number));
  return button;
}

function renderProgress() {
  const minutes = startedAt === null ? 0 : (performance.now() - startedAt) / 60000;
  const rate = minutes >= 0.25 ? `, ${(decisions.decided / minutes).toFixed(1)} a minute` : "";
  el("progress").max = Math.max(items.length, 1);
  el("progress").value = decisions.decided;
  el("counted").textContent =
    `${decisions.decided.toLocaleString("en")} of ${count(items.length, "text")} decided${rate}`;
  const unsaved = decisions.unsaved.size;
  el("unsaved").textContent = unsaved ? `${unsaved.toLocaleString("en")} not saved` : "";
  el("save").disabled = !decisions.current.size && !unsaved;
  el("undo").disabled = !decisions.history.length;
}

function renderAll() {
  scrollToCurrent();
  renderList();
  renderItem();
  renderDecision();
  renderProgress();
}

function go(place) {
  keepComment();
  if (!shown.length) return;
  at = Math.min(Math.max(place, 0), shown.length - 1);
  renderAll();
  // In a small window everything is one column, in which the text may be out of sight.
  if (getComputedStyle(document.body).display === "block") el("reading").scrollIntoView();
  el("moved").textContent = `Text ${at + 1} of ${shown.length}: ${el("claim").textContent}`;
}

function changed(changes) {
  if (current() === undefined || !decisions.change(current(), changes)) return false;
  renderList();
  renderDecision();
  renderProgress();
  return true;
}

function decide(decision) {
  keepComment();
  const isSame = decisions.of(current()).decision === decision;
  const taken = isSame ? "" : decision;
  if (!changed({ decision: taken, reason: "" })) return;
  startedAt ??= performance.now();
  say(`${taken ? DECISIONS[taken][1] : "Decision taken back"}: text ${at + 1} of ${shown.length}`);
}

function giveReason(number) {
  const { decision, reason } = decisions.of(current());
  const code = Object.keys(about.reasons[decision] ?? {})[number];
  if (!code) {
    say(decision ? `${DECISIONS[decision][1]} has no reason ${number + 1}` : "Decide first, then give a reason");
    return;
  }
  changed({ reason: reason === code ? "" : code });
  say(reason === code ? "No reason" : `Reason: ${inWords(code)}`);
}

function keepComment() {
  if (changed({ comment: el("comment").value.trim() })) say("Comment kept");
}

function setScope(isRow) {
  if (changed({ scope: isRow ? "row" : "text" })) {
    say(isRow ? "About this row only" : "About every row with this text");
  }
}

function undo() {
  keepComment();
  const number = decisions.undo();
  if (number === null) {
    say("Nothing to undo");
    return;
  }
  if (!shown.includes(number)) clearFilters();
  at = shown.indexOf(number);
  renderAll();
  const { decision } = decisions.of(number);
  say(`Undone: text ${at + 1} is ${decision ? DECISIONS[decision][1] : "undecided"}`);
}

function goToUndecided() {
  keepComment();
  for (let step = 1; step <= shown.length; step += 1) {
    const place = (at + step) % shown.length;
    if (!decisions.of(shown[place]).decision) {
      go(place);
      return;
    }
  }
  say("Every text here is decided");
}

// ---- filters ----

function haystackOf(item) {
  const groups = Object.values(item.groups);
  return [item.snippet, item.why, item.row_id ?? "", item.shard ?? "", ...groups].join("\n").toLowerCase();
}

function applyFilters() {
  keepComment();
  const before = current();
  const query = el("search").value.trim().toLowerCase();
  haystacks ??= query ? items.map(haystackOf) : null;
  const active = Object.entries(wanted).filter(([, value]) => value !== "");
  shown = [];
  items.forEach((item, number) => {
    const fits = active.every(([name, value]) => [FILTERS[name](item, number)].flat().includes(value));
    if (fits && (!query || haystacks[number].includes(query))) shown.push(number);
  });
  at = Math.max(0, shown.indexOf(before));
  el("filtered").textContent = active.length ? `(${active.length} on)` : "";
  renderAll();
  say(`${count(shown.length, "text")} shown`);
}

function clearFilters() {
  for (const select of el("selects").querySelectorAll("select")) select.value = "";
  for (const name of Object.keys(wanted)) wanted[name] = "";
  el("search").value = "";
  applyFilters();
}

function makeSelects() {
  for (const [name, valuesOf] of Object.entries(FILTERS)) {
    const counts = new Map();
    items.forEach((item, number) => {
      for (const value of [valuesOf(item, number)].flat()) counts.set(value, (counts.get(value) ?? 0) + 1);
    });
    const isDecision = name === "decision";
    const values = isDecision ? ["undecided", ...Object.keys(DECISIONS)] : [...counts.keys()].sort();
    if (!isDecision && values.length < 2) continue;
    const options = values.map((value) => make("option", {
      value, textContent: isDecision ? inWords(value) : `${inWords(value)} (${counts.get(value)})`,
    }));
    const any = make("option", { value: "", textContent: "any" });
    const select = make("select", { id: `filter-${name}`, autocomplete: "off" }, [any, ...options]);
    select.addEventListener("change", () => {
      wanted[name] = select.value;
      applyFilters();
    });
    el("selects").append(make("label", { htmlFor: select.id, textContent: inWords(name) }), select);
  }
}

// ---- saving ----

function save() {
  keepComment();
  if (el("save").disabled) return;
  const blob = new Blob([decisions.csv(items)], { type: "text/csv;charset=utf-8" });
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: about.file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  decisions.keepAsSaved();
  renderProgress();
  const notes = decisions.notes();
  const left = notes ? `; ${count(notes, "comment")} without a decision, which import does not store` : "";
  say(`${count(decisions.decided, "decision")} written to ${about.file}${left}`);
}

// ---- keys ----

function openHelp() {
  el("help").showModal();
  el("help-close").focus();
}

const KEYS = {
  j: ["next text", () => go(at + 1)],
  k: ["text before", () => go(at - 1)],
  f: ["next undecided text", goToUndecided],
  ...Object.fromEntries(Object.entries(DECISIONS).map(([name, [key, , words]]) =>
    [key, [`${inWords(name)}: ${words.charAt(0).toLowerCase()}${words.slice(1)}`, () => decide(name)]])),
  n: ["comment; Escape ends it", () => el("comment").focus()],
  r: ["about this row only, or every row with this text", () => setScope(!el("scope").checked)],
  u: ["undo, step by step", undo],
  "/": ["search; Escape ends it", () => el("search").focus()],
  "?": ["these keys", openHelp],
};

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    save();
    return;
  }
  const isTyping = event.target.matches("textarea, select, input:not([type=checkbox])");
  if (isTyping && event.key === "Escape") {
    event.target.blur();
    el("reading").focus();
    return;
  }
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || el("help").open) return;
  const arrows = { ArrowDown: () => go(at + 1), ArrowUp: () => go(at - 1),
    Home: () => go(0), End: () => go(shown.length - 1) };
  const isInList = event.target === el("list");
  const letter = event.key.length === 1 ? event.key.toLowerCase() : "";
  const isSingle = el("single-keys").checked;
  const action = (isInList && arrows[event.key]) || (isSingle && KEYS[letter]?.[1]) ||
    (isSingle && /^[1-9]$/.test(letter) && (() => giveReason(Number(letter) - 1)));
  if (!action) return;
  event.preventDefault();
  action();
}

function begin() {
  for (const [decision, [key, name, words]] of Object.entries(DECISIONS)) {
    const button = make("button", {
      type: "button", title: words, textContent: name,
      aria: { "aria-pressed": "false", "aria-keyshortcuts": key },
    }, [make("kbd", { textContent: key, aria: { "aria-hidden": "true" } })]);
    button.dataset.decision = decision;
    button.addEventListener("click", () => decide(decision));
    el("choices").append(button);
  }
  const keys = { ...KEYS, "1\u20135": ["reason of the decision"], "Ctrl S": ["save decisions"] };
  el("keys").append(...Object.entries(keys).flatMap(([key, [words]]) => [
    make("dt", {}, [make("kbd", { textContent: key })]), make("dd", { textContent: words })]));
  makeSelects();
  el("search").addEventListener("input", applyFilters);
  el("filters").addEventListener("submit", (event) => event.preventDefault());
  el("clear-filters").addEventListener("click", clearFilters);
  el("comment").addEventListener("change", keepComment);
  el("scope").addEventListener("change", () => setScope(el("scope").checked));
  el("undo").addEventListener("click", undo);
  el("save").addEventListener("click", save);
  el("help-open").addEventListener("click", openHelp);
  el("list").addEventListener("scroll", renderList);
  addEventListener("resize", renderList);
  addEventListener("keydown", onKey);
  addEventListener("beforeunload", (event) => {
    keepComment();
    if (decisions.unsaved.size) event.preventDefault();
  });
  renderAll();
}

begin();
