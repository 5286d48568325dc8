// Labels of answers: one answer after the other, without its version. The choices stay in this browser until the export.

const { id, header, items } = data;
const KEPT = `evalharness-labels-${id}`;
const SKIP = { keys: ["s", "ArrowRight"], sign: "s", words: "Skip" };
const BACK = { keys: ["b", "ArrowLeft"], sign: "b", words: "Back" };
const kept = read();
const made = items.map((item, index) => choiceOf(item, kept.made?.[index])); // a choice, or null
let place = made.includes(null) ? made.indexOf(null) : items.length;
let keeps = true; // whether the browser stores the choices
let exported = 0; // how many of them are exported

// --- what the browser keeps ---

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep() {
  try {
    localStorage.setItem(KEPT, JSON.stringify({ made, by: at("by").value }));
  } catch {
    keeps = false;
  }
}

function choiceOf(item, value) {
  return item.keys.some(([, choice]) => choice === value) ? value : null;
}

// --- display ---

const part = (title, text) => el("section.part", {}, el("h3", {}, name(title)), prose(text));
const count = () => made.filter((value) => value !== null).length;

function button(words, key, act, pressed) {
  const attributes = { type: "button", "data-key": key, ...(pressed === undefined ? {} : { "aria-pressed": String(pressed) }) };
  const node = el("button", attributes, name(words), " ", el("kbd", { "aria-hidden": "true" }, key));
  node.addEventListener("click", act);
  return node;
}

function drawEnd() {
  const open = items.length - count();
  const again = button("Show the skipped answers", "s", () => move(made.indexOf(null) - place));
  at("main").replaceChildren(
    el("h2", {}, "Done"), el("p", {}, "Export your labels, then run ", el("code", {}, "evalharness labels import FILE")),
    el("p", {}, open ? [`${plural(open, "answer")} skipped. `, again] : "All answers are labelled."));
}

function draw() {
  const item = items[place];
  if (item) at("main").replaceChildren(el("h2", {}, name(item.metric)), ...item.shown.map(([title, text]) => part(title, text)));
  else drawEnd();
  at("ask").replaceChildren(item ? shown(item.ask, "prose") : "");
  const choices = item ? item.keys.map(([key, choice]) => button(choice, key, () => choose(choice), made[place] === choice)) : [];
  const back = button(BACK.words, BACK.sign, () => move(-1));
  back.disabled = place === 0;
  at("choices").replaceChildren(...choices, ...(item ? [button(SKIP.words, SKIP.sign, () => move(1))] : []), back);
  at("progress").value = count();
  at("place").textContent = `${item ? `${place + 1} of ${items.length}` : "end"} · ${plural(count(), "label")}`;
  at("export").disabled = count() === 0;
  at("exported").textContent = keeps ? "" : "This browser keeps no choices: export them before you leave.";
}

// --- input ---

function move(step) {
  place = Math.max(0, Math.min(items.length, place + step));
  draw();
  window.scrollTo(0, 0);
  at("main").focus({ preventScroll: true });
}

function choose(choice) {
  made[place] = choice;
  exported = 0;
  keep();
  move(1);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  const found = items[place]?.keys.find(([key]) => key === event.key.toLowerCase());
  if (found) choose(found[1]);
  else if (SKIP.keys.includes(event.key)) move(1);
  else if (BACK.keys.includes(event.key)) move(-1);
  else return;
  event.preventDefault();
}

function labels() {
  const head = { ...header, by: at("by").value.trim(), exported_at: new Date().toISOString() };
  const lines = items.flatMap(({ of, metric }, index) => (made[index] === null ? [] : [{ of, metric, choice: made[index] }]));
  return [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
}

function save() {
  const address = URL.createObjectURL(new Blob([labels()], { type: "application/jsonl" }));
  el("a", { href: address, download: "evalharness-labels.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  exported = count();
  at("exported").textContent = `${plural(exported, "label")} exported`;
}

at("suite").append(name(header.suite));
at("main").tabIndex = -1;
at("progress").max = items.length;
at("by").value = typeof kept.by === "string" ? kept.by : "";
at("by").addEventListener("input", keep);
at("export").addEventListener("click", save);
document.addEventListener("keydown", pressed);
window.addEventListener("beforeunload", (event) => { if (!keeps && exported < count()) event.preventDefault(); });
draw();
