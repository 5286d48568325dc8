"use strict";
// Untrusted text becomes text nodes, never markup; attributes take fixed words and numbers only.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);

// Invisible characters and those that move text are shown by number.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const numberOf = (char) => `⟨U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
const MAX = 200;
const shown = (value) => {
  const short = value.length > MAX ? `${value.slice(0, MAX)}…` : value;
  return short.replace(HIDDEN, numberOf);
};

function build(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
}
function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  return build(node, attributes, children);
}
const svg = (tag, attributes = {}, ...children) =>
  build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const name = (value) => el("bdi", {}, shown(value));
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const day = (time) => shown(time).slice(0, 10);

// A line chart: runs at even distances, from the lowest to the highest value.
const SIZE = { width: 400, height: 72, edge: 8 };
function chart(series) {
  const values = series.points.map((point) => point.value);
  const low = Math.min(...values), span = Math.max(...values) - low;
  const step = values.length > 1 ? (SIZE.width - 2 * SIZE.edge) / (values.length - 1) : 0;
  const x = (index) => (values.length > 1 ? SIZE.edge + index * step : SIZE.width / 2);
  const y = (value) => SIZE.height / 2 + (span ? (0.5 - (value - low) / span) * (SIZE.height - 2 * SIZE.edge) : 0);
  const marks = series.marks.map((mark) => {
    const place = x(mark.point) - step / 2;
    return svg("line", { class: `mark ${mark.worse ? "worse" : "better"}`, x1: place, x2: place, y1: 0, y2: SIZE.height },
      svg("title", {}, shown(mark.text)));
  });
  const dots = series.points.map((point, index) =>
    svg("circle", { class: point.accepted ? "dot" : "newest", cx: x(index), cy: y(point.value), r: 3 },
      svg("title", {}, `${point.shown}, ${provenance(point)}`)));
  const path = values.map((value, index) => `${index ? "L" : "M"}${x(index)} ${y(value)}`).join("");
  const words = `${plural(values.length, "run")}, from ${series.points[0].shown} to ${series.points.at(-1).shown}`;
  const frame = { class: "trend", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": words };
  return svg("svg", frame, marks, svg("path", { class: "path", d: path }), dots);
}

function provenance(point) {
  if (!point.accepted) return `the newest run, ${day(point.at)}`;
  return point.commit ? `${point.commit.slice(0, 7)}, ${day(point.committed_at)}` : `not committed, ${day(point.at)}`;
}

function points(series) {
  const rows = series.points.map((point) => el("tr", {},
    el("td.num", {}, point.shown), el("td", {}, provenance(point)), el("td", {}, name(point.run))));
  const head = el("tr", {}, el("th.num", { scope: "col" }, "Value"), el("th", { scope: "col" }, "From"),
    el("th", { scope: "col" }, "Run"));
  return el("details", {}, el("summary", {}, "All runs"),
    el("table", {}, el("thead", {}, head), el("tbody", {}, rows.reverse())));
}

function row(series) {
  const marks = series.marks.map((mark) => el(`li.${mark.worse ? "bad" : "good"}`, {}, shown(mark.text)));
  const few = series.can_tell ? null : el("p.muted.small", {}, "Too few different runs to detect a change.");
  const out = series.left_out ? el("p.muted.small", {}, `Left out: ${shown(series.left_out)}.`) : null;
  const last = series.points.at(-1);
  return el("tr", {},
    el("th", { scope: "row" }, el("div.strong", {}, name(series.measure)), el("div.muted.small", {}, plural(series.cases, "case"))),
    el("td.chart", {}, chart(series), el("ul.marks", {}, marks), few, out, points(series)),
    number("First", series.points[0].shown), number("Last", last.shown + (last.accepted ? "" : "*")),
    number("Change", series.change), number("Runs", series.points.length));
}
const number = (label, value) => el("td.num", { "data-label": label }, value);

function group(all) {
  const heads = [["Measure"], ["Runs, old to new", "chart"], ["First", "num"], ["Last", "num"], ["Change", "num"], ["Runs", "num"]];
  const head = heads.map(([label, kind]) => el(kind ? `th.${kind}` : "th", { scope: "col" }, label));
  const title = [name(all[0].model), el("span.muted", {}, " · "), name(all[0].prompt)];
  return el("section", {}, el("h2", {}, title), el("div.scroll.history", {},
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, all.map(row)))));
}

const groups = new Map();
for (const series of data.series) {
  const key = JSON.stringify([series.model, series.prompt]);
  groups.set(key, [...(groups.get(key) ?? []), series]);
}
document.title = `History of ${shown(data.suite)} – evalharness`;
at("suite").append(name(data.suite));
at("extent").append(`${plural(data.runs, "accepted run")} from ${plural(data.commits, "commit")}`);
at("notes").append(...data.notes.map((note) => el("li", {}, shown(note))));
at("groups").append(...[...groups.values()].map(group));
const newest = data.series.some((series) => !series.points.at(-1).accepted);
at("legend").append("At most 1 in 100 series without a real change gets a mark. Each series covers the cases that all its runs have.",
  " Request changed: the model, the prompt or its parameters changed in the same run.", newest ? " * and an open dot: the newest run, not accepted." : "");
