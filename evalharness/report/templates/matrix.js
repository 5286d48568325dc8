// The matrix: a row for each case, a column for each model and prompt, with questions and answers to read.

const CASES_AT_ONCE = 25;
const MOST_CHARS = 700; // of an answer in a cell; its details have all of it
const MOST_COMPARED = 3000; // characters of two texts whose words are compared

// The rows of a list by case, in the order of the first of each.
function byCase(list) {
  const found = new Map();
  for (const row of list) if (!found.has(row.case)) found.set(row.case, view.ofCase.get(row.case));
  return [...found.values()];
}

const shownColumns = () => data.columns.map((_, index) => index).filter((index) => filter.column === "" || index === Number(filter.column));

function questionOf(row) {
  const turns = rows.prompts[rows.messages[row.index]].filter(([role]) => text(role) === "user");
  return turns.length ? clamped(text(turns.at(-1)[1])) : null;
}

const cut = (value) => (value.length > MOST_CHARS ? `${value.slice(0, MOST_CHARS)} …` : value);
const clamped = (value) => el("div.excerpt", { dir: "auto" }, shown(cut(value), "prose"));

function matrixRow(ofCase) {
  const columns = shownColumns(), groups = columns.map((column) => ofCase.filter((row) => row.column === column));
  const first = groups.flat()[0] ?? ofCase[0], node = el("tr", {});
  const opener = (row, ...children) => {
    const button = el("button.open", { type: "button", "aria-expanded": "false" }, el("span.chevron", { "aria-hidden": "true" }), children);
    button.addEventListener("click", () => openInRow(row, node, button));
    return button;
  };
  const tags = first.tags.map((tag) => el("span.tag", {}, bdi(text(tag))));
  const golden = first.golden.length ? el("div.golden.small", {}, clamped(`Golden: ${text(first.golden[0])}`)) : null;
  const head = el("th", { scope: "row" }, opener(first, bdi(text(first.case))), questionOf(first), golden, tags.length ? el("div.tags", {}, tags) : null);
  const leading = chosen().map((metric) => leadingMean(groups, metric));
  return build(node, {}, [head, groups.map((group, index) => matrixCell(group, columns[index], groups[0], leading, opener))]);
}

// One detail row below the case: that of the pressed button.
function openInRow(row, node, button) {
  const open = button.getAttribute("aria-expanded") === "true", below = node.nextSibling;
  if (below?.classList.contains("detail")) below.remove();
  for (const other of node.querySelectorAll("button.open")) other.setAttribute("aria-expanded", "false");
  if (open) return;
  button.setAttribute("aria-expanded", "true");
  node.after(el("tr.detail", {}, el("td", { colspan: node.children.length }, detail(row))));
}

const groupMean = (group, metric) => mean(group.map((row) => score(row, metric)));

// The highest mean of a row; null where none is lower, so that nothing leads.
function leadingMean(groups, metric) {
  const means = groups.map((group) => groupMean(group, metric) ?? Infinity), best = Math.max(...means.filter(Number.isFinite));
  return best > Math.min(...means) ? best : null;
}

function matrixCell(group, column, firstGroup, leading, opener) {
  const row = group.find(({ answer }) => answer !== null) ?? group[0], title = columnTitle(column);
  if (!row) return cell("answer", title, muted("–"));
  const scored = chosen().map((metric, index) => {
    const value = groupMean(group, metric);
    if (!known(value)) return null;
    return el(several && value === leading[index] ? "span.best" : "span", {}, `${flat(data.metrics[metric])} ${score100(value)}`);
  }).filter(known);
  const answer = row.answer === null ? muted("No answer.") : marked(row, firstGroup === group ? null : firstGroup[0]);
  return cell("answer", title, answer, el("div.facts", {}, opener(row, scored.length ? scored : "Details"), repeats(group), flags(row)));
}

// The answer, with the words marked that the first column does not have, where most words are the same.
function marked(row, first) {
  const now = text(row.answer), then = first && first.answer !== null ? text(first.answer) : null;
  if (then === null || now.length + then.length > MOST_COMPARED) return clamped(now);
  if (then === now) return el("div.excerpt", {}, muted("= the first"));
  const pieces = wordDiff(then, cut(now)), same = pieces.filter(([kind]) => kind === "same").reduce((sum, [, words]) => sum + words.length, 0);
  if (2 * same < Math.max(now.length, then.length)) return clamped(now);
  return el("div.excerpt", { dir: "auto" }, pieces.filter(([kind]) => kind !== "gone")
    .map(([kind, words]) => (kind === "same" ? shown(words, "prose") : el("ins", {}, shown(words, "prose")))));
}

// Several samples of one case: how many, their spread, and how many keep each assertion.
function repeats(group) {
  if (group.length < 2) return null;
  const values = group.map((row) => mean(chosen().map((metric) => score(row, metric)))).filter(known);
  const spread = values.length > 1 ? `, ${score100(Math.min(...values))} … ${score100(Math.max(...values))}` : "";
  const kept = group.filter((row) => row.error === null && !row.failed.length).length;
  return small(`${whole(group.length)} samples${spread}; ${kept} of ${group.length} pass`);
}

function matrixHead() {
  const heads = [["Case"], ...shownColumns().map((index) => [columnName(index)])];
  at("cases").replaceChildren(table("Cases", heads, []));
  at("cases").classList.remove("cards");
  at("cases").classList.add("matrix");
  view.body = at("cases").querySelector("tbody");
}
