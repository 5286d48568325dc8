// Models and prompts in detail: speed, pairwise tests, quality against price and time, tags.

function speedRow(group) {
  return el("tr", {}, el("th", { scope: "row" }, label(group)),
    cell("num", "", seconds(group.total_p50_s), change(group, "latency")), cell("num", "", seconds(group.total_p95_s)),
    cell("num", "", seconds(group.first_token_p50_s)), cell("num", "", fixed(group.decode_p50, 1)),
    cell("num", "", fixed(group.prompt_tokens, 0)), cell("num", "", fixed(group.completion_tokens, 1), tokenChange(group)),
    cell("num", "", fixed(group.cost_per_1000_usd, 4)));
}

function renderDetails() {
  const speeds = ["Seconds, p50", "Seconds, p95", "First token, s", "Decode, tok/s", "Prompt tokens", "Answer tokens", "$ per 1,000"];
  if (several) at("details").append(...[pairGrid(), tradeOff(), tags()].filter(known));
  at("details").append(el("h3", {}, "Speed and tokens"), table("Speed and tokens", [["Model · prompt"], ...speeds.map(num)], data.columns.map(speedRow)),
    el("p.muted.small.note", {}, "First token and decode are medians, tokens are means per request. Seconds exclude replayed and retried answers."));
}

// --- each pair ---

// A grid for one metric: row against column.
function pairGrid() {
  if (!data.pairwise.length) return nothing("No two have a case and a metric in common.");
  const place = el("div", {}), draw = (metric) => place.replaceChildren(grid(data.metrics[metric]));
  const box = el("select", { "aria-label": "Metric of the pairs" }, data.metrics.map((metric, index) => el("option", { value: index }, flat(metric))));
  box.addEventListener("change", () => draw(Number(box.value)));
  draw(0);
  return el("section", {}, el("h3", {}, "Each against each"), el("div.choose", {}, box), place,
    el("p.muted.small.note", {}, "The row against the column: both means over the cases of both, the change, its 95 % interval, and p of a "
      + "two-sided within-case permutation test, Holm-adjusted over all metrics and pairs. Colored where p is below 0.05."));
}

function grid(metric) {
  const found = (row, column) => data.pairwise.find((one) => one.metric === metric && one.second === Math.max(row, column) && one.first === Math.min(row, column));
  const cellOf = (row, column) => (row === column ? cell("num", "", muted("–")) : comparison(found(row, column), row > column));
  const numbered = data.columns.map((group) => num(label(group)));
  return table(`Each against each`, [["Row against column"], ...numbered], data.columns.map((group, row) =>
    el("tr", {}, el("th", { scope: "row" }, label(group)), data.columns.map((_, column) => cellOf(row, column)))));
}

// `forward`: the row is the second of the pair.
function comparison(one, forward) {
  if (!one) return cell("num", "", muted("–"));
  const [before, after] = forward ? [one.before, one.after] : [one.after, one.before];
  const change = forward ? one.change : -one.change, [low, high] = forward ? [one.low, one.high] : [-one.high, -one.low];
  const clear = one.p_value < 0.05 ? (change > 0 ? "strong.good" : "strong.bad") : "span";
  return cell("num", "", small(levels(before, after, "points")), el(clear, {}, signed(change, "points")), small(span(low, high, "points")),
    small(`p ${probability(one.p_value)}, ${plural(one.cases, "case")}`));
}

// --- quality against price and time ---

const PRICES = {
  cost_per_1000_usd: "Dollars per 1,000 answers", completion_tokens: "Answer tokens", total_p50_s: "Seconds, median",
  first_token_p50_s: "Seconds to the first token, median",
};

function tradeOff() {
  const prices = Object.entries(PRICES).filter(([key]) => data.columns.filter((column) => known(column[key])).length > 1);
  if (!prices.length || !data.metrics.length) return null;
  const place = el("div", {}), state = { price: prices[0][0], metric: 0 };
  const draw = () => place.replaceChildren(scatter(state.price, Number(state.metric)));
  const choose = (key, words, choices) => {
    const node = el("select", { "aria-label": words }, choices.map(([value, text]) => el("option", { value }, text)));
    node.addEventListener("change", () => { state[key] = node.value; draw(); });
    return node;
  };
  draw();
  return el("section", {}, el("h3", {}, "Quality against price and time"), el("div.choose", {},
    choose("metric", "Up", data.metrics.map((metric, index) => [index, flat(metric)])), choose("price", "Right", prices)), place);
}

