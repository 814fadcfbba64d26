// The page of the service: asks it, and shows what every task says. Texts go in as text only.

const by = (id) => document.getElementById(id);
let model;
let latest = 0;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

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

function labelled(text, input) {
  return element("label", {}, text, input);
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
  if (Object.keys(fusion).length) body.fusion = fusion;
  if (Object.keys(only).length) body.only = only;
  return body;
}

function showCurl(body) {
  const text = JSON.stringify(body).replaceAll("'", "'\\''");
  by("curl").textContent =
    `curl ${location.origin}/recommend -H 'Content-Type: application/json' -d '${text}'`;
}

async function ask() {
  const body = requestBody();
  showCurl(body);
  const number = ++latest;
  try {
    const answer = await call("recommend", body);
    if (number !== latest) return;
    show(answer.recommendations[0]);
    say(`${answer.recommendations[0].length} candidates, by ${answer.version}`);
  } catch (error) {
    if (number !== latest) return;
    by("found").replaceChildren();
    say([error.found ?? String(error), error.expected, error.fix].filter(Boolean).join("\n"), true);
  }
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

function show(candidates) {
  const ranges = {};
  for (const each of candidates) {
    for (const [task, score] of Object.entries(each.scores)) {
      const range = (ranges[task] ??= { low: score, high: score });
      range.low = Math.min(range.low, score);
      range.high = Math.max(range.high, score);
    }
  }
  by("found").replaceChildren(...candidates.map((each, place) => shown(each, place, ranges)));
}

function shown(each, place, ranges) {
  const bars = element("div", { class: "bars" });
  for (const [task, score] of Object.entries(each.scores)) {
    const { low, high } = ranges[task];
    const share = high > low ? (score - low) / (high - low) : 1;
    const filled = element("i");
    filled.style.width = `${Math.round(100 * share)}%`;
    bars.append(
      element("span", {}, task),
      element("span", { class: "bar", "aria-hidden": "true" }, filled),
      element("span", {}, score.toPrecision(4)),
    );
  }
  const head = element("div", { class: "head" }, element("strong", {}, `${place + 1}. ${each.id}`),
    element("span", {}, `score ${each.score.toPrecision(4)}`));
  if (model.takes_events) {
    const button = element("button", { type: "button", onclick: () => happened(each.id),
      "aria-label": `It happened: ${each.id}` }, "it happened");
    head.append(element("span", { class: "events" }, button));
  }
  return element("li", {}, head, bars);
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
  by("weights").replaceChildren(...model.tasks.map((task) => {
    const weight = model.fusion[task] ?? 0;
    const reach = Math.max(2, 2 * Math.abs(weight));
    const value = element("output", { id: `shown:${task}` }, String(weight));
    const slider = element("input", { id: `weight:${task}`, type: "range", min: -reach, max: reach, step: "any", value: weight,
      oninput: () => { value.textContent = Number(slider.value).toPrecision(2); ask(); } });
    return element("label", {}, element("span", {}, `${task}: `, value), slider);
  }));
  by("filters").replaceChildren(...Object.entries(model.candidate_columns).map(([name, kind]) =>
    labelled(name, element("input", { id: `filter:${name}`, autocomplete: "off", onchange: ask,
      placeholder: kind === "numeric" ? "1990..1999" : "one, or another" }))));
  by("model").textContent = `${model.version}: ${model.num_candidates.toLocaleString()} candidates; tasks ${model.tasks.join(", ")}`;
}

by("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); askWho(); });
by("exclude-seen").addEventListener("change", ask);
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
