// A page of `evalharness view`: asks its server for changes of the run, and reloads unless a reader is in the middle of it.

const live = JSON.parse(at("live-data").textContent);
const untouched = JSON.stringify(filter);
const isIdle = () => scrollY < 100 && JSON.stringify(filter) === untouched && !document.querySelector("[aria-expanded=true]");
let latest = live.state;

function showLive(...more) {
  const count = known(latest.answered) ? `${whole(latest.answered)} of ${known(latest.planned) ? whole(latest.planned) : "?"} answers` : "";
  const words = { running: `running: ${count}`, stopped: `stopped: ${count}` }[latest.status] ?? "";
  at("live").replaceChildren(el("a", { href: "../../" }, "All runs"), " ", muted(words), ...more);
}

function offer() {
  const button = el("button", { type: "button" }, "Show the new answers");
  button.addEventListener("click", () => location.reload());
  showLive(" ", button);
}

async function poll() {
  try {
    const reply = await fetch("state", { cache: "no-store", headers: { "If-None-Match": `"${latest.tag}"` } });
    if (reply.status === 200) latest = await reply.json();
    const isNew = latest.tag !== live.state.tag;
    if (reply.status !== 200 && reply.status !== 304) showLive(" ", muted("The run is gone: a new one may have begun."));
    else if (isNew && isIdle()) return location.reload();
    else if (isNew) offer();
    else showLive();
  } catch {
    showLive(" ", muted("evalharness view has ended: this page is as of its end."));
  }
  setTimeout(poll, latest.wait_ms);
}

showLive();
setTimeout(poll, latest.wait_ms);
