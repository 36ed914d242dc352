// Deciding, moving, filtering, saving: what buttons and keys do.

function renderDecision() {
  const item = items[current()];
  const value = decisions.of(current());
  for (const button of el("choices").children) {
    button.disabled = !item;
    button.setAttribute("aria-pressed", String(button.dataset.decision === value.decision));
  }
  const codes = Object.entries(about.reasons[value.decision] ?? {});
  el("reasons").replaceChildren(
    ...(codes.length ? codes.map(reasonButton) : [make("p", { textContent: label("then_a_reason") })]));
  el("comment").value = value.comment;
  el("comment").disabled = el("scope").disabled = !item;
  el("scope").checked = value.scope === "row";
}

function reasonButton([code, words], place) {
  const isOn = decisions.of(current()).reason === code;
  const button = make("button", {
    type: "button", title: words, textContent: named("reason", code),
    aria: { "aria-pressed": String(isOn), "aria-keyshortcuts": String(place + 1) },
  }, [make("kbd", { textContent: place + 1, aria: { "aria-hidden": "true" } })]);
  button.addEventListener("click", () => giveReason(place));
  return button;
}

function renderProgress() {
  const minutes = startedAt === null ? 0 : (performance.now() - startedAt) / 60000;
  el("progress").max = Math.max(items.length, 1);
  el("progress").value = decisions.decided;
  const done = counted("decided_of", items.length, { decided: figure(decisions.decided) });
  el("counted").textContent = minutes >= 0.25
    ? label("rate", { done, rate: RATE.format(decisions.decided / minutes) }) : done;
  const unsaved = decisions.unsaved.size;
  el("unsaved").textContent = unsaved ? label("not_saved", { count: figure(unsaved) }) : "";
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
  const claim = el("claim").textContent;
  el("moved").textContent = label("text_of", { ...placeNow(), claim });
}

const placeNow = () => ({ number: figure(at + 1), count: figure(shown.length) });

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
  const said = taken ? DECISIONS[taken][1] : label("taken_back");
  say(label("decided_text", { ...placeNow(), decision: said }));
}

function giveReason(place) {
  const { decision, reason } = decisions.of(current());
  const code = Object.keys(about.reasons[decision] ?? {})[place];
  if (!code) {
    say(decision ? label("no_such_reason", { decision: DECISIONS[decision][1], number: place + 1 })
      : label("decide_first"));
    return;
  }
  changed({ reason: reason === code ? "" : code });
  say(reason === code ? label("no_reason")
    : label("reason_given", { reason: named("reason", code) }));
}

function keepComment() {
  if (changed({ comment: el("comment").value.trim() })) say(label("comment_kept"));
}

function setScope(isRow) {
  if (changed({ scope: isRow ? "row" : "text" })) {
    say(label(isRow ? "about_row" : "about_text"));
  }
}

function undo() {
  keepComment();
  const changedItem = decisions.undo();
  if (changedItem === null) {
    say(label("nothing_to_undo"));
    return;
  }
  if (!shown.includes(changedItem)) clearFilters();
  at = shown.indexOf(changedItem);
  renderAll();
  const { decision } = decisions.of(changedItem);
  say(label(decision ? "undone" : "undone_undecided",
    { number: figure(at + 1), decision: decision && DECISIONS[decision][1] }));
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
  say(label("all_decided"));
}

// ---- filters ----

function haystackOf(item) {
  const groups = Object.values(item.groups);
  const words = [
    item.snippet, item.claim ?? "", item.because ?? "", item.row_id ?? "", item.shard ?? "", ...groups,
  ];
  return words.join("\n").toLowerCase();
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
  el("filtered").textContent = active.length ? label("filters_on", { count: active.length }) : "";
  renderAll();
  say(counted("shown", shown.length));
}

function clearFilters() {
  for (const select of el("selects").querySelectorAll("select")) select.value = "";
  for (const name of Object.keys(wanted)) wanted[name] = "";
  el("search").value = "";
  applyFilters();
}

const valueName = (filter, value) =>
  (filter === "kind" || filter === "state" ? named(filter, value) : value);

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
      value, textContent: isDecision ? named("decision", value)
        : label("value_count", { value: valueName(name, value), count: figure(counts.get(value)) }),
    }));
    const any = make("option", { value: "", textContent: label("any") });
    const select = make("select", { id: `filter-${name}`, autocomplete: "off" }, [any, ...options]);
    select.addEventListener("change", () => {
      wanted[name] = select.value;
      applyFilters();
    });
    el("selects").append(make("label", { htmlFor: select.id, textContent: named("field", name) }), select);
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
  say(label(notes ? "written_and_left" : "written", {
    decisions: counted("decisions", decisions.decided), file: about.file,
    comments: counted("comments_left", notes),
  }));
}

// ---- keys ----

function openHelp() {
  el("help").showModal();
  el("help-close").focus();
}

const KEYS = {
  j: [label("next_text"), () => go(at + 1)],
  k: [label("text_before"), () => go(at - 1)],
  f: [label("next_undecided"), goToUndecided],
  ...Object.fromEntries(Object.entries(DECISIONS).map(([name, [key, decision, meaning]]) =>
    [key, [label("key_decides", { decision, meaning }), () => decide(name)]])),
  n: [label("key_comment"), () => el("comment").focus()],
  r: [label("key_scope"), () => setScope(!el("scope").checked)],
  u: [label("key_undo"), undo],
  "/": [label("key_search"), () => el("search").focus()],
  "?": [label("key_help"), openHelp],
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
  const keys = { ...KEYS, "1\u20135": [label("key_reason")], "Ctrl S": [label("key_save")] };
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
