// Is it worse: the change of each case as a dot, and the worst answers beside the earlier ones.

const MOST_DOTS = 1500, MOST_WORST = 3;
const FIELD = { width: 640, height: 150, base: 128, edge: 14 };

// By case and column, the mean change of a metric in points, with a row that has it.
function caseChanges(metric) {
  const found = new Map();
  for (const row of view.all) {
    const [now, then] = [score(row, metric), rows.before[metric][row.index]];
    if (!known(now) || !known(then)) continue;
    const key = row.case * data.columns.length + row.column, group = found.get(key);
    if (group) group.changes.push(100 * (now - then));
    else found.set(key, { row, changes: [100 * (now - then)] });
  }
  return [...found.values()].map(({ row, changes }) => ({ row, change: mean(changes) }));
}

const hasChanges = (metric) => view.all.some((row) => known(rows.before[metric][row.index]) && known(score(row, metric)));

function renderChanges() {
  const metrics = data.metrics.map((_, index) => index).filter(hasChanges);
  if (!metrics.length) return;
  at("changes-part").hidden = false;
  const failed = data.gates.find((gate) => gate.gating && gate.status === "fail" && metrics.includes(data.metrics.indexOf(gate.metric)));
  const first = failed ? data.metrics.indexOf(failed.metric) : metrics[0];
  const place = el("div", {}), draw = (metric) => place.replaceChildren(...changesOf(metric));
  const box = el("select", { "aria-label": "Metric of the changes" }, metrics.map((index) => el("option", { value: index }, flat(data.metrics[index]))));
  box.value = String(first);
  box.addEventListener("change", () => draw(Number(box.value)));
  draw(first);
  at("changes").append(metrics.length > 1 ? el("div.choose", {}, box) : "", place);
}

function changesOf(metric) {
  const found = caseChanges(metric).sort((a, b) => a.change - b.change);
  const down = found.filter(({ change }) => change < -100 * VISIBLE), up = found.filter(({ change }) => change > 100 * VISIBLE);
  const words = `${flat(data.metrics[metric])}: ${plural(down.length, "answer")} lower, ${whole(up.length)} higher, ${whole(found.length - down.length - up.length)} unchanged`;
  return [el("p", {}, words), swarm([...down, ...up], words), ...down.slice(0, MOST_WORST).map((one) => beside(one, metric))];
}

// Changes, the lowest first, as dots in bins, stacked; bars where there are too many for dots.
function swarm(found, words) {
  if (!found.length) return "";
  const reach = Math.max(5, -found[0].change, found.at(-1).change), bins = 80;
  const x = (change) => FIELD.edge + ((change + reach) / (2 * reach)) * (FIELD.width - 2 * FIELD.edge);
  const stacks = new Map();
  for (const one of found) {
    const bin = Math.round(((one.change + reach) / (2 * reach)) * bins);
    if (!stacks.has(bin)) stacks.set(bin, []);
    stacks.get(bin).push(one);
  }
  const highest = Math.max(1, ...[...stacks.values()].map(({ length }) => length)), step = Math.min(8, (FIELD.base - 10) / highest);
  const far = [50, 20, 10, 5, 2].find((value) => value <= reach); // the scale ends at a round number
  const mid = (bin) => x((bin / bins) * 2 * reach - reach), colour = (change) => (change < 0 ? "bad" : "good");
  const dots = found.length <= MOST_DOTS ? [...stacks].flatMap(([bin, stack]) => stack.map((one, level) => dot(one, mid(bin), level, step, colour)))
    : [...stacks].map(([bin, stack]) => svg("rect", { class: colour(stack[0].change), x: mid(bin) - 3, width: 6, y: FIELD.base - stack.length * step, height: stack.length * step }));
  const tick = (value) => svg("text", { class: "words", x: x(value), y: FIELD.height - 4, "text-anchor": "middle" }, signed(value, "points"));
  return svg("svg", { class: "swarm", viewBox: `0 0 ${FIELD.width} ${FIELD.height}`, role: "group", "aria-label": `The changes of cases. ${words}` },
    line("zero", 0, FIELD.width, FIELD.base + 4, FIELD.base + 4), line("zero", x(0), x(0), 0, FIELD.base + 4), dots, [-far, 0, far].map(tick));
}

function dot({ row, change }, cx, level, step, colour) {
  const words = `${flat(text(row.case))}, ${columnTitle(row.column)}: ${signed(change, "points")}`;
  return svg("a", { href: `#case=${encodeURIComponent(text(row.case).toWellFormed())}`, "aria-label": words, tabindex: level ? -1 : 0 },
    svg("title", {}, words), svg("circle", { class: colour(change), cx, cy: FIELD.base - (level + 0.5) * step, r: Math.max(1, Math.min(3.5, step / 2)) }));
}

// The earlier and the new answer, each with what the other lacks.
function beside({ row, change }, metric) {
  const both = [rows.before[metric][row.index], score(row, metric)], link = `#case=${encodeURIComponent(text(row.case).toWellFormed())}`;
  const title = el("h3", {}, el("a", { href: link }, bdi(text(row.case))), muted(" ", several ? columnTitle(row.column) : ""), ` ${scorePair(...both)}`);
  if (row.old === null || row.answer === null) return el("section.part", {}, title, nothing("One of the answers is missing."));
  const pieces = text(row.old).length + text(row.answer).length > 4 * MOST_COMPARED ? [["gone", text(row.old)], ["new", text(row.answer)]] : wordDiff(text(row.old), text(row.answer));
  const side = (words, kind) => el("div", {}, small(words), renderPieces(pieces.filter(([one]) => one === "same" || one === kind)));
  return el("section.part", {}, title, questionOf(row), el("div.columns", {}, side(`Before: ${data.earlier}`, "gone"), side("Now", "new")));
}
