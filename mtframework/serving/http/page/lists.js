// What is recommended: a list, or one beside the other of two models.

import { element } from "./elements.js";

// answers: [{ title, hint, candidates }]; happened: called with an id, or null where nothing can.
export function lists(answers, happened) {
  const places = answers.map(({ candidates }) => new Map(candidates.map(({ id }, place) => [id, place + 1])));
  return answers.map(({ title, hint, candidates }, number) => {
    const other = places.length > 1 ? places[1 - number] : null;
    const ranges = rangesOf(candidates);
    const items = candidates.map((each, place) =>
      element("li", {}, head(each, place, other, happened), bars(each, ranges)));
    const list = element("ol", { "aria-label": title || "Recommended" }, ...items);
    if (!title) return list;
    return element("div", { class: "list" },
      element("div", { class: "model" }, element("h3", {}, title), element("p", { class: "hint" }, hint)), list);
  });
}

// What two lists have in common, in words.
export function inBoth([one, other]) {
  const ids = new Set(other.candidates.map(({ id }) => id));
  const num = one.candidates.filter(({ id }) => ids.has(id)).length;
  return `${num} of ${Math.max(one.candidates.length, other.candidates.length)} in both lists`;
}

function rangesOf(candidates) {
  const ranges = {};
  for (const { scores } of candidates) {
    for (const [task, score] of Object.entries(scores)) {
      const range = (ranges[task] ??= { low: score, high: score });
      range.low = Math.min(range.low, score);
      range.high = Math.max(range.high, score);
    }
  }
  return ranges;
}

function head({ id, score }, place, other, happened) {
  const said = element("span", { class: "said" }, `score ${score.toPrecision(4)}`);
  if (other) {
    const there = other.get(id);
    const only = element("b", {}, "only here");
    said.append("; ", there === undefined ? only : there === place + 1 ? "same place" : `place ${there} in the other`);
  }
  const made = element("div", { class: "head" }, element("strong", {}, `${place + 1}. ${id}`), said);
  if (happened) {
    made.append(element("button", { type: "button", onclick: () => happened(id),
      "aria-label": `It happened: ${id}` }, "it happened"));
  }
  return made;
}

function bars({ scores }, ranges) {
  const made = element("div", { class: "bars" });
  for (const [task, score] of Object.entries(scores)) {
    const { low, high } = ranges[task];
    const filled = element("i");
    filled.style.width = `${Math.round(100 * (high > low ? (score - low) / (high - low) : 1))}%`;
    made.append(
      element("span", {}, task),
      element("span", { class: "bar", "aria-hidden": "true" }, filled),
      element("span", {}, score.toPrecision(4)),
    );
  }
  return made;
}
