// Which one: the means of each model and prompt, the best marked, with what they cost.

const label = (column) => [column.source ? [bdi(column.source), muted(" · ")] : [], pair(column.model, column.prompt)];

// The change of a mean as its gate measured it: over the cases of both sides.
function change(group, metric) {
  const one = (gate) => gate.metric === metric && gate.model === group.model && gate.prompt === group.prompt
    && !gate.tag && !gate.pinned;
  const gate = data.gates.find(one);
  return gate && known(gate.change) ? small(movedBy(gate)) : null;
}

function tokenChange(group) {
  const found = change(group, "cost");
  return found && small("prompt and answer, typically ", found.textContent);
}

// A mean in points, or a dash.
const mean100 = (value) => (known(value) ? level(value, "points") : "–");
const between = (low, high) => `${mean100(low)} … ${mean100(high)}`;

// The rank of a value among those of all columns, from 0 to 4; null where nothing differs.
function heat(value, values) {
  const all = values.filter(known), [low, high] = [Math.min(...all), Math.max(...all)];
  return known(value) && all.length > 1 && high > low ? Math.round((4 * (value - low)) / (high - low)) : null;
}

function heated(value, values, higherIsBetter, ...children) {
  const rank = heat(value, values), best = rank !== null && value === (higherIsBetter ? Math.max : Math.min)(...values.filter(known));
  const shade = rank === null ? "" : `.heat${higherIsBetter ? rank : 4 - rank}`;
  const node = el(`td.num${shade}${best ? ".best" : ""}`, {}, ...children);
  if (best) node.append(el("span.unseen", {}, " best"));
  return node;
}

/** @type {[string, string, (value: any) => string][]} A title, a field of a column, and how its number is written. */
const PRICED = [
  ["Answer tokens", "completion_tokens", (value) => fixed(value, 1)], ["$ per 1,000", "cost_per_1000_usd", (value) => fixed(value, 4)],
  ["Seconds, p50", "total_p50_s", seconds],
];

function whichRow(group) {
  const short = (count, of, words) => (count === of ? null : el("div.unsure.small", {}, words));
  const bad = (count) => cell("num", "", count ? el("strong.bad", {}, whole(count)) : "0");
  const means = group.scores.map(([mean, low, high, scored], index) => heated(mean, data.columns.map(({ scores }) => scores[index][0]), true,
    mean100(mean), known(low) ? small(between(low, high)) : null, change(group, data.metrics[index]),
    short(scored, group.samples, `${whole(scored)} scored`)));
  const priced = PRICED.map(([, key, shape]) => heated(group[key], data.columns.map((column) => column[key]), false, shape(group[key]),
    key === "completion_tokens" ? tokenChange(group) : key === "total_p50_s" ? change(group, "latency") : null));
  return el("tr", {}, el("th", { scope: "row" }, label(group)), means, priced,
    cell("num", "", whole(group.samples), short(group.samples, group.planned, `of ${whole(group.planned)}`)), bad(group.errors), bad(group.failed));
}

function renderGroups() {
  at("h-groups").textContent = several ? "Which one?" : "Scores";
  const heads = [...data.metrics.map((metric) => num(bdi(metric))), ...PRICED.map(([title]) => num(title)), ...["Samples", "Errors", "Failed checks"].map(num)];
  at("groups").append(several && data.overall !== "comparison" ? el("p", {}, shown(`${data.leader}.`, "exact")) : "",
    table("Mean scores", [["Model · prompt"], ...heads], data.columns.map(whichRow)),
    el("p.muted.small.note", {}, "Scores are in points, from 0 to 100. Below a mean: its 95 % interval over cases like "
      + "these, and the change that a gate measured on the cases of both sides. Tokens are means per answer; seconds exclude replayed and retried answers."));
}
