// The page of the service: asks it, and shows what every task of every model says.

import { by, element, labelled } from "./elements.js";
import { inBoth, lists } from "./lists.js";

let model;
let latest = 0;
let hasOwnWeights = true; // until a slider is moved

async function call(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (by("token").value) headers.Authorization = `Bearer ${by("token").value}`;
  const options = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(content.found), { status: answer.status, ...content });
  return content;
}

function say(text, isWrong = false) {
  by("message").textContent = text;
  by("message").classList.toggle("wrong", isWrong);
}

function queryColumns() {
  return Object.entries(model.columns).filter(([, column]) => column.role !== "candidate");
}

function conditionOf(text, kind) {
  const parts = text.split(",").map((each) => each.trim()).filter(Boolean);
  if (kind !== "numeric") return parts;
  const range = text.match(/^\s*(-?[\d.]+)?\s*\.\.\s*(-?[\d.]+)?\s*$/);
  if (!range) return parts.map(Number);
  const condition = {};
  if (range[1] !== undefined) condition.from = Number(range[1]);
  if (range[2] !== undefined) condition.to = Number(range[2]);
  return condition;
}

function requestBody() {
  const query = {};
  for (const [name, column] of queryColumns()) {
    const text = by(`column:${name}`).value.trim();
    if (text) query[name] = column.kind === "numeric" ? Number(text) : text;
  }
  const only = {};
  for (const [name, kind] of Object.entries(model.candidate_columns)) {
    const text = by(`filter:${name}`)?.value.trim();
    if (text) only[name] = conditionOf(text, kind);
  }
  const fusion = {};
  for (const task of model.tasks) {
    const weight = Number(by(`weight:${task}`).value);
    if (weight) fusion[task] = weight;
  }
  const body = { queries: [query], k: Number(by("k").value), exclude_seen: by("exclude-seen").checked };
  if (!hasOwnWeights) body.fusion = fusion;
  if (Object.keys(only).length) body.only = only;
  return body;
}

function showCurl(body) {
  const text = JSON.stringify(body).replaceAll("'", "'\\''");
  by("curl").textContent =
    `curl ${new URL("recommend", location.href)} -H 'Content-Type: application/json' -d '${text}'`;
}

async function ask() {
  const body = requestBody();
  showCurl(body);
  const number = ++latest;
  try {
    if (body.fusion && !Object.keys(body.fusion).length) throw new Error("Every weight is 0. Move one of them.");
    const answers = await answersTo(body);
    if (number !== latest) return;
    by("found").replaceChildren(...lists(answers, model.takes_events ? happened : null));
    const [{ candidates, version }] = answers;
    say(answers.length > 1 ? inBoth(answers) : `${candidates.length} candidates, by ${version}`);
  } catch (error) {
    if (number !== latest) return;
    by("found").replaceChildren();
    say([error.found ?? error.message, error.expected, error.fix].filter(Boolean).join("\n"), true);
  }
}

// The answer of the query's own model, or of both where they are compared.
async function answersTo(body) {
  const { versions: [own], recommendations: [candidates] } = await call("recommend", body);
  if (!by("compare").checked) return [{ version: own, candidates }];
  return Promise.all(model.models.map(async ({ version, share }) => {
    const hint = `answers ${Math.round(100 * share)} % of the queries${version === own ? ", this one among them" : ""}`;
    if (version === own) return { version, title: version, hint, candidates };
    const { recommendations: [others] } = await call("recommend", { ...body, version });
    return { version, title: version, hint, candidates: others };
  }));
}

async function askWho() {
  const name = by(`column:${model.query_key}`).value.trim();
  const list = by("known");
  list.replaceChildren();
  if (!name) return;
  try {
    const known = await call(`queries/${encodeURIComponent(name)}`);
    for (const [key, value] of Object.entries(known)) {
      if (key === "events") {
        for (const event of value) list.append(element("dt", {}, "event"), element("dd", {}, described(event)));
      } else {
        const text = Array.isArray(value) ? value.slice(0, 12).join(", ") : String(value);
        list.append(element("dt", {}, key), element("dd", {}, text));
      }
    }
  } catch (error) {
    list.append(element("dt", {}, name), element("dd", {}, error.status === 404 ? "not known" : error.message));
  }
}

function described(event) {
  return Object.entries(event)
    .filter(([key]) => key !== "event_id" && key !== model.query_key)
    .map(([key, value]) => `${key} = ${value}`)
    .join(", ");
}

async function happened(candidate) {
  const query = by(`column:${model.query_key}`).value.trim();
  const event = { event_id: crypto.randomUUID?.() ?? String(Math.random()).slice(2),
    [model.query_key]: query, [model.candidate_key]: candidate };
  try {
    await call("events", { events: [event] });
    await Promise.all([ask(), askWho()]);
  } catch (error) {
    say([error.found ?? String(error), error.fix].filter(Boolean).join("\n"), true);
  }
}

function build() {
  const columns = queryColumns().sort(([a], [b]) => (b === model.query_key) - (a === model.query_key));
  by("columns").replaceChildren(...columns.map(([name, column]) => labelled(name, element("input",
    { id: `column:${name}`, autocomplete: "off", required: name === model.query_key,
      placeholder: name === model.query_key ? "an id" : column.role === "timestamp" ? "now" : "as known" }))));
  buildWeights();
  by("filters").replaceChildren(...Object.entries(model.candidate_columns).map(([name, kind]) =>
    labelled(name, element("input", { id: `filter:${name}`, autocomplete: "off", onchange: ask,
      placeholder: kind === "numeric" ? "1990..1999" : "one, or another" }))));
  by("compare").checked = model.models.length > 1;
  by("compare").parentElement.hidden = model.models.length < 2;
  const sizes = model.models.map(({ version, num_candidates }) => `${version}: ${num_candidates.toLocaleString()} candidates`);
  by("model").textContent = `${sizes.join("; ")}; tasks ${model.tasks.join(", ")}`;
}

function buildWeights() {
  hasOwnWeights = true;
  by("own-weights").hidden = true;
  by("weights").replaceChildren(...model.tasks.map((task) => {
    const weight = model.models[0].fusion[task] ?? 0;
    const reach = Math.max(2, 2 * Math.abs(weight));
    const value = element("output", { id: `shown:${task}` }, String(weight));
    const slider = element("input", { id: `weight:${task}`, type: "range", min: -reach, max: reach,
      step: reach / 40, value: weight, oninput: () => {
        value.textContent = String(Number(Number(slider.value).toPrecision(2)));
        hasOwnWeights = false;
        by("own-weights").hidden = false;
        ask();
      } });
    return element("label", { for: slider.id }, element("span", {}, `${task}: `, value), slider);
  }));
}

by("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); askWho(); });
by("exclude-seen").addEventListener("change", ask);
by("compare").addEventListener("change", ask);
by("own-weights").addEventListener("click", () => { buildWeights(); by("weights").querySelector("input").focus(); ask(); });
by("token").addEventListener("change", start);
by("copy").addEventListener("click", () => navigator.clipboard?.writeText(by("curl").textContent));

async function start() {
  try {
    model = await call("model");
    build();
  } catch (error) {
    by("model").textContent = error.found ?? String(error);
  }
}

start();
