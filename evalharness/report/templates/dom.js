"use strict";
// Data, text and elements. Untrusted text becomes text nodes, never markup, styles or handlers; attributes take fixed words,
// numbers, and texts that no browser runs as code.

/** @typedef {Node | string | null | Child[]} Child */
/** @typedef {Record<string, string | number>} Attributes */
/** @type {any} The page's data; the report's is made by `overview` in html.py. */
const data = JSON.parse(document.getElementById("data").textContent);
/** @type {(id: string) => any} */
const at = (id) => document.getElementById(id);

// Invisible characters and those that move text are shown by number.
const INVISIBLE = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]`;
const sign = (exceptions, more = "") => new RegExp(`(?![${exceptions}])(?:${INVISIBLE}${more})`, "gu");
const HIDDEN = {
  prose: sign(String.raw`\n\t\u200c\u200d\ufe0e\ufe0f`), // joiners of Persian, Hindi and emoji
  exact: sign(String.raw`\n\t\ufe0e\ufe0f`),
  change: sign(String.raw`\n\t `, String.raw`|\p{Zs}`), // two blanks that look alike may be the change
  name: sign(" ", String.raw`|\p{Zs}`),
};
const numberOf = (char) => `⟨U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
const flat = (value) => value.replace(HIDDEN.name, numberOf);

/**
 * @param {string} value
 * @param {keyof typeof HIDDEN} kind
 */
function shown(value, kind) {
  const parts = document.createDocumentFragment();
  let end = 0;
  for (const match of value.matchAll(HIDDEN[kind])) {
    parts.append(value.slice(end, match.index), el("span.hidden-sign", {}, numberOf(match[0])));
    end = match.index + match[0].length;
  }
  parts.append(value.slice(end));
  return parts;
}

// Elements: `el("td.num", {scope: "row"}, child, [children], null)`.
/**
 * @template {Element} E
 * @param {E} node
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function build(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(.../** @type {any[]} */ (children).flat(Infinity).filter((child) => child !== null));
  return node;
}
/**
 * @param {string} tag
 * @param {Attributes} attributes
 * @param {Child[]} children
 * @returns {any} The element, of the type of its tag.
 */
function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  return build(node, attributes, children);
}
const svgSpace = at("icons").namespaceURI;
/** @type {(tag: string, attributes?: Attributes, ...children: Child[]) => Element} */
const svg = (tag, attributes = {}, ...children) => build(document.createElementNS(svgSpace, tag), attributes, children);

// A block that scrolls gets a name and a stop of the Tab key, for as long as its content is larger than it.
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => reach(target)));
function reach(node) {
  const over = node.scrollWidth > node.clientWidth || node.scrollHeight > node.clientHeight;
  const named = node.dataset.scrolls ? { role: "group", "aria-label": node.dataset.scrolls } : {};
  for (const [key, value] of Object.entries({ tabindex: 0, ...named })) over ? node.setAttribute(key, value) : node.removeAttribute(key);
}
function scrolling(node, words) {
  node.dataset.scrolls = words;
  resized.observe(node);
  return node;
}

const muted = (...children) => el("span.muted", {}, ...children);
const small = (...children) => el("div.muted.small", {}, ...children);
const bdi = (value) => el("bdi", {}, shown(value, "name"));
const pair = (model, prompt) => [bdi(model), muted(" · "), bdi(prompt)];
function prose(value) {
  const block = scrolling(el("div.text", { dir: "auto" }, value ? shown(value, "prose") : muted("(empty)")), "Text");
  const hidden = block.querySelectorAll(".hidden-sign").length;
  return el("div", {}, block, hidden ? small(`${plural(hidden, "invisible character")} shown by number`) : null);
}

function table(caption, heads, rows) {
  const head = heads.map(([label, kind]) => el(kind ? `th.${kind}` : "th", { scope: "col" }, label));
  const body = [el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)];
  return scrolling(el("div.scroll", {}, el("table", {}, el("caption.unseen", {}, caption), body)), caption);
}
const cell = (kind, label, ...children) => el(kind ? `td.${kind}` : "td", { "data-label": label }, ...children);
const num = (label) => [label, "num"];

// Numbers.
const known = (value) => value !== null && value !== undefined;
const whole = (value) => value.toLocaleString("en");
const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? "" : "s"}`;
const fixed = (value, digits) => (known(value) ? value.toFixed(digits).replace("-", "−") : "–");
const seconds = (value) => fixed(value, value < 10 ? 2 : 1);

// A status has a colour, an icon and its word.
const COLOUR = {
  pass: "good", accepted: "good", fail: "bad", error: "bad", incomparable: "bad", inconclusive: "unsure", "no baseline": "unsure",
  running: "plain", stopped: "bad", "no verdict": "unsure", unreadable: "bad", invalid: "bad",
};
const icon = (word) => {
  const use = svg("use", { href: `#icon-${word.replace(" ", "-")}` });
  return svg("svg", { class: "icon", "aria-hidden": "true" }, use);
};
const badge = (word) => el(`span.status.${COLOUR[word]}`, {}, icon(word), word);
