// The verdict, the gates, and the tables of models and prompts.

function renderVerdict() {
  const facts = { suite: "", file: "", started: "", commit: "", machine: "", run: "", sources: "", coverage: "", shown: "", ...data.facts }, colour = COLOUR[data.overall] ?? "plain";
  const when = facts.started.replace("T", " ").replace(/\.\d+/, "").replace(/(Z|\+00:00)$/, " UTC");
  const amount = `${data.extent}: ${whole(data.answered)} of ${whole(data.planned)} answered`;
  document.title = `${data.overall}: ${flat(facts.suite)} – evalharness`;
  at("suite").append(bdi(facts.suite));
  if (data.overall !== "comparison") at("verdict").append(badge(data.overall));
  at("verdict").append(el(`h1.${data.overall === "comparison" ? "names" : colour}`, {}, shown(data.headline, "exact")));
  const entries = {
    Suite: bdi(facts.file), Started: bdi(when), Commit: bdi(facts.commit), Machine: bdi(facts.machine),
    Samples: el(data.extent === "complete" ? "span" : "strong.unsure", {}, amount), Run: bdi(facts.run),
    Sources: bdi(facts.sources), Metrics: bdi(facts.coverage), Shown: bdi(facts.shown),
  };
  for (const [label, value] of Object.entries(entries))
    if (value.textContent) at("facts").append(el("div", {}, el("dt", {}, label), el("dd", {}, value)));
}

// Each error once, with the number of its cases and what to do.
function renderErrors() {
  at("errors-part").hidden = !data.errors.length;
  const row = (error) => el("tr", {},
    cell("", "Cases", el("span.strong", {}, error.cases)), cell("reason", "First", shown(error.first, "exact")),
    cell("reason", "Error", shown(error.text, "exact"), error.detail ? small(shown(error.detail, "exact")) : null),
    cell("reason", "What to do", shown(error.todo, "exact")));
  const head = [["Cases"], ["First"], ["Error"], ["What to do"]];
  if (data.errors.length) at("errors").append(table("Every error, with its number of cases", head, data.errors.map(row)));
}

// Each interval is in units of its margin, worse to the left, so that zero and margin are aligned over all gates.
const PLOT = { width: 176, left: -2.5, right: 1.5 };
const within = (value) => Math.min(PLOT.right, Math.max(PLOT.left, value));
const place = (value) => 6 + ((within(value) - PLOT.left) / (PLOT.right - PLOT.left)) * (PLOT.width - 12);
const line = (kind, x1, x2, y1, y2) => svg("line", { class: kind, x1, x2, y1, y2 });
const movedBy = (gate) => moved(gate.before, gate.after, gate.change, gate.unit, gate.level_unit);

// A mark at a value, or an arrow towards it if it is outside the plot.
function mark(value, inside) {
  const x = place(value), back = value < 0 ? 4 : -4;
  return value === within(value) ? inside(x) : svg("path", { class: "range", d: `M${x + back} 7L${x} 12L${x + back} 17` });
}

function interval(gate) {
  if (!known(gate.change) || !(gate.margin > 0)) return muted("–");
  const better = gate.unit === "percent" ? -1 : 1, at = (value) => (better * value) / gate.margin;
  const ends = [gate.low ?? -Infinity, gate.high ?? Infinity].map(at);
  const tick = (x) => line("range", x, x, 8, 16);
  const range = [line("range", place(ends[0]), place(ends[1]), 12, 12), ends.map((end) => mark(end, tick))];
  const words = [movedBy(gate), `95 % bounds ${span(gate.low, gate.high, gate.unit)}`, `margin ${margin(gate.margin, gate.unit)}`];
  const frame = { class: `plot ${COLOUR[gate.status]}`, viewBox: `0 0 ${PLOT.width} 24` };
  return svg("svg", { ...frame, role: "img", "aria-label": words.join(", ") },
    svg("rect", { class: "beyond", x: 0, y: 0, width: place(-1), height: 24 }),
    line("zero", place(0), place(0), 0, 24), line("limit", place(-1), place(-1), 0, 24),
    range, mark(at(gate.change), (cx) => svg("circle", { class: "point", cx, cy: 12, r: 4.5 })));
}

