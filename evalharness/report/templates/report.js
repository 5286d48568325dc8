// The verdict, the gates, and the tables of models and prompts.

function drawVerdict() {
  const facts = { suite: "", file: "", started: "", commit: "", machine: "", run: "", sources: "", ...data.facts }, colour = COLOUR[data.overall] ?? "plain";
  const when = facts.started.replace("T", " ").replace(/\.\d+/, "").replace(/(Z|\+00:00)$/, " UTC");
  const amount = `${data.extent}: ${whole(data.answered)} of ${whole(data.planned)} answered`;
  document.title = `${data.overall}: ${flat(facts.suite)} – evalharness`;
  at("suite").append(name(facts.suite));
  if (data.overall !== "comparison") at("verdict").append(status(data.overall));
  at("verdict").append(el(`h1.${colour}`, {}, shown(data.sentence, "exact")));
  const entries = {
    Suite: name(facts.file), Started: name(when), Commit: name(facts.commit), Machine: name(facts.machine),
    Samples: el(data.extent === "complete" ? "span" : "strong.unsure", {}, amount), Run: name(facts.run),
    Sources: name(facts.sources),
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
  const scope = [gate.tag ? small("tag ", name(gate.tag)) : null, gate.pinned ? small("against the pinned baseline") : null];
  const title = [el("div.strong", {}, name(gate.metric)), small(pair(gate.model, gate.prompt)), scope];
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

// What this change does to its own exam, against the commit that it is to be merged into.
function drawExam() {
  at("exam-part").hidden = !data.exam.length;
  const row = (change) => el("tr", {},
    cell("", "", change.relaxes ? el("span.status.unsure", {}, icon("inconclusive"), "easier") : muted("as hard or harder")),
    el("th", { scope: "row" }, shown(change.what, "exact")), cell("reason", "", change.then ? shown(change.then, "exact") : muted("–")),
    cell("reason", "", shown(change.now, "exact")));
  const head = [["The exam becomes"], ["What"], ["Then"], ["Now"]];
  if (data.exam.length) at("exam").append(table("What this change does to its own exam", head, data.exam.map(row)));
}

drawVerdict();
if (data.gates.length || data.overall !== "comparison") drawGates();
else at("gates-part").hidden = true;
drawExam();
drawGroups();
drawCases().catch(() => at("cases").append(nothing("The cases cannot be unpacked here: this browser is too old, or the file is damaged.")));
