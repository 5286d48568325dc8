// The word diff of two texts, as in report/diff.py; computed when a case is opened, because most never are.

const CJK = String.raw`\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff`;
const SIGNS = String.raw`!-\u0026\u0028-\u002f:-@\u005b-\u0060\u007b-~\u2000-\u2018\u201a-\u206f\u3000-\u303f\uff00-\uff20`;
const WORD = new RegExp(String.raw`\s+|[${CJK}]|[${SIGNS}]|[^\s${CJK}${SIGNS}]+`, "gu");
const LINE = /[^\n]*\n|[^\n]+/g;
const MAX_CELLS = 4_000_000; // words times words; larger texts are compared by lines, or as one piece

// [["same" | "gone" | "new", text], ...]: same and gone join to `before`, same and new to `now`.
function wordDiff(before, now) {
  let pieces = null;
  for (const pattern of [WORD, LINE]) {
    const a = before.match(pattern) ?? [], b = now.match(pattern) ?? [], shorter = Math.min(a.length, b.length);
    let start = 0, end = 0;
    while (start < shorter && a[start] === b[start]) start++;
    while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++;
    const [oldMiddle, newMiddle] = [a, b].map((words) => words.slice(start, words.length - end));
    const head = ["same", a.slice(0, start).join("")], tail = ["same", end ? a.slice(-end).join("") : ""];
    if (oldMiddle.length * newMiddle.length <= MAX_CELLS)
      return tidy([head, ...longestCommon(oldMiddle, newMiddle), tail]);
    pieces = [head, ["gone", oldMiddle.join("")], ["new", newMiddle.join("")], tail];
  }
  return tidy(pieces);
}

// The longest common subsequence, by dynamic programming from the end.
function longestCommon(a, b) {
  const width = b.length + 1, table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i * width + j] = a[i] === b[j] ? table[(i + 1) * width + j + 1] + 1
        : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
  const pieces = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { pieces.push(["same", a[i++]]); j++; }
    else if (j === b.length || (i < a.length && table[(i + 1) * width + j] >= table[i * width + j + 1]))
      pieces.push(["gone", a[i++]]);
    else pieces.push(["new", b[j++]]);
  }
  return pieces;
}

// Few segments: gone before new, and the blanks between two changed words changed too.
function tidy(pieces) {
  const done = [], open = { gone: "", new: "" };
  const flush = () => ["gone", "new"].forEach((kind) => { if (open[kind]) done.push([kind, open[kind]]); open[kind] = ""; });
  const merged = pieces.filter(([, words]) => words).reduce((list, [kind, words]) => {
    if (list.at(-1)?.[0] === kind) list.at(-1)[1] += words; else list.push([kind, words]);
    return list;
  }, []);
  merged.forEach(([kind, words], index) => {
    const between = kind === "same" && !words.trim() && (open.gone || open.new) && index + 1 < merged.length;
    if (between) { open.gone += words; open.new += words; }
    else if (kind === "same") { flush(); done.push([kind, words]); }
    else open[kind] += words;
  });
  flush();
  return done;
}

function renderDiff(before, now) {
  if (before === now) return el("p.muted", {}, "None: the answer is the same.");
  return renderPieces(wordDiff(before, now));
}

function renderPieces(pieces) {
  const blanks = { " ": "␣", "\n": "↵\n", "\t": "⇥\t" };
  const visible = (value) => (value.trim() ? value : value.replace(/[ \n\t]/g, (char) => blanks[char]));
  return scrolling(el("div.text", { dir: "auto" }, pieces.map(([kind, value]) => (kind === "same"
    ? shown(value, "exact") : el(kind === "new" ? "ins" : "del", {}, shown(visible(value), "change"))))), "Difference");
}
