// The list of samples: rows, what a row opens to, search, filters and keys.

const PAGE = 100; // rows drawn at a time: thousands would take seconds and nobody reads them
const isChanged = (row) => Array.isArray(row.diff);
const STATUS = {
  all: () => true, errors: (row) => row.error !== null, failed: (row) => row.failed.length > 0, changed: isChanged,
};
const filter = { text: "", status: "all", model: "", prompt: "", tag: "", only: "" };
const view = { rows: [], drawn: 0, body: null };
const repeats = data.cases.some((row) => row.repeat > 0);

// --- a row ---

function scoreCell(row, index) {
  const score = row.scores.find(([metric]) => metric === index), label = flat(data.metrics[index]);
  if (!score || !known(score[1])) return cell("num", label, muted("–"));
  const width = 48 * Math.max(0, Math.min(1, score[1]));
  const bar = svg("svg", { class: "bar", viewBox: "0 0 48 3", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 48, height: 3 }), svg("rect", { width, height: 3 }));
  return cell("num", label, fixed(score[1], 2), bar);
}

function flags(row) {
  const flag = (kind, words, sign = null) => el(`span.flag.${kind}`, {}, sign && icon(sign), words);
  return [
    row.error ? flag("bad", "error", "error") : null,
    row.failed.length ? flag("bad", plural(row.failed.length, "failed check"), "fail") : null,
    row.finish === "length" ? flag("unsure", "cut off") : null,
    isChanged(row) ? flag("muted", "changed") : null,
  ];
}