function axis() {
  const label = (x, word, anchor = "middle") => svg("text", { x, y: 11, "text-anchor": anchor }, word);
  const words = "From worse, over the margin and zero, to better";
  return svg("svg", { class: "plot axis", viewBox: `0 0 ${PLOT.width} 14`, role: "img", "aria-label": words },
    label(0, "worse", "start"), label(place(-1), "margin"), label(place(0), "0"), label(PLOT.width, "better", "end"));
}

const dash = () => muted("–");
function gateRow(gate) {
  const scope = [gate.tag ? small("tag ", bdi(gate.tag)) : null, gate.pinned ? small("against the pinned baseline") : null];
  const title = [el("div.strong", {}, bdi(gate.metric)), small(pair(gate.model, gate.prompt)), scope];
  const means = known(gate.before) && known(gate.after) ? small(levels(gate.before, gate.after, gate.level_unit)) : null;
  const change = [means, el("div", {}, signed(gate.change ?? 0, gate.unit)), small(span(gate.low, gate.high, gate.unit))];
  return el(gate.gating ? "tr" : "tr.informs", {},
    cell("", "Status", gate.gating ? badge(gate.status) : muted("not gated")),
    el("th", { scope: "row" }, title), cell("interval", "", interval(gate)),
    cell("num.change", "Change", known(gate.change) ? change : dash()),
    cell("num", "Margin", known(gate.margin) ? margin(gate.margin, gate.unit) : dash()),
    cell("num", "p", probability(gate.p_value)),
    cell("num", "Cases", whole(gate.cases)), cell("reason", "Reason", shown(gate.reason, "exact")));
}

function renderGates() {
  if (!data.gates.length) return at("gates").append(el("p.muted", {}, data.overall === "running" ? "Gates decide when the run has ended." : "No gate decided this run."));
  const numbers = ["Change", "Margin", "p", "Cases"].map(num);
  at("gates").append(
    table("The verdict of every gate", [["Status"], ["Gate"], [axis()], ...numbers, ["Reason"]], data.gates.map(gateRow)),
    el("p.muted.small.note", {}, "Change: in points of a score, where minus is worse, or in percent of tokens or seconds, where "
      + "plus is dearer or slower; above it both means, below it its bounds, each at 95 %. p: the probability of a change as bad or worse "
      + "without a real one, adjusted for the number of gates."));
}

// Changes to the criteria since the merge base.
function renderCriteria() {
  at("criteria-part").hidden = !data.criteria.length;
  const row = (change) => el("tr", {},
    cell("", "", change.relaxes ? el("span.status.unsure", {}, icon("inconclusive"), "relaxed") : muted("not relaxed")),
    el("th", { scope: "row" }, shown(change.what, "exact")), cell("reason", "Before", change.then ? shown(change.then, "exact") : muted("–")),
    cell("reason", "Now", shown(change.now, "exact")));
  const head = [["Criteria"], ["What"], ["Before"], ["Now"]];
  if (data.criteria.length) at("criteria").append(table("Changes to the criteria", head, data.criteria.map(row)));
}

// Prompts whose text has changed since the merge base.
function renderPrompts() {
  at("prompts-part").hidden = !data.prompts.length;
  for (const prompt of data.prompts)
    at("prompts").append(el("h3", {}, bdi(prompt.name), muted(" ", bdi(prompt.file))), renderPieces(prompt.pieces));
}

renderVerdict();
renderErrors();
if (data.gates.length || data.overall !== "comparison") renderGates();
else at("gates-part").hidden = true;
renderCriteria();
renderPrompts();
renderGroups();
renderDetails();
renderCases().catch(() => at("cases").append(nothing("The cases cannot be unpacked: this browser is too old, or the file is damaged.")));
