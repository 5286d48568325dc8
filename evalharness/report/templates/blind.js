// A blind comparison: one case after the other, with the sides revealed at the end.

const { header, items } = data;
const made = []; // a key of VALUES for each case so far, in order
let exported = 0; // how many of them are exported
let revealed = false; // once true, no choice can change
const VALUES = {
  left: { keys: ["ArrowLeft", "1"], sign: "←", words: "Left is better" },
  right: { keys: ["ArrowRight", "2"], sign: "→", words: "Right is better" },
  equal: { keys: ["=", "e"], sign: "=", words: "Equal" },
  bad: { keys: ["x", "0"], sign: "x", words: "Both bad" },
  skip: { keys: ["s"], sign: "s", words: "Skip" },
};
const UNDO = { keys: ["u", "Backspace"], sign: "u", words: "Undo" };

// --- display ---

const part = (title, ...children) => el("section.part", {}, el("h3", {}, title), ...children);
const message = ([role, content]) => el("div.message", {}, el("div.role", {}, name(role)), prose(content));

function drawCase(item) {
  const both = item.model ? [" ", el("span.muted.small", {}, name(item.model), " · ", name(item.prompt))] : [];
  at("main").replaceChildren(
    el("h2", {}, name(item.case), ...both),
    part("Messages", item.messages.length ? item.messages.map(message) : el("p.muted", {}, "Not stored in these files.")),
    el("div.answers", {}, part("Left", prose(item.left)), part("Right", prose(item.right))),
    item.golden.length ? part("Golden answers", item.golden.map(prose)) : el("span", {}));
}

const winner = (item, value) => {
  if (value !== "left" && value !== "right") return value;
  return (value === "left") === (item.first === "a") ? "a" : "b";
};

function drawEnd() {
  const reveal = el("button", { type: "button", id: "reveal" }, "Show the sides");
  reveal.addEventListener("click", () => { revealed = true; draw(); });
  at("main").replaceChildren(
    el("h2", {}, "Done"), el("p", {}, "Export your choices, then run ", el("code", {}, "evalharness labels import FILE")),
    revealed ? tally() : el("p", {}, reveal, " ", muted("After that, no choice can be undone.")));
}

function tally() {
  const counts = { a: 0, b: 0, equal: 0, bad: 0, skip: 0 };
  made.forEach((value, index) => { counts[winner(items[index], value)] += 1; });
  const side = (letter) => {
    const { run, model, prompt } = header[letter];
    return [`${letter.toUpperCase()} better: `, name(run), model ? [" ", muted(name(model), " · ", name(prompt))] : null];
  };
  const row = (words, count) => el("tr", {}, el("th", { scope: "row" }, words), el("td.num", {}, whole(count)));
  return el("table.tally", {}, el("caption.unseen", {}, "Your choices"), el("tbody", {}, row(side("a"), counts.a),
    row(side("b"), counts.b), row("Equal", counts.equal), row("Both bad", counts.bad), row("Skipped", counts.skip)));
}

function draw() {
  const over = made.length === items.length;
  if (over) drawEnd();
  else drawCase(items[made.length]);
  at("progress").value = made.length;
  at("place").textContent = over ? `all ${plural(items.length, "case")} done` : `${made.length + 1} of ${items.length}`;
  for (const button of at("choices").children)
    button.disabled = button.dataset.value === "undo" ? made.length === 0 || revealed : over;
  at("export").disabled = made.length === 0;
}

// --- input ---

function act(value) {
  if (revealed) return;
  if (value === "undo") made.pop();
  else if (made.length < items.length) made.push(value);
  exported = Math.min(exported, made.length);
  at("exported").textContent = "";
  draw();
  window.scrollTo(0, 0);
  at("main").focus({ preventScroll: true });
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  const found = Object.entries({ ...VALUES, undo: UNDO }).find(([, { keys }]) => keys.includes(event.key));
  if (!found) return;
  event.preventDefault();
  act(found[0]);
}

function labels() {
  const head = { ...header, by: at("by").value.trim(), exported_at: new Date().toISOString() };
  const lines = made.map((value, index) => {
    const { case: id, model, prompt, first } = items[index];
    return { case: id, model, prompt, first, choice: winner(items[index], value) };
  });
  return [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
}

function save() {
  const address = URL.createObjectURL(new Blob([labels()], { type: "application/jsonl" }));
  el("a", { href: address, download: "evalharness-labels.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  exported = made.length;
  at("exported").textContent = `${plural(made.length, "choice")} exported`;
}

function button(value, { sign: key, words }) {
  const node = el("button", { type: "button", "data-value": value }, words, " ", el("kbd", { "aria-hidden": "true" }, key));
  node.addEventListener("click", () => act(value));
  return node;
}

at("suite").append(name(header.suite));
at("main").tabIndex = -1;
at("progress").max = items.length;
at("choices").append(...Object.entries({ ...VALUES, undo: UNDO }).map(([value, about]) => button(value, about)));
at("export").addEventListener("click", save);
document.addEventListener("keydown", pressed);
window.addEventListener("beforeunload", (event) => { if (exported < made.length) event.preventDefault(); });
draw();
