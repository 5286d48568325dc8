// The runs below reports/, or one that cannot be shown; follows the changes.

let latest = data;
/** @type {[number, string][]} Seconds, and the word for them. */
const AGES = [[86400, "day"], [3600, "hour"], [60, "minute"]];
function age(then) {
  if (!then) return muted("–");
  const past = Math.max(0, Date.now() / 1000 - then), [size, word] = AGES.find(([size]) => past >= size) ?? /** @type {[number, string]} */ ([1, "second"]);
  return `${plural(Math.floor(past / size), word)} ago`;
}
const when = (text) => text.replace("T", " ").replace(/\.\d+/, "").replace(/(Z|\+00:00)$/, " UTC");

function runRow(run) {
  const title = run.suite || run.folder;
  const link = run.status === "unreadable" ? el("span", {}, bdi(title)) : el("a", { href: `${latest.runs_at}${run.key}/` }, bdi(title));
  const count = known(run.answered) ? small(`${whole(run.answered)} of ${known(run.planned) ? whole(run.planned) : "?"} answers`) : null;
  return el("tr", {},
    el("th", { scope: "row" }, link, run.suite && run.suite !== run.folder ? small(bdi(run.folder)) : null),
    cell("", "Status", badge(run.status), count), cell("reason", "Headline", shown(run.headline, "exact")),
    cell("", "Started", run.started_at ? bdi(when(run.started_at)) : muted("–")), cell("", "Changed", age(run.changed_at_s)));
}

function renderRuns() {
  const head = [["Suite"], ["Status"], ["Headline"], ["Started"], ["Changed"]];
  const none = el("p.muted", {}, "No run yet. Run pytest --llm-suite=NAME: this page shows it when its first answer is there.");
  at("runs").replaceChildren(latest.runs.length ? table("The runs below reports/, the latest first", head, latest.runs.map(runRow)) : none);
  at("more").textContent = latest.left_out ? `${plural(latest.left_out, "older run")} not listed.` : "";
}

async function poll() {
  try {
    const reply = await fetch("state", { cache: "no-store", headers: { "If-None-Match": `"${latest.tag}"` } });
    if (reply.status === 200 && data.reload) return location.reload();
    if (reply.status === 200) latest = await reply.json();
    at("ended").hidden = reply.status === 200 || reply.status === 304;
    renderRuns();
  } catch {
    at("ended").hidden = false;
  }
  setTimeout(poll, latest.wait_ms);
}

at("all").hidden = !data.reload;
renderRuns();
setTimeout(poll, latest.wait_ms);
document.body.dataset.ready = "yes";
