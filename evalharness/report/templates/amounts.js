// How changes, means and bounds are written: the rule of evalharness/amounts.py. tests/amounts.json has examples for both.

const UNITS = { points: "pts", percent: "%" }, LEVEL_UNITS = { tokens: " tokens", seconds: " s" };
const STEPS = [[100, 0], [10, 1], [1, 2], [0.1, 3], [0.01, 4], [0.001, 5], [0.0001, 6]];
const significant = (value) => (value ? STEPS.find(([smallest]) => Math.abs(value) >= smallest)?.[1] ?? 7 : 0);
const digitsOf = (value, unit) => (unit === "points" ? 1 : significant(rounded(value, significant(value))));

// Halves away from zero; a thousandth of the last digit does not decide.
function rounded(number, digits = 1) {
  const size = Math.floor(Number((Math.abs(number) * 10 ** digits).toFixed(3)) + 0.5) / 10 ** digits;
  return number < 0 && size ? -size : size;
}
function level(value, unit) {
  const digits = digitsOf(value, unit), form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return rounded(value, digits).toLocaleString("en", form).replace("-", "−");
}
function signedAlone(change) {
  if (!Number.isFinite(change)) return change > 0 ? "+∞" : "−∞";
  const shown = rounded(change);
  return `${shown > 0 ? "+" : shown < 0 ? "−" : "±"}${Math.abs(shown).toFixed(1)}`;
}
const signed = (change, unit) => `${signedAlone(change)} ${UNITS[unit]}`;
const span = (low, high, unit) => `${signedAlone(low ?? -Infinity)} … ${signed(high ?? Infinity, unit)}`;
const levels = (before, after, unit) => `${level(before, unit)} → ${level(after, unit)}${LEVEL_UNITS[unit] ?? ""}`;
const moved = (before, after, change, unit, levelUnit) =>
  (before === null || after === null ? "" : `${levels(before, after, levelUnit)}, `) + signed(change, unit);
function probability(value) {
  if (value === null || value === undefined) return "–";
  const digits = [[0.1, 2], [0.01, 3], [0.001, 4]].find(([smallest]) => value >= smallest)?.[1] ?? 5;
  return value < 0.0001 ? "< 0.0001" : String(rounded(value, digits));
}
const margin = (number, unit) => `${Number(number.toPrecision(6))} ${UNITS[unit]}`;

// Scores from 0 to 1.
const score100 = (value) => level(100 * value, "points");
const points = (change) => signed(100 * change, "points");
const scorePair = (before, after) => moved(100 * before, 100 * after, 100 * (after - before), "points", "points");
