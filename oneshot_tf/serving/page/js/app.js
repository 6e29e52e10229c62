// Puts the views together: which one is shown, and which model answers.

import { markdown } from "./card.js";
import { find, make, trouble } from "./dom.js";
import * as fewShot from "./few_shot.js";
import * as game from "./game.js";
import { Rest } from "./rest.js";

const VIEWS = ["draw", "game", "models"];
const models = []; // [{name, fields, signatures}]
let shown = "draw";

async function start() {
  const settings = await (await fetch("settings.json")).json();
  const rest = new Rest(settings.rest);
  await fewShot.start(rest);
  game.start(rest);
  addEventListener("hashchange", showView);
  find("model").onchange = () => use(find("model").value);
  const found = await Promise.allSettled(settings.models.map(async (model) => ({ ...model, signatures: await rest.signatures(model.name) })));
  for (const { value, reason } of found) {
    if (value) models.push(value);
    else trouble(reason.message);
  }
  showCards(settings.models);
  showView();
}

/** The models that the view can ask, the most able first. */
function able() {
  const fits = shown === "game" ? game.plays : (m) => m.signatures.classify_encoded;
  const found = models.filter(fits);
  return found.length ? found : models;
}

function showView() {
  const wanted = location.hash.slice(1);
  shown = VIEWS.includes(wanted) ? wanted : "draw";
  for (const view of VIEWS) find(view).hidden = view !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown !== "game") game.leave();
  find("model").closest("label").hidden = shown === "models";
  if (shown === "models" || !models.length) return;
  const names = able().map((m) => m.name);
  const before = find("model").value;
  find("model").replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  const kept = shown === "draw" ? fewShot.chosenModel() : before;
  find("model").value = [kept, before].find((name) => names.includes(name)) ?? names[0];
  use(find("model").value);
}

function use(name) {
  const model = models.find((m) => m.name === name);
  if (shown === "game") game.useModel(model);
  else fewShot.useModel(model);
}

function showCards(listed) {
  find("cards").replaceChildren(...listed.map((model) => {
    const place = make("div", { className: "text" });
    const details = make("details", { className: "card model", open: listed.length === 1 },
      make("summary", {}, make("strong", {}, model.name), ` ${summary(model.fields)}`), place);
    const load = async () => {
      if (!details.open || place.childElementCount) return;
      const response = await fetch(`cards/${encodeURIComponent(model.name)}.md`);
      const text = response.ok ? await response.text() : "";
      place.replaceChildren(...(text ? markdown(text.replace(/^# .*\n/, "")) : [make("p", {}, "This model has no card.")]));
    };
    details.addEventListener("toggle", load);
    load();
    return details;
  }));
  if (!listed.length) find("cards").append(make("p", {}, "No model is served: --export=DIR names some."));
}

function summary(fields) {
  const parts = [];
  if (fields.image_size) parts.push(`${fields.image_size} × ${fields.image_size} pixels`);
  if (fields.way) parts.push(`up to ${fields.way} classes`);
  if (fields.signatures) parts.push(fields.signatures.join(", "));
  return parts.join(" · ");
}

start().catch((error) => trouble(`The page cannot start: ${error.message}`));
