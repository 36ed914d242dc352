// What was decided: the newest decision of each item, everything that can be undone, and the CSV.

const FILE_COLUMNS = ["item_key", "row_version", "decision", "reason", "comment", "scope"];
const NOTHING = Object.freeze({ decision: "", reason: "", comment: "", scope: "text" });

// As `guard` of review/cells.py: no cell may begin as a formula, nor behind an inner separator.
const GUARDED = new Set("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20'");
const INNER = /([\n\r;\t]"*)(?=[=+@\uff1d\uff0b\uff0d\uff20'-])/g;

function guarded(value) {
  const inner = value.replace(INNER, "$1'");
  return GUARDED.has(inner[0]) ? `'${inner}` : inner;
}

function csvLine(cells) {
  return cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(",") + "\r\n";
}

function isSame(one, other) {
  return Object.keys(NOTHING).every((name) => one[name] === other[name]);
}

class Decisions {
  constructor() {
    this.current = new Map();
    this.saved = new Map();
    this.unsaved = new Set();
    this.history = [];
    this.decided = 0;
  }

  of(number) {
    return this.current.get(number) ?? NOTHING;
  }

  change(number, changes) {
    const before = this.of(number);
    const after = { ...before, ...changes };
    if (isSame(before, after)) return false;
    this.history.push({ number, before });
    this.put(number, after);
    return true;
  }

  // The item whose newest change was taken back, or null.
  undo() {
    const last = this.history.pop();
    if (!last) return null;
    this.put(last.number, last.before);
    return last.number;
  }

  put(number, value) {
    this.decided += Boolean(value.decision) - Boolean(this.of(number).decision);
    if (isSame(value, NOTHING)) this.current.delete(number);
    else this.current.set(number, value);
    if (isSame(value, this.saved.get(number) ?? NOTHING)) this.unsaved.delete(number);
    else this.unsaved.add(number);
  }

  // Comments and reasons on which no decision was made; import does not store them.
  notes() {
    return [...this.current.values()].filter((value) => !value.decision).length;
  }

  csv(items) {
    const numbers = [...this.current.keys()].sort((one, other) => one - other);
    const lines = numbers.map((number) => {
      const { decision, reason, comment, scope } = this.of(number);
      const item = items[number];
      const key = [item.item_key, String(item.row_version)];
      return csvLine([...key, decision, reason, guarded(comment), scope]);
    });
    return csvLine(FILE_COLUMNS) + lines.join("");
  }

  keepAsSaved() {
    this.saved = new Map(this.current);
    this.unsaved.clear();
  }
}
