// A chart of a load test over time: lines with their names at the end, a dashed bound, and a moment under the pointer or the keys.

const SPACE = { height: 220, top: 18, bottom: 28, letter: 6.6, label: 64, apart: 13 }; // pixels; label: room for a time
const stroke = (kind, x1, x2, y1, y2) => svg("line", { class: kind, x1, x2, y1, y2 });
const label = (x, y, anchor, text, kind = "") => svg("text", { x, y, "text-anchor": anchor, class: kind }, text);

// Pixels of a time and of a value in a chart of this width.
function measures(chart, width) {
  const [low, high] = [chart.ticks[0].value, chart.ticks.at(-1).value], base = SPACE.height - SPACE.bottom;
  const left = 14 + SPACE.letter * Math.max(...chart.ticks.map((tick) => tick.shown.length));
  const right = width - 16 - SPACE.letter * Math.max(...chart.lines.map((line) => line.name.length));
  const start = data.moments[0].at, end = data.moments.at(-1).at, span = end - start || 1;
  const x = (place) => left + ((data.moments[place].at - start) / span) * (right - left);
  const y = (value) => base - ((value - low) / (high - low)) * (base - SPACE.top);
  const timeOf = (pixel) => start + ((pixel - left) / Math.max(1, right - left)) * span;
  const nearest = (pixel) => {
    const time = timeOf(pixel), away = (place) => Math.abs(data.moments[place].at - time);
    return data.moments.reduce((best, _, place) => (away(place) < away(best) ? place : best), 0);
  };
  return { x, y, base, left, right, width, nearest };
}

function scales(chart, { x, y, base, left, right }) {
  const rows = chart.ticks.map((tick) => [stroke("grid", left, right, y(tick.value), y(tick.value)), label(left - 6, y(tick.value) + 4, "end", tick.shown)]);
  const times = [];
  for (const [place, moment] of data.moments.entries())
    if (!times.length || x(place) - x(times.at(-1)) >= SPACE.label) times.push(place);
  return svg("g", { class: "axes" }, rows, times.map((place) => [stroke("grid", x(place), x(place), base, base + 5),
    label(x(place), base + 19, "middle", `${Math.round(data.moments[place].at)} s`)]));
}

// The names at the ends of the lines, moved apart where they would overlap.
function names(chart, { y, right }) {
  const ends = chart.lines.map((line) => ({ line, at: y(line.points.at(-1)[1]) })).sort((one, other) => one.at - other.at);
  let last = -Infinity;
  for (const end of ends) last = end.at = Math.max(end.at, last + SPACE.apart);
  const over = Math.max(0, last - (SPACE.height - 6));
  for (const end of ends) end.at -= over;
  return ends.map(({ line, at: place }) => label(right + 8, place + 4, "start", line.name, `name ${line.kind}`));
}

// A line is broken between the blocks of its version, unless each block is one moment.
function pathOf({ points }, { x, y }) {
  const follows = (index) => index > 0 && points[index][0] === points[index - 1][0] + 1;
  const isDense = points.some((_, index) => follows(index));
  return points.map(([place, value], index) => `${index && (follows(index) || !isDense) ? "L" : "M"}${x(place)} ${y(value)}`).join("");
}

function sketch(chart, scale, selected) {
  const { x, y, base, left, right, width } = scale;
  const dots = (line) => line.points.filter(([place]) => place === selected || line.points.length === 1)
    .map(([place, value]) => svg("circle", { class: `dot ${line.kind}`, cx: x(place), cy: y(value), r: 3.5 }));
  const limit = chart.limit ? [stroke("limit", left, right, y(chart.limit.value), y(chart.limit.value)),
    label(left + 4, y(chart.limit.value) - 5, "start", flat(chart.limit.shown), "limit")] : [];
  return svg("svg", { viewBox: `0 0 ${width} ${SPACE.height}`, "aria-hidden": "true" }, scales(chart, scale),
    stroke("cursor", x(selected), x(selected), SPACE.top, base), chart.lines.map((line) => svg("path", { class: `path ${line.kind}`, d: pathOf(line, scale) })),
    limit, chart.lines.map(dots), names(chart, scale));
}

// The values of a moment: of the other version there are none.
function valuesAt(chart, place) {
  const found = chart.lines.flatMap((line) => {
    const index = line.points.findIndex(([other]) => other === place);
    return index < 0 ? [] : [`${line.name} ${line.shown[index]}`];
  });
  return found.length ? found.join(", ") : "no value";
}

// The chart is a slider over the moments: pointing at one, or the arrow keys, show its values below.
function trend(chart) {
  const last = data.moments.length - 1, note = el("p.run", {});
  const words = (place) => `${data.moments[place].when}: ${valuesAt(chart, place)}`;
  const node = slider(el("div.trend.load", { "aria-label": `${chart.title}, over time` }), note, {
    last,
    measured: (width) => measures(chart, width),
    drawn: (scale, selected) => sketch(chart, scale, selected),
    textOf: words,
    noteOf: (place) => [words(place)],
  });
  return el("section.measure", {}, el("h3", {}, chart.title), node, note);
}
