// The list of samples: rows, details, search, filters, order and keys.

const PAGE = 100; // rows added at a time: thousands would take seconds
const several = data.columns.length > 1;
const filter = { text: "", status: "all", column: "", tag: "", metric: "", order: "worst", only: "", matrix: several };
const view = { all: [], rows: [], count: 0, body: null, repeats: false, ofCase: new Map() };

// The island is column-wise and compressed: `rows.case[7]` is the case of the eighth sample.
let rows = null;
const text = (index) => rows.texts[index];
async function unpack() {
  const letters = atob(at("rows").textContent), bytes = new Uint8Array(letters.length);
  for (let index = 0; index < letters.length; index++) bytes[index] = letters.charCodeAt(index);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  rows = JSON.parse(await new Response(plain).text());
  const cut = new Set(rows.cut), replayed = new Set(rows.replayed), disputed = new Set(rows.disputed);
  view.all = rows.case.map((id, index) => ({
    index, case: id, column: rows.column[index], repeat: rows.repeat[index], tags: rows.tags[index],
    golden: rows.golden[index], answer: rows.answer[index], old: rows.old[index], failed: rows.failed[index] ?? [],
    notes: rows.notes[index] ?? [], details: rows.details[index] ?? [], added: rows.added[index] ?? [],
    error: rows.error[index] ?? null, disputed: disputed.has(index), cut: cut.has(index), replayed: replayed.has(index), tokens: rows.tokens[index],
    timing: rows.timing[index], cost: rows.cost[index],
  }));
  view.repeats = rows.repeat.some((repeat) => repeat > 0);
  for (const row of view.all) {
    if (!view.ofCase.has(row.case)) view.ofCase.set(row.case, []);
    view.ofCase.get(row.case).push(row);
  }
}

const score = (row, metric) => rows.scores[metric][row.index];
const chosen = () => (filter.metric === "" ? data.metrics.map((_, index) => index) : [Number(filter.metric)]);
function mean(values) {
  const numbers = values.filter(known);
  return numbers.length ? numbers.reduce((sum, value) => sum + value, 0) / numbers.length : null;
}
// Both means over the chosen metrics, and the change; null without a baseline. A loop: it runs for each sample of a large report.
function means(row) {
  if (row.meansOf === filter.metric) return row.means;
  let [then, now, count] = [0, 0, 0];
  for (const metric of chosen()) {
    const [before, after] = [rows.before[metric][row.index], score(row, metric)];
    if (known(before) && known(after)) { then += before; now += after; count += 1; }
  }
  row.meansOf = filter.metric;
  row.means = count ? { then: then / count, now: now / count, gain: now / count - then / count } : null;
  return row.means;
}
const gained = (row) => means(row)?.gain ?? null;
const VISIBLE = 0.005; // half a point: a smaller change is not listed, as in summary.md
const isChanged = (row) => row.old !== null && row.answer !== null && row.old !== row.answer;
const STATUS = {
  all: () => true, worse: (row) => gained(row) < -VISIBLE, better: (row) => gained(row) > VISIBLE, changed: isChanged,
  failed: (row) => row.failed.length > 0, errors: (row) => row.error !== null,
  disputed: (row) => row.disputed,
};
const last = (value) => (known(value) ? value : Infinity);
const ORDER = {
  worst: ["Worst first", () => 0], loss: ["Largest loss first", (row) => last(gained(row))],
  score: ["Lowest score first", (row) => last(mean(chosen().map((metric) => score(row, metric))))],
  slow: ["Slowest first", (row) => last(known(row.timing?.[0]) ? -row.timing[0] : null)],
  long: ["Longest first", (row) => last(row.tokens ? -row.tokens[1] : null)], case: ["By case", null],
};

// --- a row ---

function scoreCell(row, metric) {
  const value = score(row, metric), label = flat(data.metrics[metric]);
  if (!known(value)) return cell("num", label, muted("–"));
  const width = 48 * Math.max(0, Math.min(1, value));
  const bar = svg("svg", { class: "bar", viewBox: "0 0 48 3", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 48, height: 3 }), svg("rect", { width, height: 3 }));
  return cell("num", label, score100(value), bar);
}

function flags(row) {
  const flag = (kind, words, sign = null) => el(`span.flag.${kind}`, {}, sign && icon(sign), words), gain = gained(row);
  return [
    row.error ? flag("bad", "error", "error") : null,
    row.failed.length ? flag("bad", plural(row.failed.length, "failed check"), "fail") : null,
    row.cut ? flag("unsure", "cut off") : null,
    row.disputed ? flag("unsure", "people disagree with the judge") : null,
    Math.abs(gain) > VISIBLE ? flag(gain < 0 ? "bad" : "good", scorePair(means(row).then, means(row).now)) : null,
    !(Math.abs(gain) > VISIBLE) && isChanged(row) ? flag("muted", "changed") : null,
  ];
}

