// A blind comparison: one case after the other, with the sides revealed at the end.

const CHOICES = [
  { key: "1", keys: ["1", "ArrowLeft"], words: "Left", value: "left" },
  { key: "2", keys: ["2", "ArrowRight"], words: "Right", value: "right" },
  { key: "3", keys: ["3", "=", "e"], words: "Equal", value: "equal" },
  { key: "x", keys: ["x", "0"], words: "Both bad", value: "bad" },
];

const message = ([role, content]) => el("div.message", {}, el("div.role", {}, bdi(role)), prose(content));

function drawCase(item) {
  const both = item.model || item.prompt ? [" ", el("span.muted.small", {}, bdi([item.model, item.prompt].filter(Boolean).join(" · ")))] : [];
  const question = item.question.map(([, content]) => prose(content));
  return [
    el("h2", {}, bdi(item.case), ...both),
    el("div.question", {}, part("Question", question.length ? question : el("p.muted", {}, "Not stored in these files."))),
    el("div.answers", {}, part("Left", prose(item.left)), part("Right", prose(item.right))),
    item.golden.length ? part("Golden answers", item.golden.map(prose)) : "",
    item.others.length ? part("Other messages of this case", item.others.map(message)) : "",
    drawSame(data.same[item.same])];
}

function drawSame(messages) {
  if (!messages.length) return "";
  return el("details.same", {}, el("summary", {}, `The same in every case: ${plural(messages.length, "message")}`), messages.map(message));
}

const winner = (item, value) => {
  if (value !== "left" && value !== "right") return value;
  return (value === "left") === (item.first === "a") ? "a" : "b";
};

function drawReveal() {
  if (locked) return [tally()];
  const reveal = el("button", { type: "button", id: "reveal" }, "Show the sides");
  reveal.addEventListener("click", lock);
  return [el("p", {}, reveal, " ", muted("After that, no choice can change."))];
}

function tally() {
  const counts = { a: 0, b: 0, equal: 0, bad: 0, skip: 0 };
  made.forEach((value, index) => { counts[winner(items[index], value ?? "skip")] += 1; });
  const side = (letter) => {
    const { run, model, prompt } = header[letter];
    const names = [model, prompt].filter(Boolean).join(" · ");
    return [`${letter.toUpperCase()} better: `, bdi(run), names ? [" ", muted(bdi(names))] : null];
  };
  const row = (words, count) => el("tr", {}, el("th", { scope: "row" }, words), el("td.num", {}, whole(count)));
  return el("table.tally", {}, el("caption.unseen", {}, "Your choices"), el("tbody", {}, row(side("a"), counts.a),
    row(side("b"), counts.b), row("Equal", counts.equal), row("Both bad", counts.bad), row("Skipped", counts.skip)));
}

const drawn = header.cases < header.of ? `These are ${header.cases} of ${header.of} cases with different answers, drawn at random.` : "";

begin({
  unit: "case",
  word: "choice",
  about: `${drawn} Choose the better answer of each case; which side is which stays hidden until the end.`.trim(),
  skipped: "skip",
  skipKeys: ["s"],
  backKeys: [],
  ask: () => "Which answer is better?",
  choices: () => CHOICES,
  draw: drawCase,
  line: ({ case: caseId, model, prompt, first, ...item }, value) =>
    ({ case: caseId, model, prompt, first, choice: winner({ first, ...item }, value) }),
  end: drawReveal,
});
