// The page of a load test. Its data is made by `page_data` in load_page.py.

const part = (id, ...children) => {
  if (!children.flat().length) return;
  at(id).append(...children.flat());
  at(`${id}-part`).hidden = false;
};
const facts = (pairs) => pairs.filter(([, value]) => value).map(([word, value]) => el("div", {}, el("dt", {}, word), el("dd", {}, bdi(value))));
const titled = (version) => (data.versions.length > 1 ? ` of the ${version}` : "");

function level() {
  const row = (one) => el("tr", {}, cell("", "Status", badge(one.status)), el("th", { scope: "row" }, bdi(one.text)), cell("num", "Share", one.share),
    cell("num", "Interval", one.interval), cell("num", "Target", one.target), cell("num", "Requests", one.met), cell("num", "Independent", one.independent), cell("reason", "What would decide", one.more));
  const heads = [["Status"], ["Term"], num("Share"), num(`Interval (${data.confidence})`), num("Target"), num("Requests"), num("As many independent ones"), ["What would decide"]];
  return data.objectives.length ? [table("The terms of the service level", heads, data.objectives.map(row))] : [];
}

function comparison() {
  const one = data.comparison;
  if (!one) return [];
  const row = (pair) => el("tr", {}, el("th", { scope: "row" }, pair.block), cell("num", "Requests", pair.counted), cell("num", "Candidate", pair.candidate),
    cell("num", "Baseline", pair.baseline), cell("", "First", pair.first));
  const heads = [["Pair"], num("Requests of each"), num("Candidate in time"), num("Baseline in time"), ["First"]];
  const numbers = facts([[`attainment, difference (${one.confidence})`, one.difference], ["goodput, ratio", one.goodput], ["p-value of worse", one.p], ["margin", one.margin]]);
  return [el("p", {}, badge(one.status), " against ", bdi(one.against)), el("dl.numbers", {}, numbers),
    el("details", {}, el("summary", {}, `${plural(one.pairs.length, "pair")} of blocks`), table("The pairs of blocks", heads, one.pairs.map(row)))];
}

function interval([low, value, high]) {
  const x = (share) => (100 * share).toFixed(2);
  return svg("svg", { class: "plot", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("line", { class: "zero", x1: 0, x2: 100, y1: 10, y2: 10 }), svg("line", { x1: x(low), x2: x(high), y1: 10, y2: 10 }), svg("line", { x1: x(value), x2: x(value), y1: 4, y2: 16 }));
}

function capacity() {
  if (!data.capacity) return [];
  const row = (probe) => el("tr", {}, el("th.num", { scope: "row" }, probe.rate), cell("", "Status", badge(probe.status)), cell("num", "Attainment", probe.share),
    cell("num", "Interval", probe.interval), cell("", "From 0 to 100 %", interval(probe.bounds)), cell("num", "Requests", probe.counted), cell("", "Record", bdi(probe.record)));
  const heads = [num("Rate"), ["Status"], num("Attainment"), num(`Interval (${data.confidence})`), ["From 0 to 100 %"], num("Requests"), ["Record"]];
  return [table("The probes of the capacity search", heads, data.capacity.probes.map(row))];
}

function time() {
  if (!data.charts.length) return [];
  const row = (one) => el("tr", {}, el("th", { scope: "row" }, one.when), data.versions.length > 1 ? cell("", "Version", one.version) : null,
    cell("num", "Requests", one.scheduled), cell("num", "Errors", one.errors), cell("num", "Attainment", one.attainment), one.cells.map((value) => cell("num", "", value)));
  const columns = ["ttft", "e2el"].flatMap((word) => ["p50", "p95", "p99"].map((percentile) => num(`${word} ${percentile}`)));
  const heads = [["Scheduled"], ...(data.versions.length > 1 ? [["Version"]] : []), num("Requests"), num("Errors"), num("Attainment"), ...columns];
  const rows = el("details", {}, el("summary", {}, `All ${plural(data.moments.length, "moment")} as a table`), table("The moments in order", heads, data.moments.map(row)));
  return [el("div.measures", {}, data.charts.map(trend)), rows];
}

function latency() {
  return data.versions.flatMap((one) => {
    const row = (found) => el("tr", {}, el("th", { scope: "row" }, found.word), found.cells.map((value) => cell("num", "", value)), cell("num", "", found.count));
    const heads = [["Latency"], ...one.percentiles.map(num), num("Values")];
    return [data.versions.length > 1 ? el("h3", {}, `The ${one.name}`) : null, el("dl.numbers", {}, facts(one.facts)),
      table(`Percentiles${titled(one.name)}`, heads, one.rows.map(row))].filter((child) => child !== null);
  });
}

function errors() {
  const row = (one) => el("tr", {}, el("th", { scope: "row" }, bdi(one.kind)), cell("", "Version", one.version), cell("num", "Requests", one.count),
    cell("reason", "For example", one.text ? shown(one.text, "prose") : muted("no text")));
  return data.errors.length ? [table("The kinds of errors", [["Kind"], ["Version"], num("Requests"), ["For example"]], data.errors.map(row))] : [];
}

document.title = `Load test of ${flat(data.suite)} – evalharness`;
at("suite").append(bdi(data.suite));
at("verdict").append(badge(data.status), el("h1", {}, shown(data.headline, "name")));
at("notes").append(...data.warnings.map((text) => el("li", {}, shown(text, "prose"))));
at("facts").append(...facts(data.facts));
for (const [id, children] of Object.entries({ level: level(), comparison: comparison(), capacity: capacity(), time: time(), latency: latency(), errors: errors() }))
  part(id, children);
for (const heading of data.probe ? ["h-level", "h-time", "h-latency", "h-errors"] : []) at(heading).append(muted(` of ${data.probe}`));
at("legend").append("Latencies count from the scheduled start of a request, so that a late send is not a fast answer. An error, a cut stream and a timeout miss every bound. ",
  `Intervals hold at ${data.confidence} and account for requests that depend on each other.`);
document.body.dataset.ready = "yes";
