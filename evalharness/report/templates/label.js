// Labels of answers: one answer after the other, without its version.

begin({
  unit: "answer",
  word: "label",
  about: "Label each answer by its question below; which version it is from stays hidden.",
  skipped: null, // the export has the labels alone
  skipKeys: ["s", "ArrowRight"],
  backKeys: ["ArrowLeft"],
  ask: (item) => item.ask,
  choices: (item) => item.keys.map(([key, choice]) => ({ key, words: choice, value: choice })),
  draw: (item) => [el("h2", {}, bdi(item.metric)), ...item.shown.map(([title, shownText]) => part(title, prose(shownText)))],
  line: ({ of, metric }, choice) => ({ of, metric, choice }),
  end: () => [],
});
