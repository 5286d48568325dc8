// The accepted runs over time: a chart for each measure. The page's data is made by `_page_data` in history.py.

const MAX = 200;
const brief = (value) => flat(value.length > MAX ? `${value.slice(0, MAX)}…` : value);
const named = (value) => el("bdi", {}, brief(value));
const day = (time) => brief(time).slice(0, 10);

// --- a chart: the runs at even distances, with a scale, dates, and the changes of level ---

const FIELD = { height: 168, top: 20, bottom: 26, right: 14, letter: 6.6, label: 92 }; // pixels; label: room for a date
const place = (point) => {
  if (!point.accepted) return `the newest run, ${day(point.at)}`;
  return point.commit ? `${point.commit.slice(0, 7)} of ${dayOf(point)}` : `not committed, ${day(point.at)}`;
};
const dayOf = (point) => day(point.committed_at || point.at);
const line = (kind, x1, x2, y1, y2) => svg("line", { class: kind, x1, x2, y1, y2 });
const words = (x, y, anchor, text) => svg("text", { x, y, "text-anchor": anchor }, text);

// Pixels of a run and of a value in a chart of this width.
function scaleOf(series, width) {
  const count = series.points.length, [low, high] = [series.ticks[0].value, series.ticks.at(-1).value];
  const left = 20 + FIELD.letter * Math.max(5, ...series.ticks.map((tick) => tick.shown.length));
  const step = count > 1 ? (width - left - FIELD.right) / (count - 1) : 0, base = FIELD.height - FIELD.bottom;
  const x = (index) => (count > 1 ? left + index * step : (width + left - FIELD.right) / 2);
  const y = (value) => base - ((value - low) / (high - low)) * (base - FIELD.top);
  const nearest = (pixel) => (step ? Math.max(0, Math.min(count - 1, Math.round((pixel - left) / step))) : 0);
  return { x, y, step, base, left, width, nearest };
}

function axes(series, { x, y, step, base, left, width }) {
  const rows = series.ticks.map(({ value, shown: label }) => [
    line("grid", left - 8, width - FIELD.right + 8, y(value), y(value)), words(left - 14, y(value) + 4, "end", label)]);
  const last = series.points.length - 1, every = step ? Math.ceil(FIELD.label / step) : 1;
  const dated = series.points.map((_, index) => index).filter((index) => (last - index) % every === 0)
    .filter((index, rank, all) => rank === all.length - 1 || dayOf(series.points[index]) !== dayOf(series.points[all[rank + 1]]));
  const dates = dated.map((index) => [line("grid", x(index), x(index), base, base + 5),
    words(index === last && last ? width : x(index), base + 19, index === last && last ? "end" : "middle", dayOf(series.points[index]))]);
  return svg("g", { class: "axes" }, rows, dates);
}

// A dashed line with its number at each change, and the mean on both sides.
function changes(series, { x, y, step, base }) {
  const ends = [...series.marks.map(({ point }) => point), series.points.length];
  return series.marks.map((mark, index) => {
    const at = x(mark.point) - step / 2, start = index ? x(series.marks[index - 1].point) - step / 2 : x(0);
    const end = index + 1 < series.marks.length ? x(ends[index + 1]) - step / 2 : x(ends[index + 1] - 1);
    return svg("g", { class: `mark ${mark.worse ? "worse" : "better"}` }, line("when", at, at, FIELD.top - 4, base),
      index ? null : line("level", start, at, y(mark.before), y(mark.before)), line("level", at, end, y(mark.after), y(mark.after)),
      words(at, FIELD.top - 8, "middle", String(index + 1)));
  });
}

function drawing(series, scale, selected) {
  const { x, y, base, width } = scale;
  const path = series.points.map(({ value }, index) => `${index ? "L" : "M"}${x(index)} ${y(value)}`).join("");
  const dots = series.points.map((point, index) => svg("circle", {
    class: point.accepted ? "dot" : "newest", cx: x(index), cy: y(point.value), r: index === selected ? 5 : 3 }));
  return svg("svg", { viewBox: `0 0 ${width} ${FIELD.height}`, "aria-hidden": "true" }, axes(series, scale), changes(series, scale),
    line("cursor", x(selected), x(selected), FIELD.top, base), svg("path", { class: "path", d: path }), dots);
}