const columnTitle = (index) => {
  const { source, model, prompt } = data.columns[index];
  return [source, model, prompt].filter(Boolean).map(flat).join(" · ");
};
const columnName = (index) => {
  const { source, model, prompt } = data.columns[index];
  return [source ? [bdi(source), muted(" · ")] : [], pair(model, prompt)];
};

function caseRow(row) {
  const chevron = el("span.chevron", { "aria-hidden": "true" }), repeat = view.repeats ? muted(`#${row.repeat + 1}`) : null;
  const button = el("button.open", { type: "button", "aria-expanded": "false" }, chevron, bdi(text(row.case)), repeat);
  const tags = row.tags.map((tag) => el("span.tag", {}, bdi(text(tag))));
  const node = el("tr", {}, el("th", { scope: "row" }, button, tags.length ? el("div.tags", {}, tags) : null),
    cell("who", "", columnName(row.column)), chosen().map((metric) => scoreCell(row, metric)),
    cell("num", "tokens", row.tokens ? whole(row.tokens[1]) : "–"), cell("num", "seconds", seconds(row.timing?.[0])),
    cell("flags", "", flags(row)));
  button.addEventListener("click", () => toggle(row, node, button));
  return node;
}

function toggle(row, node, button) {
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (open) node.nextSibling.remove();
  else node.after(el("tr.detail", {}, el("td", { colspan: node.children.length }, detail(row))));
}

// --- filter, order and paging ---

function haystack(row) {
  const parts = [row.case, ...row.tags, ...row.golden, row.answer].filter(known);
  return (row.haystack ??= parts.map(text).join("\n").toLowerCase());
}

function isChosen(row) {
  if (filter.only) return text(row.case) === filter.only;
  return STATUS[filter.status](row) && (filter.column === "" || row.column === Number(filter.column))
    && (filter.tag === "" || row.tags.includes(Number(filter.tag)))
    && (filter.metric === "" || known(score(row, Number(filter.metric))))
    && (filter.text === "" || haystack(row).includes(filter.text));
}

function ordered(list) {
  if (filter.order === "case") return list.sort((a, b) => text(a.case).localeCompare(text(b.case)) || a.index - b.index);
  const keys = new Map(list.map((row) => [row, ORDER[filter.order][1](row)]));
  return list.sort((a, b) => (keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : a.index - b.index));
}

function addPage() {
  const page = filter.matrix ? CASES_AT_ONCE : PAGE, some = view.rows.slice(view.count, view.count + page);
  view.body.append(...some.map(filter.matrix ? matrixRow : caseRow));
  view.count += some.length;
  const left = view.rows.length - view.count;
  at("more").hidden = left === 0;
  at("more").textContent = `Show ${Math.min(page, left)} more of ${whole(left)}`;
}

function refresh() {
  const chosenRows = ordered(view.all.filter(isChosen));
  view.rows = filter.matrix ? byCase(chosenRows) : chosenRows;
  view.count = 0;
  view.body.replaceChildren();
  const total = `${plural(view.all.length, "sample")}${data.facts.shown ? " on this page" : ""}`, some = chosenRows.length < view.all.length;
  at("count").replaceChildren(some ? `${whole(chosenRows.length)} of ${total}` : total, filter.matrix ? ` in ${plural(view.rows.length, "case")}` : "",
    `, ${ORDER[filter.order][0].toLowerCase()}`);
  if (filter.only) at("count").append(": only ", bdi(filter.only), ". ", el("a", { href: "#h-cases" }, "Show all"));
  addPage();
}

// A changed filter ends a deep link.
const filtered = () => (filter.only ? (location.hash = "h-cases") : refresh());

// `#case=ID` shows one case only, opened.
function follow() {
  let wanted = "";
  try { wanted = decodeURIComponent(location.hash.match(/^#case=(.*)/)?.[1] ?? ""); } catch { /* not our link */ }
  filter.only = view.all.some((row) => text(row.case) === wanted) ? wanted : "";
  refresh();
  if (!filter.only) return;
  view.body.querySelector("button.open").click();
  at("h-cases").scrollIntoView();
}

// --- controls ---

function searchBox() {
  const node = el("input", { id: "search", type: "search", placeholder: "Search ids, answers, goldens, tags",
    "aria-label": "Search cases", autocomplete: "off", spellcheck: "false" });
  let wait = 0;
  node.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => { filter.text = node.value.toLowerCase(); filtered(); }, 120);
  });
  return node;
}