function scatter(price, metric) {
  const points = data.columns.map((column, index) => ({ column, number: index + 1, x: column[price], y: column.scores[metric][0] }))
    .filter(({ x, y }) => known(x) && known(y));
  if (!points.length) return nothing("No column has both.");
  const [wide, high, edge] = [640, 300, 46], most = Math.max(...points.map(({ x }) => x)) * 1.1 || 1;
  const ys = points.map(({ y }) => y), low = Math.max(0, Math.min(...ys) - 10), top = Math.min(100, Math.max(...ys) + 10);
  const right = (x) => edge + (x / most) * (wide - edge - 20), up = (y) => high - edge - ((y - low) / (top - low || 1)) * (high - edge - 16);
  const slowest = Math.max(...points.map(({ column }) => column.total_p50_s ?? 0)) || 1;
  const dot = ({ column, number, x, y }) => svg("g", {},
    svg("circle", { class: "dot", cx: right(x), cy: up(y), r: 7 + 9 * Math.sqrt((column.total_p50_s ?? 0) / slowest) }),
    svg("text", { x: right(x), y: up(y) + 4, "text-anchor": "middle" }, String(number)));
  const words = (x, y, anchor, value) => svg("text", { class: "words", x, y, "text-anchor": anchor }, value);
  const front = points.filter((one) => !points.some((other) => other !== one && other.x <= one.x && other.y >= one.y && (other.x < one.x || other.y > one.y)))
    .sort((a, b) => a.x - b.x);
  const path = front.map(({ x, y }, index) => `${index ? "L" : "M"}${right(x)} ${up(y)}`).join("");
  const about = points.map(({ number, x, y }) => `${columnTitle(number - 1)}: ${mean100(y)} at ${fixed(x, 3)}`).join("; ");
  return el("figure", {}, svg("svg", { class: "map", viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": about },
    line("zero", edge, wide, high - edge, high - edge), line("zero", edge, edge, 0, high - edge), front.length > 1 ? svg("path", { class: "front", d: path }) : null, points.map(dot),
    words(edge, high - edge + 18, "middle", "0"), words(right(most / 1.1), high - edge + 18, "middle", fixed(most / 1.1, most < 1 ? 4 : 2)),
    words((edge + wide) / 2, high - 6, "middle", PRICES[price]), words(edge - 6, up(top) + 4, "end", mean100(top)),
    words(edge - 6, up(low) + 4, "end", mean100(low))),
    el("figcaption", {}, el("ol", {}, data.columns.map((column) => el("li", {}, label(column)))),
      small("Higher is better, further left is cheaper or faster; larger dots take more seconds. "
        + `Nothing is better and cheaper than ${front.map(({ number }) => number).join(", ")}, on the line.`)));
}

// --- tags ---

function tags() {
  if (!data.tags.length || !data.metrics.length) return null;
  const place = el("div.multiples", {});
  const draw = (metric) => place.replaceChildren(...data.tags.map((one) => multiple(one, metric)));
  const options = data.metrics.map((metric, index) => el("option", { value: index }, flat(metric)));
  const box = el("select", { "aria-label": "Metric of the tags" }, options);
  box.addEventListener("change", () => draw(Number(box.value)));
  draw(0);
  return el("section", {}, el("h3", {}, "By tag"), el("div.choose", {}, box), place);
}

function multiple(one, metric) {
  const bars = one.means.map((means, index) => {
    const value = means[metric], width = Math.max(0, Math.min(100, value ?? 0));
    return el("li", {}, svg("svg", { class: "bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "track", width: 100, height: 6 }), svg("rect", { width, height: 6 })),
      el("span.value", {}, mean100(value)), el("span.unseen", {}, columnTitle(index)));
  });
  return el("div", {}, el("h4", {}, bdi(one.tag), muted(` ${plural(one.cases, "case")}`)), el("ol", {}, bars));
}