// The chart is a slider over the runs: pointing at a run, or the arrow keys, show its commit and reason below.
function chart(series) {
  const last = series.points.length - 1, note = el(series.points.some((point) => point.subject || point.because) ? "p.run.roomy" : "p.run", {});
  const node = slider(el("div.trend", { "aria-label": `${brief(series.measure)}, runs old to new` }), note, {
    last,
    measured: (width) => scaleOf(series, width),
    drawn: (scale, selected) => drawing(series, scale, selected),
    textOf: (index) => textOf(series.points[index]),
    noteOf: (index) => noteOf(series.points[index]),
  });
  return [node, note];
}

const about = (point) => [point.subject, point.because && `Accepted because: ${point.because}`].filter(Boolean).map(brief);
const textOf = (point) => [point.shown, place(point), ...about(point)].join(". ");
const noteOf = (point) => [el("span.strong", {}, point.shown), ` ${place(point)}`, ...about(point).map((text) => el("bdi.line", {}, text))];

// --- the words about a chart ---

function explained(series, mark) {
  const commit = mark.commit ? [" Commit ", el("code", {}, brief(mark.commit)), mark.subject ? [": ", el("q", {}, named(mark.subject))] : null, "."] : null;
  return el("li", {}, el(`span.strong.${mark.worse ? "bad" : "good"}`, {}, named(series.measure), ` ${mark.move}`), ` ${brief(mark.details)}.`, commit,
    mark.because ? [" Accepted because: ", named(mark.because), "."] : null,
    mark.request_changed ? " The model, the prompt or its parameters changed in the same run." : null,
    mark.commits ? el("div.muted", {}, "All commits between: ", el("code", {}, brief(mark.commits))) : null);
}

function runs(series) {
  const cells = (point) => [el("td.num", {}, point.shown), el("td", {}, place(point)), el("td", {}, named(point.subject)),
    el("td", {}, named(point.because)), el("td", {}, named(point.run))];
  const heads = [["Value", "num"], ["From"], ["Commit"], ["Accepted because"], ["Run"]];
  const head = heads.map(([label, kind]) => el(kind ? `th.${kind}` : "th", { scope: "col" }, label));
  return el("details", {}, el("summary", {}, series.points.length > 1 ? `All ${plural(series.points.length, "run")}` : "The run"),
    el("div.scroll", { tabindex: 0, role: "region", "aria-label": `The runs of ${brief(series.measure)}` },
      el("table", {}, el("caption.unseen", {}, "The runs, new to old"), el("thead", {}, el("tr", {}, head)),
        el("tbody", {}, series.points.map((point) => el("tr", {}, cells(point))).reverse()))));
}

function measure(series) {
  const [first, last] = [series.points[0], series.points.at(-1)];
  const few = series.can_tell ? null : el("p.muted.small", {}, "Too few different runs to detect a change.");
  const out = series.left_out ? el("p.muted.small", {}, `Left out: ${brief(series.left_out)}.`) : null;
  return el("section.measure", {}, el("h3", {}, named(series.measure), el("span.muted", {}, ` ${plural(series.cases, "case")}`)),
    el("p.ends", {}, `${first.shown} → ${last.shown}${last.accepted ? "" : "*"} `, el("span.muted", {}, series.change)),
    chart(series), series.marks.length ? el("ol.marks", {}, series.marks.map((mark) => explained(series, mark))) : null, few, out, runs(series));
}

function group(all) {
  const title = [named(all[0].model), el("span.muted", {}, " · "), named(all[0].prompt)];
  return el("section", {}, el("h2", {}, title), el("div.measures", {}, all.map(measure)));
}

const groups = new Map();
for (const series of data.series) {
  const key = JSON.stringify([series.model, series.prompt]);
  groups.set(key, [...(groups.get(key) ?? []), series]);
}
document.title = `History of ${brief(data.suite)} – evalharness`;
at("suite").append(named(data.suite));
at("extent").append(`${plural(data.runs, "accepted run")} from ${plural(data.commits, "commit")}`);
at("notes").append(...data.notes.map((note) => el("li", {}, brief(note))));
at("groups").append(...[...groups.values()].map(group));
const newest = data.series.some((series) => !series.points.at(-1).accepted);
at("legend").append("A dashed line is a change of level; at most 1 in 100 series without a real change gets one. Each series covers the cases that all its runs have.",
  newest ? " * and an open dot: the newest run, not accepted." : "");
document.body.dataset.ready = "yes";