function statusButtons() {
  const press = (now) => nodes.forEach((node) => node.setAttribute("aria-pressed", String(node === now)));
  const counts = Object.entries(STATUS).map(([key, holds]) => ({ key, count: view.all.filter(holds).length }));
  const nodes = counts.filter(({ key, count }) => count || key === "all").map(({ key, count }) => {
    const node = el("button", { type: "button", "aria-pressed": String(key === filter.status) }, key, muted(` ${whole(count)}`));
    node.addEventListener("click", () => { filter.status = key; press(node); filtered(); });
    return node;
  });
  return el("div.choice", { role: "group", "aria-label": "Status" }, nodes);
}

// A select box of [[value, label], ...]; null for fewer than two choices.
function selectBox(key, label, choices, whenAll) {
  if (choices.length < 2) return null;
  const options = choices.map(([value, words]) => el("option", { value }, words));
  const node = el("select", { "aria-label": label }, whenAll ? el("option", { value: "" }, whenAll) : null, options);
  node.value = filter[key];
  node.addEventListener("change", () => { filter[key] = node.value; ["metric", "column"].includes(key) && renderHead(); filtered(); });
  return node;
}

function boxes() {
  const columns = data.columns.map(({ source, model, prompt }, index) =>
    [index, [source, model, prompt].filter(Boolean).map(flat).join(" · ")]);
  const tags = [...new Set(rows.tags.flat())].map((tag) => [tag, flat(text(tag))]).sort((a, b) => a[1].localeCompare(b[1]));
  const metrics = data.metrics.map((metric, index) => [index, flat(metric)]);
  const orders = Object.entries(ORDER).map(([key, [words]]) => [key, words]);
  return [
    selectBox("column", "Model and prompt", columns, "Every model · prompt"), selectBox("tag", "Tag", tags, "Every tag"),
    selectBox("metric", "Metric", metrics, "All metrics"), selectBox("order", "Order", orders, null),
  ];
}

function move(step) {
  const buttons = [...view.body.querySelectorAll("button.open")], active = document.activeElement;
  const row = active.closest("tr.detail")?.previousElementSibling ?? active.closest("tr");
  const next = buttons.indexOf(row?.querySelector("button.open")) + step;
  if (next >= buttons.length && view.count < view.rows.length) { addPage(); return move(step); }
  return buttons[Math.max(0, Math.min(buttons.length - 1, next))]?.focus();
}

function onKey(event) {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("input, select")) { if (key === "Escape") target.blur(); return; }
  const arrows = target.matches("button.open") ? { ArrowDown: 1, ArrowUp: -1 } : {}; // elsewhere, arrow keys scroll the page
  const step = { j: 1, k: -1, ...arrows }[key];
  if (!step && key !== "/") return;
  event.preventDefault();
  step ? move(step) : at("search").focus();
}

// Matrix or list, where there are several models or prompts.
function shapeButtons() {
  if (!several) return null;
  /** @type {[boolean, string][]} */
  const shapes = [[true, "Matrix"], [false, "List"]];
  const nodes = shapes.map(([matrix, words]) => {
    const node = el("button", { type: "button", "aria-pressed": String(matrix === filter.matrix) }, words);
    node.addEventListener("click", () => {
      filter.matrix = matrix;
      for (const other of nodes) other.setAttribute("aria-pressed", String(other === node));
      renderHead();
      refresh();
    });
    return node;
  });
  return el("div.choice", { role: "group", "aria-label": "View" }, nodes);
}

function renderHead() {
  if (filter.matrix) return matrixHead();
  at("cases").classList.add("cards");
  at("cases").classList.remove("matrix");
  const metrics = chosen().map((metric) => num(bdi(data.metrics[metric])));
  const heads = [["Case"], ["Model · prompt"], ...metrics, num("Tokens"), num("Seconds"), [el("span.unseen", {}, "Flags")]];
  at("cases").replaceChildren(table("Samples", heads, []));
  view.body = at("cases").querySelector("tbody");
}

async function renderCases() {
  await unpack();
  const kbd = (key) => el("kbd", {}, key);
  const keys = el("p.keys.muted.small", {}, kbd("j"), kbd("k"), " move, ", kbd("Enter"), " opens, ", kbd("/"), " searches");
  if (view.all.some((row) => gained(row) < -VISIBLE)) [filter.status, filter.order] = ["worse", "loss"];
  build(at("filters"), {}, [shapeButtons(), searchBox(), statusButtons(), boxes()]);
  at("filters").after(keys);
  renderHead();
  renderChanges();
  follow();
  at("more").addEventListener("click", addPage);
  const near = new IntersectionObserver(([entry]) => entry.isIntersecting && more(), { rootMargin: "600px" });
  const more = () => {
    addPage();
    near.unobserve(at("more")); // observing again triggers a report while the end of the page stays in view
    near.observe(at("more"));
  };
  near.observe(at("more"));
  addEventListener("hashchange", follow);
  document.addEventListener("keydown", onKey);
  performance.mark("rendered");
  document.body.dataset.ready = "yes";
}