function caseRow(row) {
  const chevron = el("span.chevron", { "aria-hidden": "true" }), draw = repeats ? muted(`#${row.repeat + 1}`) : null;
  const button = el("button.open", { type: "button", "aria-expanded": "false" }, chevron, name(text(row.case)), draw);
  const tags = row.tags.map((tag) => el("span.tag", {}, name(text(tag))));
  const node = el("tr", {}, el("th", { scope: "row" }, button, tags.length ? el("div.tags", {}, tags) : null),
    cell("who", "", pair(text(row.model), text(row.prompt))), data.metrics.map((_, index) => scoreCell(row, index)),
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
  return el("div", {}, problems(row),
    el("div.columns", {}, part(row.golden.length > 1 ? "Golden answers, any of them right" : "Golden answer", golden),
      part("Answer", answer)),
    part("Change from the baseline’s answer", difference(row)), part("Prompt", row.messages.map(message)),
    el("div.columns", {}, part("Scores", scores(row)), part("Request", request(row))),
    el("p.small", {}, el("a", { href: link }, "Only this case, under every model and prompt")));
}

function problems(row) {
  const failed = row.failed.map((index) => el("li", {}, shown(text(index), "exact")));
  const [kind, words] = (row.error ?? []).map(text);
  return [
    row.error ? part("Error", el("p.bad", {}, el("strong", {}, name(kind), ": "), shown(words, "exact"))) : null,
    failed.length ? part("Failed checks", el("ul.bad", {}, failed)) : null,
  ];
}

function difference(row) {
  if (row.diff === "same") return nothing("None: the answer is the same.");
  if (!row.diff) return nothing("Nothing to compare: one side has no answer.");
  const blanks = { " ": "␣", "\n": "↵\n", "\t": "⇥\t" };
  const visible = (value) => (value.trim() ? value : value.replace(/[ \n\t]/g, (char) => blanks[char]));
  return el("div.text", { dir: "auto" }, row.diff.map(([kind, value]) => (kind === "same" ? shown(value, "exact")
    : el(kind === "new" ? "ins" : "del", {}, shown(visible(value), "change")))));
}

const message = ([role, content]) => el("div.message", {}, el("div.role", {}, name(text(role))), prose(text(content)));

function scores(row) {
  if (!row.scores.length) return nothing("Not scored.");
  return table("Scores", [["Metric"], num("Score"), ["Signature"]], row.scores.map(([metric, value, signature]) =>
    el("tr", {}, el("th", { scope: "row" }, name(data.metrics[metric])), cell("num", "", fixed(value, 4)),
      cell("signature", "", name(text(signature))))));
}

function request(row) {
  if (row.answer === null) return nothing("No complete response.");
  const [total, first, prompt, decode] = row.timing;
  const facts = {
    "Finish reason": row.finish === "length" ? "length: the answer was cut off" : row.finish,
    Tokens: `${whole(row.tokens[0])} prompt, ${whole(row.tokens[1])} answer`,
    Seconds: known(first) ? `${seconds(total)}, first token after ${seconds(first)}` : seconds(total),
    "Tokens per second": `${fixed(prompt, 1)} prompt, ${fixed(decode, 1)} decode`,
  };
  return el("dl.pairs", {}, Object.entries(facts).map(([label, value]) => [el("dt", {}, label), el("dd", {}, value)]));
}

// --- which rows, and how many of them ---

function haystack(row) {
  const parts = [row.case, ...row.tags, ...row.golden, row.answer].filter(known);
  return (row.haystack ??= parts.map(text).join("\n").toLowerCase());
}

function isChosen(row) {
  if (filter.only) return text(row.case) === filter.only;
  const same = (key) => filter[key] === "" || row[key] === Number(filter[key]);
  return STATUS[filter.status](row) && same("model") && same("prompt")
    && (filter.tag === "" || row.tags.includes(Number(filter.tag)))
    && (filter.text === "" || haystack(row).includes(filter.text));
}

function drawPage() {
  const rows = view.rows.slice(view.drawn, view.drawn + PAGE);
  view.body.append(...rows.map(caseRow));
  view.drawn += rows.length;
  const left = view.rows.length - view.drawn;
  at("more").hidden = left === 0;
  at("more").textContent = `Show ${Math.min(PAGE, left)} more of ${whole(left)}`;
}

function refresh() {
  view.rows = data.cases.filter(isChosen);
  view.drawn = 0;
  view.body.replaceChildren();
  const total = plural(data.cases.length, "sample"), some = view.rows.length < data.cases.length;
  at("count").replaceChildren(some ? `${whole(view.rows.length)} of ${total}` : total, ", worst first");
  if (filter.only) at("count").append(": only ", name(filter.only), ". ", el("a", { href: "#h-cases" }, "Show all"));
  drawPage();
}

// Leaves a deep link as soon as the reader asks for something else.
const filtered = () => (filter.only ? (location.hash = "h-cases") : refresh());

// `#case=ID` narrows the list to one case and opens it, wherever it stands among thousands.
function follow() {
  let wanted = "";
  try { wanted = decodeURIComponent(location.hash.match(/^#case=(.*)/)?.[1] ?? ""); } catch { /* not our link */ }
  filter.only = data.cases.some((row) => text(row.case) === wanted) ? wanted : "";
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
  const press = (chosen) => nodes.forEach((node) => node.setAttribute("aria-pressed", String(node === chosen)));
  const nodes = Object.entries(STATUS).map(([key, holds]) => {
    const count = muted(` ${whole(data.cases.filter(holds).length)}`);
    const node = el("button", { type: "button", "aria-pressed": String(key === "all") }, key, count);
    node.addEventListener("click", () => { filter.status = key; press(node); filtered(); });
    return node;
  });
  return el("div.choice", { role: "group", "aria-label": "Status" }, nodes);
}

function selectBox(key) {
  const values = [...new Set(data.cases.flatMap((row) => row[key === "tag" ? "tags" : key]))];
  if (values.length < 2) return null;
  const ordered = values.sort((a, b) => text(a).localeCompare(text(b)));
  const options = ordered.map((value) => el("option", { value }, flat(text(value))));
  const node = el("select", { "aria-label": key }, el("option", { value: "" }, key[0].toUpperCase() + key.slice(1)), options);
  node.addEventListener("change", () => { filter[key] = node.value; filtered(); });
  return node;
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

function drawCases() {
  const kbd = (key) => el("kbd", {}, key);
  const keys = el("p.keys.muted.small", {}, kbd("j"), kbd("k"), " move, ", kbd("Enter"), " opens, ", kbd("/"), " searches");
  build(at("filters"), {}, [searchBox(), statusButtons(), ["model", "prompt", "tag"].map(selectBox)]);
  at("filters").after(keys);
  const metrics = data.metrics.map((metric) => num(name(metric)));
  const heads = [["Case"], ["Model · prompt"], ...metrics, num("Tokens"), num("Seconds"), [el("span.unseen", {}, "Flags")]];
  at("cases").append(table("Samples, worst first", heads, []));
  view.body = at("cases").querySelector("tbody");
  follow();
  at("more").addEventListener("click", drawPage);
  const near = new IntersectionObserver(([entry]) => entry.isIntersecting && drawPage(), { rootMargin: "600px" });
  near.observe(at("more"));
  addEventListener("hashchange", follow);
  document.addEventListener("keydown", onKey);
}
