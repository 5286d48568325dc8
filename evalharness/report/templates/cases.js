// The list of samples: rows, what a row opens to, search, filters, order and keys.

const PAGE = 100; // rows drawn at a time: thousands would take seconds and nobody reads them
const several = data.columns.length > 1;
const filter = { text: "", status: "all", column: "", tag: "", metric: "", order: "worst", only: "" };
const view = { all: [], rows: [], drawn: 0, body: null, repeats: false, ofCase: new Map() };

// The island is column-wise and compressed: `rows.case[7]` is the case of the eighth sample.
let rows = null;
const text = (index) => rows.texts[index];
async function unpack() {
  const letters = atob(at("rows").textContent), bytes = new Uint8Array(letters.length);
  for (let index = 0; index < letters.length; index++) bytes[index] = letters.charCodeAt(index);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  rows = JSON.parse(await new Response(plain).text());
  const cut = new Set(rows.cut), replayed = new Set(rows.replayed);
  view.all = rows.case.map((id, index) => ({
    index, case: id, column: rows.column[index], repeat: rows.repeat[index], tags: rows.tags[index],
    golden: rows.golden[index], answer: rows.answer[index], old: rows.old[index], failed: rows.failed[index] ?? [],
    error: rows.error[index] ?? null, cut: cut.has(index), replayed: replayed.has(index), tokens: rows.tokens[index],
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
// How much a sample gained on what its case had before, over the chosen metrics; null where there is nothing before.
function gained(row) {
  if (row.gainedIn !== filter.metric) {
    let [sum, count] = [0, 0];
    for (const metric of chosen()) {
      const [now, then] = [score(row, metric), rows.before[metric][row.index]];
      if (known(now) && known(then)) { sum += now - then; count++; }
    }
    [row.gainedIn, row.gain] = [filter.metric, count ? sum / count : null];
  }
  return row.gain;
}
const isChanged = (row) => row.old !== null && row.answer !== null && row.old !== row.answer;
const STATUS = {
  all: () => true, worse: (row) => gained(row) < 0, better: (row) => gained(row) > 0, changed: isChanged,
  failed: (row) => row.failed.length > 0, errors: (row) => row.error !== null,
};
const last = (value) => (known(value) ? value : Infinity);
const ORDER = {
  worst: ["Worst first", () => 0], drop: ["Largest drop first", (row) => last(gained(row))],
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
  return cell("num", label, fixed(value, 2), bar);
}

function flags(row) {
  const flag = (kind, words, sign = null) => el(`span.flag.${kind}`, {}, sign && icon(sign), words), gain = gained(row);
  return [
    row.error ? flag("bad", "error", "error") : null,
    row.failed.length ? flag("bad", plural(row.failed.length, "failed check"), "fail") : null,
    row.cut ? flag("unsure", "cut off") : null,
    gain < 0 ? flag("bad", `${fixed(gain, 2)} worse`) : gain > 0 ? flag("good", `+${fixed(gain, 2)} better`) : null,
    !gain && isChanged(row) ? flag("muted", "changed") : null,
  ];
}

const columnName = (index) => {
  const { source, model, prompt } = data.columns[index];
  return [source ? [name(source), muted(" · ")] : [], pair(model, prompt)];
};

function caseRow(row) {
  const chevron = el("span.chevron", { "aria-hidden": "true" }), draw = view.repeats ? muted(`#${row.repeat + 1}`) : null;
  const button = el("button.open", { type: "button", "aria-expanded": "false" }, chevron, name(text(row.case)), draw);
  const tags = row.tags.map((tag) => el("span.tag", {}, name(text(tag))));
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

// --- what it opens to ---

const part = (title, ...children) => el("section.part", {}, el("h3", {}, title), ...children);
const nothing = (words) => el("p.muted", {}, words);

function detail(row) {
  const answer = row.answer === null ? nothing("No answer.") : prose(text(row.answer));
  const golden = row.golden.length ? row.golden.map((index) => prose(text(index))) : nothing("None.");
  const link = `#case=${encodeURIComponent(text(row.case).toWellFormed())}`;
  const messages = rows.prompts[rows.messages[row.index]];
  return el("div", {}, problems(row),
    el("div.columns", {}, part(row.golden.length > 1 ? "Golden answers, any of them right" : "Golden answer", golden),
      part("Answer", answer)),
    difference(row), siblings(row),
    part("Prompt", messages.length ? messages.map(message) : nothing("Not kept: this is an accepted answer.")),
    el("div.columns", {}, part("Scores", scores(row)), part("Request", request(row))),
    el("p.small", {}, el("a", { href: link }, "Link to this case, under every model and prompt")));
}

function problems(row) {
  const failed = row.failed.map((index) => el("li", {}, shown(text(index), "exact")));
  const [kind, words] = (row.error ?? []).map(text);
  return [
    row.error ? part("Error", el("p.bad", {}, el("strong", {}, name(kind), ": "), shown(words, "exact"))) : null,
    failed.length ? part("Failed checks", el("ul.bad", {}, failed)) : null,
  ];
}

// The answer against what was there before, a golden answer, or another answer to the same case.
function difference(row) {
  if (row.answer === null) return null;
  const others = view.ofCase.get(row.case).filter((other) => other !== row && other.answer !== null);
  const choices = [
    ...(row.old === null ? [] : [[`the answer of ${data.earlier}`, row.old]]),
    ...row.golden.map((golden, index) => [row.golden.length > 1 ? `golden answer ${index + 1}` : "the golden answer", golden]),
    ...others.map((other) => [flatName(other), other.answer]),
  ];
  if (!choices.length) return part("Difference", nothing("Nothing to compare with."));
  const place = el("div", {}), draw = (index) => place.replaceChildren(drawDiff(text(choices[index][1]), text(row.answer)));
  const options = choices.map(([label], value) => el("option", { value }, label));
  const box = el("select", { "aria-label": "Difference from" }, options);
  box.addEventListener("change", () => draw(Number(box.value)));
  draw(0);
  return el("section.part", {}, el("h3", {}, "Difference from "), choices.length > 1 ? box : small(choices[0][0]), place);
}

const flatName = (row) => {
  const { source, model, prompt } = data.columns[row.column];
  const draw = view.repeats ? ` #${row.repeat + 1}` : "";
  return [source, model, prompt].filter(Boolean).map(flat).join(" · ") + draw;
};

function siblings(row) {
  const others = view.ofCase.get(row.case).filter((other) => other !== row);
  if (!others.length) return null;
  const about = (other) => data.metrics.map((metric, index) => `${flat(metric)} ${fixed(score(other, index), 2)}`).join(", ");
  const one = (other) => el("div", {}, el("h4", {}, columnName(other.column), view.repeats ? muted(` #${other.repeat + 1}`) : null),
    other.answer === null ? nothing("No answer.") : prose(text(other.answer)), small(about(other)));
  const more = others.length > 12 ? small(`and ${others.length - 12} more`) : null;
  return part("Other answers to this case", el("div.columns", {}, others.slice(0, 12).map(one)), more);
}

const message = ([role, content]) => el("div.message", {}, el("div.role", {}, name(text(role))), prose(text(content)));

function scores(row) {
  const scored = data.metrics.map((_, metric) => metric).filter((metric) => known(score(row, metric)));
  if (!scored.length) return nothing("Not scored.");
  const heads = [["Metric"], num("Score"), num("Before"), ["Signature"]];
  return table("Scores", heads, scored.map((metric) =>
    el("tr", {}, el("th", { scope: "row" }, name(data.metrics[metric])), cell("num", "", fixed(score(row, metric), 4)),
      cell("num", "", fixed(rows.before[metric][row.index], 4)),
      cell("signature", "", name(data.columns[row.column].signatures[metric])))));
}

function request(row) {
  if (row.answer === null) return nothing("No complete response.");
  const [total, first, prompt, decode] = row.timing;
  const facts = {
    "Finish reason": row.cut ? "length: the answer was cut off" : "stop",
    Tokens: `${whole(row.tokens[0])} prompt, ${whole(row.tokens[1])} answer`,
    Seconds: (known(first) ? `${seconds(total)}, first token after ${seconds(first)}` : seconds(total))
      + (row.replayed ? " (recorded earlier)" : ""),
    "Tokens per second": `${fixed(prompt, 1)} prompt, ${fixed(decode, 1)} decode`,
    Cost: known(row.cost) ? `$${row.cost.toPrecision(3)}` : "–",
  };
  return el("dl.pairs", {}, Object.entries(facts).map(([label, value]) => [el("dt", {}, label), el("dd", {}, value)]));
}

// --- which rows, in which order, and how many of them ---

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

function drawPage() {
  const some = view.rows.slice(view.drawn, view.drawn + PAGE);
  view.body.append(...some.map(caseRow));
  view.drawn += some.length;
  const left = view.rows.length - view.drawn;
  at("more").hidden = left === 0;
  at("more").textContent = `Show ${Math.min(PAGE, left)} more of ${whole(left)}`;
}

function refresh() {
  view.rows = ordered(view.all.filter(isChosen));
  view.drawn = 0;
  view.body.replaceChildren();
  const total = plural(view.all.length, "sample"), some = view.rows.length < view.all.length;
  at("count").replaceChildren(some ? `${whole(view.rows.length)} of ${total}` : total, `, ${ORDER[filter.order][0].toLowerCase()}`);
  if (filter.only) at("count").append(": only ", name(filter.only), ". ", el("a", { href: "#h-cases" }, "Show all"));
  drawPage();
}

// Leaves a deep link as soon as the reader asks for something else.
const filtered = () => (filter.only ? (location.hash = "h-cases") : refresh());

// `#case=ID` narrows the list to one case and opens it, wherever it stands among thousands.
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
  const counts = Object.entries(STATUS).map(([key, holds]) => [key, view.all.filter(holds).length]);
  const nodes = counts.filter(([key, count]) => count || key === "all").map(([key, count]) => {
    const node = el("button", { type: "button", "aria-pressed": String(key === filter.status) }, key, muted(` ${whole(count)}`));
    node.addEventListener("click", () => { filter.status = key; press(node); filtered(); });
    return node;
  });
  return el("div.choice", { role: "group", "aria-label": "Status" }, nodes);
}

// A list to choose from: [[value, label], ...]; with fewer than two there is nothing to choose.
function selectBox(key, label, choices, whenAll) {
  if (choices.length < 2) return null;
  const options = choices.map(([value, words]) => el("option", { value }, words));
  const node = el("select", { "aria-label": label }, whenAll ? el("option", { value: "" }, whenAll) : null, options);
  node.value = filter[key];
  node.addEventListener("change", () => { filter[key] = node.value; key === "metric" && drawHead(); filtered(); });
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
  const row = active.closest("tr.detail")?.previousSibling ?? active.closest("tr");
  const next = buttons.indexOf(row?.querySelector("button.open")) + step;
  if (next >= buttons.length && view.drawn < view.rows.length) { drawPage(); return move(step); }
  return buttons[Math.max(0, Math.min(buttons.length - 1, next))]?.focus();
}

function onKey(event) {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("input, select")) { if (key === "Escape") target.blur(); return; }
  const arrows = target.matches("button.open") ? { ArrowDown: 1, ArrowUp: -1 } : {}; // elsewhere they scroll the page
  const step = { j: 1, k: -1, ...arrows }[key];
  if (!step && key !== "/") return;
  event.preventDefault();
  step ? move(step) : at("search").focus();
}

function drawHead() {
  const metrics = chosen().map((metric) => num(name(data.metrics[metric])));
  const heads = [["Case"], ["Model · prompt"], ...metrics, num("Tokens"), num("Seconds"), [el("span.unseen", {}, "Flags")]];
  at("cases").replaceChildren(table("Samples", heads, []));
  view.body = at("cases").querySelector("tbody");
}

async function drawCases() {
  await unpack();
  const kbd = (key) => el("kbd", {}, key);
  const keys = el("p.keys.muted.small", {}, kbd("j"), kbd("k"), " move, ", kbd("Enter"), " opens, ", kbd("/"), " searches");
  if (view.all.some((row) => gained(row) < 0)) [filter.status, filter.order] = ["worse", "drop"];
  build(at("filters"), {}, [searchBox(), statusButtons(), boxes()]);
  at("filters").after(keys);
  drawHead();
  follow();
  at("more").addEventListener("click", drawPage);
  const near = new IntersectionObserver(([entry]) => entry.isIntersecting && more(), { rootMargin: "600px" });
  const more = () => {
    drawPage();
    near.unobserve(at("more")); // observed anew it reports again, also to a reader who stays at the end of the page
    near.observe(at("more"));
  };
  near.observe(at("more"));
  addEventListener("hashchange", follow);
  document.addEventListener("keydown", onKey);
  performance.mark("drawn");
  document.body.dataset.ready = "yes";
}
