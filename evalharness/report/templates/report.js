// The verdict, the gates, and the tables of models and prompts.

function drawVerdict() {
  const facts = data.facts, colour = COLOUR[data.overall];
  const when = facts.started.replace("T", " ").replace(/\.\d+/, "").replace(/(Z|\+00:00)$/, " UTC");
  const amount = `${data.extent}: ${whole(data.answered)} of ${whole(data.planned)} answered`;
  document.title = `${data.overall}: ${flat(facts.suite)} – evalharness`;
  at("suite").append(name(facts.suite));
  at("verdict").append(status(data.overall), el(`h1.${colour}`, {}, shown(data.sentence, "exact")));
  const entries = {
    Suite: name(facts.file), Started: name(when), Commit: name(facts.commit), Machine: name(facts.machine),
    Samples: el(data.extent === "complete" ? "span" : "strong.unsure", {}, amount), Run: name(facts.run),
  };
  for (const [label, value] of Object.entries(entries))
    if (value.textContent) at("facts").append(el("div", {}, el("dt", {}, label), el("dd", {}, value)));
}

// The unit of every interval is its own margin, so that zero and margin stand in one line over all gates.
const PLOT = { width: 176, left: -1.5, right: 2.5 };
const within = (value) => Math.min(PLOT.right, Math.max(PLOT.left, value));
const place = (value) => 6 + ((within(value) - PLOT.left) / (PLOT.right - PLOT.left)) * (PLOT.width - 12);
const line = (kind, x1, x2, y1, y2) => svg("line", { class: kind, x1, x2, y1, y2 });

// The end of something, or, where it lies outside the drawing, an arrow towards it.
function mark(value, inside) {
  const x = place(value), back = value < 0 ? 4 : -4;
  return value === within(value) ? inside(x) : svg("path", { class: "range", d: `M${x + back} 7L${x} 12L${x + back} 17` });
}

function interval(gate) {
  if (!known(gate.drop) || !(gate.margin > 0)) return muted("–");
  const [drop, bound] = [gate.drop / gate.margin, known(gate.bound) ? gate.bound / gate.margin : null];
  const range = bound === null ? [] : [
    line("range", place(drop), place(bound), 12, 12), mark(bound, (x) => line("range", x, x, 8, 16)),
  ];
  const words = [`drop ${signed(gate.drop, gate.ratio)}`, `at most ${signed(gate.bound, gate.ratio)}`,
    `margin ${size(gate.margin, gate.ratio)}`].join(", ");
  const frame = { class: `plot ${COLOUR[gate.status]}`, viewBox: `0 0 ${PLOT.width} 24` };
  return svg("svg", { ...frame, role: "img", "aria-label": words },
    svg("rect", { class: "beyond", x: place(1), y: 0, width: PLOT.width - place(1), height: 24 }),
    line("zero", place(0), place(0), 0, 24), line("limit", place(1), place(1), 0, 24),
    range, mark(drop, (cx) => svg("circle", { class: "point", cx, cy: 12, r: 4.5 })));
}

function axis() {
  const label = (x, word, anchor = "middle") => svg("text", { x, y: 11, "text-anchor": anchor }, word);
  const words = "From better, over zero and the margin, to worse";
  return svg("svg", { class: "plot axis", viewBox: `0 0 ${PLOT.width} 14`, role: "img", "aria-label": words },
    label(0, "better", "start"), label(place(0), "0"), label(place(1), "margin"), label(PLOT.width, "worse", "end"));
}

function gateRow(gate) {
  const title = [el("div.strong", {}, name(gate.metric)), small(pair(gate.model, gate.prompt))];
  return el(gate.gating ? "tr" : "tr.informs", {},
    cell("", "Status", status(gate.status), gate.gating ? null : small("for information")),
    el("th", { scope: "row" }, title), cell("interval", "", interval(gate)),
    cell("num", "Drop", signed(gate.drop, gate.ratio)), cell("num", "At most", signed(gate.bound, gate.ratio)),
    cell("num", "Margin", size(gate.margin, gate.ratio)), cell("num", "p", probability(gate.p_value)),
    cell("num", "Cases", whole(gate.cases)), cell("reason", "Reason", shown(gate.reason, "exact")));
}

function drawGates() {
  if (!data.gates.length) return at("gates").append(el("p.muted", {}, "No gate judged this run."));
  const numbers = ["Drop", "At most", "Margin", "p", "Cases"].map(num);
  at("gates").append(
    table("The verdict of every gate", [["Status"], ["Gate"], [axis()], ...numbers, ["Reason"]], data.gates.map(gateRow)),
    el("p.muted.small.note", {}, "Drop: how much worse than the baseline; negative is better. At most: the largest drop "
      + "that these cases leave possible, at 95 %. p: how often so large a drop would be seen without a real change, "
      + "adjusted for the number of gates."));
}

// The change of a mean as its gate measured it: over the cases that both sides have.
function change(group, metric) {
  const one = (gate) => gate.metric === metric && gate.model === group.model && gate.prompt === group.prompt;
  const gate = data.gates.find(one);
  if (!gate || !known(gate.drop)) return null;
  return small(signed(gate.ratio ? gate.drop : 0 - gate.drop, gate.ratio));
}

function qualityRow(group) {
  const short = (count, of, words) => (count === of ? null : el("div.unsure.small", {}, words));
  const bad = (count) => cell("num", "", count ? el("strong.bad", {}, whole(count)) : "0");
  const means = group.scores.map(([mean, scored], index) => cell("num", "", fixed(mean, 3),
    change(group, data.metrics[index]), short(scored, group.samples, `${whole(scored)} scored`)));
  return el("tr", {}, el("th", { scope: "row" }, pair(group.model, group.prompt)),
    cell("num", "", whole(group.samples), short(group.samples, group.planned, `of ${whole(group.planned)}`)),
    bad(group.errors), bad(group.failed), means);
}

function speedRow(group) {
  return el("tr", {}, el("th", { scope: "row" }, pair(group.model, group.prompt)),
    cell("num", "", seconds(group.total_p50_s), change(group, "latency")), cell("num", "", seconds(group.total_p95_s)),
    cell("num", "", seconds(group.first_token_p50_s)), cell("num", "", fixed(group.decode_p50, 1)),
    cell("num", "", fixed(group.prompt_tokens, 0)), cell("num", "", fixed(group.completion_tokens, 1)),
    cell("num", "", fixed(group.cost_per_1000_usd, 4)));
}

function drawGroups() {
  const first = ["Model · prompt"], counts = ["Samples", "Errors", "Failed checks"].map(num);
  const speeds = ["Seconds, p50", "Seconds, p95", "First token, s", "Decode, tok/s", "Prompt tokens", "Answer tokens",
    "$ for 1,000"];
  const metrics = data.metrics.map((metric) => num(name(metric)));
  at("groups").append(
    el("h3", {}, "Mean scores"), table("Mean scores", [first, ...counts, ...metrics], data.groups.map(qualityRow)),
    el("h3", {}, "Speed and tokens"), table("Speed and tokens", [first, ...speeds.map(num)], data.groups.map(speedRow)),
    el("p.muted.small.note", {}, "A small figure below a number is its change against the baseline, over the cases that "
      + "both have. First token and decode are medians, tokens are means per request. Seconds are those of answers that were "
      + "asked for in this run, at the first try: a replayed answer says nothing of time."));
}

drawVerdict();
drawGates();
drawGroups();
drawCases();
