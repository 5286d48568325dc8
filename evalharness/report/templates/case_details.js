// The details of a sample: texts, diff, other answers, prompt, scores and request.

const part = (title, ...children) => el("section.part", {}, el("h3", {}, title), ...children);
const nothing = (words) => el("p.muted", {}, words);

function detail(row) {
  const answer = row.answer === null ? nothing("No answer.") : prose(text(row.answer));
  const golden = row.golden.length ? row.golden.map((index) => prose(text(index))) : nothing("None.");
  const link = `#case=${encodeURIComponent(text(row.case).toWellFormed())}`;
  const messages = rows.prompts[rows.messages[row.index]];
  return el("div", {}, problems(row),
    el("div.columns", {}, part(row.golden.length > 1 ? "Golden answers (any is correct)" : "Golden answer", golden),
      part("Answer", answer)),
    added(row), difference(row), siblings(row),
    part("Prompt", messages.length ? messages.map(message) : nothing("Not stored for accepted answers.")),
    el("div.columns", {}, part("Scores", scores(row), explained(row)), part("Request", request(row))),
    el("p.small", {}, el("a", { href: link }, "Link to this case for all models and prompts")));
}

// What an application adds to its answer: a title and a text for each part.
const added = ({ added }) =>
  added.map((title, index) => (index % 2 ? null : part(text(title), prose(text(added[index + 1])))));

function problems(row) {
  const failed = row.failed.map((index) => el("li", {}, shown(text(index), "exact")));
  const notes = row.notes.map((index) => el("li", {}, shown(text(index), "exact")));
  const [kind, words] = (row.error ?? []).map(text);
  return [
    row.error ? part("Error", el("p.bad", {}, el("strong", {}, bdi(kind), ": "), shown(words, "exact"))) : null,
    failed.length ? part("Failed checks", el("ul.bad", {}, failed)) : null,
    notes.length ? part("Notes", el("ul", {}, notes)) : null,
  ];
}

// The answer against the baseline's, a golden answer, or another answer to the same case.
function difference(row) {
  if (row.answer === null) return null;
  const others = view.ofCase.get(row.case).filter((other) => other !== row && other.answer !== null);
  const choices = [
    ...(row.old === null ? [] : [[`the answer of ${data.earlier}`, row.old]]),
    ...row.golden.map((golden, index) => [row.golden.length > 1 ? `golden answer ${index + 1}` : "the golden answer", golden]),
    ...others.map((other) => [flatName(other), other.answer]),
  ];
  if (!choices.length) return part("Difference", nothing("Nothing to compare with."));
  const place = el("div", {}), show = (index) => place.replaceChildren(renderDiff(text(choices[index][1]), text(row.answer)));
  const options = choices.map(([label], value) => el("option", { value }, label));
  const box = el("select", { "aria-label": "Difference from" }, options);
  box.addEventListener("change", () => show(Number(box.value)));
  show(0);
  return el("section.part", {}, el("h3", {}, "Difference from "), choices.length > 1 ? box : small(choices[0][0]), place);
}

const flatName = (row) => `${columnTitle(row.column)}${view.repeats ? ` #${row.repeat + 1}` : ""}`;

function siblings(row) {
  const others = view.ofCase.get(row.case).filter((other) => other !== row);
  if (!others.length) return null;
  const about = (other) => data.metrics.map((metric, index) => `${flat(metric)} ${known(score(other, index)) ? score100(score(other, index)) : "–"}`).join(", ");
  const one = (other) => el("div", {}, el("h4", {}, columnName(other.column), view.repeats ? muted(` #${other.repeat + 1}`) : null),
    other.answer === null ? nothing("No answer.") : prose(text(other.answer)), small(about(other)));
  const more = others.length > 12 ? small(`and ${others.length - 12} more`) : null;
  return part("Other answers to this case", el("div.columns", {}, others.slice(0, 12).map(one)), more);
}

const message = ([role, content, ...files]) => el("div.message", {}, el("div.role", {}, bdi(text(role))),
  el("div", {}, prose(text(content)), files.map(picture)));
const picture = (digest) => (rows.pictures[digest]
  ? el("img.picture", { src: rows.pictures[digest], alt: "picture of this message" })
  : small("This picture is not on the page: it has changed since the run, or the page has no room for it."));

function scores(row) {
  const scored = data.metrics.map((_, metric) => metric).filter((metric) => known(score(row, metric)));
  if (!scored.length) return nothing("Not scored.");
  const heads = [["Metric"], num("Score"), num("Change"), ["Signature"]];
  const change = (metric, before) => (known(before) ? scorePair(before, score(row, metric)) : "–");
  return table("Scores", heads, scored.map((metric) =>
    el("tr", {}, el("th", { scope: "row" }, bdi(data.metrics[metric])), cell("num", "", score100(score(row, metric))),
      cell("num", "", change(metric, rows.before[metric][row.index])),
      cell("signature", "", bdi(data.columns[row.column].signatures[metric])))));
}

// What stands behind a score: five texts for each metric, of which the first is its name.
function explained({ details }) {
  const groups = [];
  for (let start = 0; start < details.length; start += 5) groups.push(details.slice(start, start + 5).map(text));
  return groups.map(([metric, question, parts, explanation, labels]) => el("div.explained", {},
    el("h4", {}, bdi(metric), question ? [": ", shown(question, "exact")] : null),
    parts ? small(parts) : null, explanation ? prose(explanation) : null,
    labels ? el("p", {}, el("strong", {}, "People: "), shown(labels, "exact")) : null));
}

function request(row) {
  if (row.answer === null) return nothing("No complete response.");
  const [total, first, prompt, decode] = row.timing;
  const facts = {
    "Finish reason": row.cut ? "length: the answer was cut off" : "stop",
    Tokens: row.tokens ? `${whole(row.tokens[0])} prompt, ${whole(row.tokens[1])} answer` : "not counted",
    Seconds: (known(first) ? `${seconds(total)}, first token after ${seconds(first)}` : seconds(total))
      + (row.replayed ? " (recorded earlier)" : ""),
    "Tokens per second": `${fixed(prompt, 1)} prompt, ${fixed(decode, 1)} decode`,
    Cost: known(row.cost) ? `$${row.cost.toPrecision(3)}` : "–",
  };
  return el("dl.pairs", {}, Object.entries(facts).map(([label, value]) => [el("dt", {}, label), el("dd", {}, value)]));
}
