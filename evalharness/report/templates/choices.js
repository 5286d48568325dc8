// Choices of a person, one item after the other. They stay in this browser until the export.
// A page passes what differs to `begin`: its choices, how an item looks, and the lines of the export.

const { id, header, items } = data;
const KEPT = `evalharness-${header.kind}-${id}`;
const BACK = ["b", "u", "Backspace"];
const kept = read();
let page; // what `begin` got
let by = text(kept.by).slice(0, 200); // the name of the person, asked for before the first choice
let made = []; // for each item a choice, `page.skipped`, or null
let place = -1; // the item in view; -1: the name, items.length: the end
let keeps = true; // whether the browser stores the choices
let exported = 0; // how many of them are exported
let locked = kept.locked === true; // once true, no choice can change

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
    localStorage.setItem(KEPT, JSON.stringify({ made, by, locked }));
  } catch {
    keeps = false;
  }
}

function text(value) {
  return typeof value === "string" ? value.trim() : "";
}

function valid(item, value) {
  return value === page.skipped || page.choices(item).some((one) => one.value === value) ? value : null;
}

// --- display ---

const isOpen = (value) => value === null || value === page.skipped;
const count = () => made.filter((value) => !isOpen(value)).length;
const part = (title, ...children) => el("section.part", {}, el("h3", {}, bdi(title)), ...children);

function button(words, key, act, pressed) {
  const attributes = { type: "button", "data-key": key, ...(pressed === undefined ? {} : { "aria-pressed": String(pressed) }) };
  const node = el("button", attributes, bdi(words), " ", el("kbd", { "aria-hidden": "true" }, key));
  node.addEventListener("click", act);
  return node;
}

function drawName() {
  const input = el("input", { id: "by", maxlength: "200", autocomplete: "off" });
  const start = el("button", { type: "button", id: "start" }, "Start");
  input.value = by;
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") named(input.value); });
  start.addEventListener("click", () => named(input.value));
  const note = el("p.muted", {}, `The export names you. ${page.about}`);
  at("main").replaceChildren(el("h2", {}, "Your name"), el("p", {}, el("label", {}, el("span.unseen", {}, "Your name"), input), " ", start), note);
  input.focus();
}

function drawEnd() {
  const open = made.filter(isOpen).length;
  const again = button("Show the skipped", "s", () => move(made.findIndex(isOpen) - place));
  at("main").replaceChildren(
    el("h2", {}, "Done"), el("p", {}, "Export, then run ", el("code", {}, "evalharness labels import FILE")),
    el("p", {}, open ? [`${whole(open)} of ${whole(items.length)} skipped. `, locked ? null : again] : "Nothing is skipped."),
    ...page.end());
}

function drawChoices(item) {
  const choices = item ? page.choices(item).map(({ key, words, value }) => button(words, key, () => choose(value), made[place] === value)) : [];
  const skip = item ? [button(isOpen(made[place]) ? "Skip" : "Next", "s", skipped)] : [];
  const back = place < 0 || locked ? [] : [button("Back", "b", () => move(-1))];
  at("choices").replaceChildren(...choices, ...skip, ...back);
}

function draw() {
  const item = items[place];
  if (item) at("main").replaceChildren(...page.draw(item));
  else if (place < 0) drawName();
  else drawEnd();
  at("ask").replaceChildren(item ? shown(page.ask(item), "prose") : "");
  drawChoices(item);
  at("progress").value = count();
  at("place").textContent = place < 0 ? plural(items.length, page.unit) : `${item ? `${place + 1} of ${items.length}` : "end"} · ${plural(count(), page.word)}`;
  at("export").disabled = count() === 0 || !by;
  at("exported").textContent = keeps ? "" : "This browser keeps no choices: export them before you leave.";
}

// --- input ---

function move(step) {
  if (locked) return;
  place = Math.max(-1, Math.min(items.length, place + step));
  draw();
  window.scrollTo(0, 0);
  if (place >= 0) at("main").focus({ preventScroll: true });
}

function named(value) {
  if (!text(value)) {
    at("exported").textContent = "Enter your name first.";
    at("by").focus();
    return;
  }
  by = text(value);
  keep();
  move(firstOpen() - place);
}

function firstOpen() {
  const found = made.indexOf(null);
  return found < 0 ? items.length : found;
}

function choose(choice) {
  made[place] = choice;
  exported = 0;
  keep();
  move(1);
}

function skipped() {
  if (isOpen(made[place])) choose(page.skipped);
  else move(1);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  const item = items[place];
  const found = item && page.choices(item).find(({ key, keys = [key] }) => keys.includes(event.key) || keys.includes(event.key.toLowerCase()));
  if (found) choose(found.value);
  else if (item && page.skipKeys.includes(event.key)) skipped();
  else if (BACK.includes(event.key) || page.backKeys.includes(event.key)) move(-1);
  else return;
  event.preventDefault();
}

function save() {
  const head = { ...header, by, exported_at: new Date().toISOString() };
  const lines = items.flatMap((item, index) => (made[index] === null ? [] : [page.line(item, made[index])]));
  const content = [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
  const address = URL.createObjectURL(new Blob([content], { type: "application/jsonl" }));
  el("a", { href: address, download: "evalharness-labels.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  exported = count();
  at("exported").textContent = `${plural(exported, page.word)} exported`;
}

function lock() {
  locked = true;
  keep();
  draw();
}

function begin(differs) {
  page = differs;
  made = items.map((item, index) => valid(item, kept.made?.[index] ?? null));
  if (by) place = firstOpen();
  if (locked) place = items.length;
  at("suite").append(bdi(header.suite));
  at("main").tabIndex = -1;
  at("progress").max = items.length;
  at("export").addEventListener("click", save);
  document.addEventListener("keydown", pressed);
  window.addEventListener("beforeunload", (event) => { if (!keeps && exported < count()) event.preventDefault(); });
  scrolling(at("ask"), "");
  draw();
  document.body.dataset.ready = "yes";
}
