// Text of rows: where evidence stands in it, and what would not be seen. It only ever becomes
// text nodes; nothing here reads or writes markup.

const STRENGTHS = ["proof", "strong", "weak"];

const CONTROLS = ("NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK " +
  "SYN ETB CAN EM SUB ESC FS GS RS US").split(" ");
const SHORT_NAMES = new Map([
  ...CONTROLS.map((short, code) => [code, [short, "control"]]),
  ...CONTROLS.map((short, code) => [0x2400 + code, [short, "control_picture"]]),
  [0x7f, ["DEL", "control"]],
  [0x00ad, ["SHY", "soft hyphen"]],
  [0x034f, ["CGJ", "combining grapheme joiner"]],
  [0x061c, ["ALM", "Arabic letter mark"]],
  [0x180e, ["MVS", "Mongolian vowel separator"]],
  [0x200b, ["ZWSP", "zero width space"]],
  [0x200c, ["ZWNJ", "zero width non-joiner"]],
  [0x200d, ["ZWJ", "zero width joiner"]],
  [0x200e, ["LRM", "left-to-right mark"]],
  [0x200f, ["RLM", "right-to-left mark"]],
  [0x2028, ["LS", "line separator"]],
  [0x2029, ["PS", "paragraph separator"]],
  [0x202a, ["LRE", "left-to-right embedding"]],
  [0x202b, ["RLE", "right-to-left embedding"]],
  [0x202c, ["PDF", "pop directional formatting"]],
  [0x202d, ["LRO", "left-to-right override"]],
  [0x202e, ["RLO", "right-to-left override"]],
  [0x2060, ["WJ", "word joiner"]],
  [0x2066, ["LRI", "left-to-right isolate"]],
  [0x2067, ["RLI", "right-to-left isolate"]],
  [0x2068, ["FSI", "first strong isolate"]],
  [0x2069, ["PDI", "pop directional isolate"]],
  [0xfeff, ["BOM", "zero width no-break space"]],
]);

const INVISIBLE =
  /(?![\n\t])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2400-\u241f\u2800\ufff9-\ufffb]/gu;

// Where joiners and variation selectors belong to the writing itself, they stay as they are.
const JOINED = new RegExp(
  "[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\p{M}" +
    ["Arabic", "Syriac", "Mongolian", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya",
      "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Khmer", "Myanmar", "Tibetan"]
      .map((script) => `\\p{Script=${script}}`).join("") + "]", "u");
const VARIED = /[\p{Emoji}\p{S}\p{P}\p{Script=Han}\p{Script=Mongolian}\p{Script=Myanmar}]/u;
const SELECTOR = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;

function isPartOfWriting(sign, before) {
  if (sign === "\u200c" || sign === "\u200d") return JOINED.test(before);
  return SELECTOR.test(sign) && VARIED.test(before);
}

function signBefore(text, offset) {
  return Array.from(text.slice(Math.max(0, offset - 2), offset)).at(-1) ?? "";
}

function shownSign(sign) {
  const code = sign.codePointAt(0);
  const number = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const [short, name] = SHORT_NAMES.get(code) ?? [number, "invisible"];
  return [short, `${number} ${about.texts[name] ?? name}`];
}

// A text as pieces: {text} as it is, or {sign, name} for what would not be seen.
function visiblePieces(text) {
  const pieces = [];
  let done = 0;
  for (const found of text.matchAll(INVISIBLE)) {
    if (isPartOfWriting(found[0], signBefore(text, found.index))) continue;
    if (found.index > done) pieces.push({ text: text.slice(done, found.index) });
    const [sign, name] = shownSign(found[0]);
    pieces.push({ sign, name });
    done = found.index + found[0].length;
    if (found[0] === "\u2028" || found[0] === "\u2029") pieces.push({ text: "\n" });
  }
  if (done < text.length) pieces.push({ text: text.slice(done) });
  return pieces;
}

// UTF-16 offset of every code point of a text, and of its end.
function unitOffsets(text) {
  const offsets = [0];
  for (const sign of text) offsets.push(offsets.at(-1) + sign.length);
  return offsets;
}

// UTF-16 offsets between characters as readers see them, in order, both ends included.
function characterBounds(text) {
  if (!Intl.Segmenter) return unitOffsets(text);
  const starts = Array.from(new Intl.Segmenter().segment(text), (part) => part.index);
  return [...starts, text.length];
}

// The snippet cut at every end of evidence: [{text, entries}], the entries that cover each part.
// Evidence is widened to whole characters, so that no accent is torn from its letter.
function segmentsOf(item) {
  const text = item.snippet;
  const offsets = unitOffsets(text);
  const bounds = characterBounds(text);
  const spans = [];
  for (const entry of item.evidence) {
    if (entry.start === null || entry.end === null) continue;
    const from = Math.max(entry.start - item.snippet_start, 0);
    const to = Math.min(entry.end - item.snippet_start, offsets.length - 1);
    if (from >= to) continue;
    const start = bounds.findLast((bound) => bound <= offsets[from]);
    const end = bounds.find((bound) => bound >= offsets[to]);
    spans.push({ start, end, entry });
  }
  const ends = spans.flatMap((span) => [span.start, span.end]);
  const cuts = [...new Set([0, text.length, ...ends])].sort((one, other) => one - other);
  return cuts.slice(1).map((to, number) => {
    const from = cuts[number];
    const covering = spans.filter((span) => span.start <= from && span.end >= to);
    return { text: text.slice(from, to), entries: covering.map((span) => span.entry) };
  });
}

// How a part is marked: by its strongest asserted evidence; else it is shared, or only mentioned.
function markOf(entries) {
  if (!entries.length) return null;
  const own = entries.filter((entry) => entry.category !== "passage");
  if (!own.length) return "shared";
  const asserted = own.filter((entry) => entry.use === "asserted");
  if (!asserted.length) return "mentioned";
  const ranks = asserted.map((entry) => STRENGTHS.indexOf(entry.strength));
  return STRENGTHS[Math.min(...ranks)] ?? "weak";
}

// The part of the original text between two code points, as far as the snippet has it, else null.
function partOf(item, start, end) {
  const signs = [...item.snippet];
  const from = start - item.snippet_start;
  const to = end - item.snippet_start;
  if (from >= signs.length || to <= 0) return null;
  const part = signs.slice(Math.max(from, 0), to).join("");
  return `${from < 0 ? "\u2026 " : ""}${part}${to > signs.length ? " \u2026" : ""}`;
}

// One line for the list: the text from shortly before its first evidence.
function excerptOf(item) {
  const starts = item.evidence.filter((entry) => entry.start !== null).map((entry) => entry.start);
  const signs = [...item.snippet];
  const first = starts.length ? Math.min(...starts) - item.snippet_start : 0;
  let from = first > 24 && first < signs.length ? first - 12 : 0;
  const space = signs.slice(from, first).findIndex((sign) => sign === " " || sign === "\n");
  if (from && space >= 0) from += space + 1;
  const line = signs.slice(from, from + 110).join("").replace(INVISIBLE, "").replace(/\s+/g, " ");
  return (from ? "\u2026" : "") + line;
}
