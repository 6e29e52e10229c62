// The first view: classes with a few drawings each, a question, and what the model says of it.

import { bar, colourOf, dropTarget, find, make, percent, trouble } from "./dom.js";
import { encoded, fromFile, paint, pictureOf, thumbnail } from "./drawing.js";
import { Pad } from "./pad.js";
import * as store from "./store.js";
import { folderName, pack, unpack } from "./zip.js";

const MOST_CLASSES = 10;
const MOST_DRAWINGS = 5;

let rest;
let model = null; // {name, fields, signatures}
let state; // {classes: [{name, drawings}], threshold, model}
let pad;
let examplePad;
let target = null; // the class that the dialog adds to
let asking = null; // the AbortController of the question on its way

export async function start(server) {
  rest = server;
  const kept = store.read();
  state = kept ?? { classes: await store.beginning(), threshold: 0.5 };
  state.threshold ??= 0.5;
  pad = new Pad(find("pad"), () => ask(), find("pad-hint"));
  examplePad = new Pad(find("example-pad"), () => {}, find("example-hint"));
  listen();
  showThreshold();
  showClasses();
  if (!kept) pad.set((await store.characters())[5][6], true);
  pad.forget();
}

export const chosenModel = () => state.model;

/** The drawing that is asked about, or null. */
export const question = () => pad.drawing;

export function useModel(found) {
  model = found;
  state.model = found.name;
  save();
  ask();
}

function listen() {
  find("undo").onclick = () => pad.undo();
  find("clear").onclick = () => pad.clear();
  find("borrow").onclick = async () => pad.set(await store.borrowed());
  find("choose").onclick = () => find("choose-file").click();
  find("choose-file").onchange = (event) => take(event.target, (files) => askFile(files));
  dropTarget(find("question-drop"), askFile);
  find("threshold").oninput = (event) => {
    state.threshold = event.target.value / 100;
    showThreshold();
    save();
    if (last) showAnswer(last);
  };
  find("add-class").onclick = addClass;
  find("save").onclick = saveZip;
  find("open").onclick = () => find("open-file").click();
  find("open-file").onchange = (event) => take(event.target, ([file]) => openZip(file));
  find("reset").onclick = async () => {
    if (!confirm("Put the first examples in place of yours?")) return;
    state.classes = await store.beginning();
    changed();
  };
  dropTarget(document.body, ([file]) => /\.zip$/i.test(file?.name ?? "") && openZip(file));
  find("example-undo").onclick = () => examplePad.undo();
  find("example-clear").onclick = () => examplePad.clear();
  find("example-borrow").onclick = async () => examplePad.set(await store.borrowed());
  find("example-add").onclick = () => addDrawn(false);
  find("example-more").onclick = () => addDrawn(true);
}

/** Hands over the files of an input, which can then be chosen again. */
function take(input, use) {
  const files = [...input.files];
  input.value = "";
  if (files.length) use(files);
}

async function askFile([file]) {
  if (!file) return;
  if (/\.zip$/i.test(file.name)) return openZip(file);
  try {
    pad.set(await fromFile(file));
    trouble();
  } catch (error) {
    trouble(`${file.name}: ${error.message}`);
  }
}

// --- examples ---------------------------------------------------------------------------------

function addClass() {
  if (state.classes.length >= MOST_CLASSES) return trouble(`At most ${MOST_CLASSES} classes`);
  const names = new Set(state.classes.map((c) => c.name));
  let number = state.classes.length + 1;
  while (names.has(`class ${number}`)) number++;
  state.classes.push({ name: `class ${number}`, drawings: [] });
  changed();
  const input = find("classes").lastElementChild.querySelector("input");
  input.focus();
  input.select();
}

function openDialog(one) {
  target = one;
  find("example-title").textContent = `Draw an example of ${one.name}`;
  examplePad.clear(true);
  examplePad.forget();
  find("example").showModal();
  examplePad.show();
}

function addDrawn(more) {
  if (!examplePad.drawing) return;
  target.drawings.push(examplePad.drawing);
  changed();
  if (more && target.drawings.length < MOST_DRAWINGS) {
    examplePad.clear(true);
    examplePad.forget();
    return;
  }
  find("example").close();
}

async function addFiles(one, files) {
  for (const file of files) {
    if (one.drawings.length >= MOST_DRAWINGS) {
      trouble(`At most ${MOST_DRAWINGS} drawings a class`);
      break;
    }
    try {
      one.drawings.push(await fromFile(file));
      trouble();
    } catch (error) {
      trouble(`${file.name}: ${error.message}`);
    }
  }
  changed();
}

function changed() {
  showClasses();
  save();
  ask();
}

function save() {
  if (!store.keep(state)) trouble("The browser does not keep the examples: they are too large, or it may not");
}

function showClasses() {
  find("classes").replaceChildren(...state.classes.map(classCard));
  find("add-class").disabled = state.classes.length >= MOST_CLASSES;
}

function classCard(one, index) {
  const name = make("input", { type: "text", value: one.name, maxLength: 40, "aria-label": `Name of class ${index + 1}` });
  name.onchange = () => {
    one.name = name.value.trim() || `class ${index + 1}`;
    changed();
  };
  const swatch = make("span", { className: "swatch", "aria-hidden": "true" });
  swatch.style.background = colourOf(index);
  const files = make("input", { type: "file", accept: "image/png,image/jpeg", multiple: true, hidden: true, "aria-label": `Pictures of ${one.name}` });
  files.onchange = () => take(files, (chosen) => addFiles(one, chosen));
  const full = one.drawings.length >= MOST_DRAWINGS;
  const card = make(
    "article",
    { className: "card class", "aria-label": one.name },
    make("header", {}, swatch, name, make("button", {
      type: "button", className: "plain", title: `Remove ${one.name}`, "aria-label": `Remove the class ${one.name}`,
      onclick: () => { state.classes.splice(index, 1); changed(); },
    }, "✕")),
    make("ul", { className: "drawings" }, ...one.drawings.map((drawing, k) => drawingItem(one, drawing, k))),
    make("div", { className: "buttons" },
      make("button", { type: "button", disabled: full, onclick: () => openDialog(one), "aria-label": `Draw an example of ${one.name}` }, "Draw"),
      make("button", { type: "button", disabled: full, onclick: () => files.click(), "aria-label": `Choose pictures of ${one.name}` }, "Files"),
      files),
  );
  dropTarget(card, (dropped) => dropped.some((f) => /\.zip$/i.test(f.name)) ? openZip(dropped[0]) : addFiles(one, dropped));
  return card;
}

function drawingItem(one, drawing, k) {
  return make(
    "li",
    {},
    make("button", {
      type: "button", className: "drawing", title: "Remove this drawing", "aria-label": `Remove drawing ${k + 1} of ${one.name}`,
      onclick: () => { one.drawings.splice(k, 1); changed(); },
    }, thumbnail(drawing)),
    make("span", { className: "spoke" }),
  );
}

// --- asking -----------------------------------------------------------------------------------

let last = null;

async function ask() {
  asking?.abort();
  last = null;
  const seen = find("seen");
  seen.hidden = !pad.drawing;
  if (pad.drawing) paint(seen, pad.drawing).catch((error) => trouble(error.message));
  const problem = whatIsMissing();
  if (problem) return showNothing(problem);
  const [support, labels, places] = inTurns(state.classes);
  const inputs = {
    support_bytes: support.map(encoded),
    support_labels: labels,
    query_bytes: [encoded(pad.drawing)],
  };
  const classes = state.classes.filter((c) => c.drawings.length);
  asking = new AbortController();
  const mine = asking;
  find("verdict").setAttribute("aria-busy", "true");
  const start = performance.now();
  try {
    const answer = await rest.predict(model.name, "classify_encoded", inputs, mine.signal);
    if (mine !== asking) return;
    last = {
      classes,
      places,
      probabilities: answer.probabilities[0],
      attention: answer.attention?.[0],
      milliseconds: performance.now() - start,
    };
    trouble();
    showAnswer(last);
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    showNothing("");
    trouble(error.message);
  }
}

function whatIsMissing() {
  const most = model?.fields.way;
  const filled = state.classes.filter((c) => c.drawings.length).length;
  if (!model) return "…";
  if (!model.signatures.classify_encoded) return "This model takes no picture files; choose another.";
  if (filled < 2) return "Two classes with a drawing each are the least it can choose from.";
  if (most && filled > most) return `This model tells ${most} classes apart, and there are ${filled}.`;
  if (!pad.drawing) return "Draw something to ask about.";
  return "";
}

/** (drawings, labels, [class, number]): classes in turn, as models of sequences are used to. */
function inTurns(classes) {
  const filled = classes.map((c, i) => [c, i]).filter(([c]) => c.drawings.length);
  const found = [[], [], []];
  for (let turn = 0; turn < MOST_DRAWINGS; turn++) {
    filled.forEach(([one, index], label) => {
      if (turn >= one.drawings.length) return;
      found[0].push(one.drawings[turn]);
      found[1].push(label);
      found[2].push([index, turn]);
    });
  }
  return found;
}

function showNothing(words) {
  find("verdict").removeAttribute("aria-busy");
  find("verdict").textContent = words;
  find("verdict").className = "verdict quiet";
  find("bars").replaceChildren();
  find("took").textContent = "";
  find("attention-note").textContent = "";
  showAttention([], undefined);
}

function showAnswer({ classes, places, probabilities, attention, milliseconds }) {
  const order = probabilities.map((_, k) => k).sort((a, b) => probabilities[b] - probabilities[a]);
  const best = order[0];
  const none = probabilities[best] < state.threshold;
  const verdict = find("verdict");
  verdict.removeAttribute("aria-busy");
  verdict.className = "verdict";
  verdict.replaceChildren(
    ...(none
      ? ["None of these ", make("small", {}, `(${classes[best].name} at ${percent(probabilities[best])} is below the threshold)`)]
      : ["It is ", make("strong", {}, classes[best].name), " ", make("small", {}, percent(probabilities[best]))]),
  );
  find("bars").replaceChildren(
    ...order.map((k) => bar(classes[k].name, probabilities[k], colourOf(state.classes.indexOf(classes[k])), k === best && !none)),
  );
  find("took").textContent = `answered in ${Math.round(milliseconds)} ms`;
  find("attention-note").textContent = attention
    ? "Below each drawing: how much it spoke for this answer."
    : "This model does not say which drawings spoke for its answer.";
  showAttention(places, attention);
}

function showAttention(places, attention) {
  for (const spoke of find("classes").querySelectorAll(".spoke")) {
    spoke.textContent = "";
    spoke.parentElement.classList.remove("speaks");
    spoke.parentElement.style.removeProperty("--spoke");
  }
  places.forEach(([index, number], i) => {
    const item = find("classes").children[index]?.querySelectorAll(".drawings li")[number];
    if (!item || !attention) return;
    item.style.setProperty("--spoke", attention[i]);
    item.classList.add("speaks");
    item.querySelector(".spoke").textContent = percent(attention[i]);
  });
}

function showThreshold() {
  find("threshold").value = Math.round(100 * state.threshold);
  find("threshold-value").textContent = `${Math.round(100 * state.threshold)} %`;
}

// --- files ------------------------------------------------------------------------------------

async function saveZip() {
  const taken = new Set();
  const files = [];
  for (const one of state.classes) {
    const folder = folderName(one.name, taken);
    for (const [k, drawing] of one.drawings.entries()) {
      const url = pictureOf(drawing);
      const bytes = Uint8Array.from(atob(url.split(",", 2)[1]), (c) => c.charCodeAt(0));
      files.push([`${folder}/${k + 1}.${url.startsWith("data:image/jpeg") ? "jpg" : "png"}`, bytes]);
    }
  }
  if (!files.length) return trouble("There is no drawing to save");
  const link = make("a", { href: URL.createObjectURL(pack(files)), download: "examples.zip" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function openZip(file) {
  if (!file) return;
  try {
    const classes = new Map();
    for (const [name, bytes] of (await unpack(file)).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))) {
      const [folder, base] = name.split("/").slice(-2);
      const kind = /\.(png|jpe?g)$/i.exec(base ?? "")?.[1].toLowerCase();
      if (!kind || folder.startsWith("__MACOSX") || base.startsWith(".")) continue;
      if (!classes.has(folder)) classes.set(folder, []);
      const drawings = classes.get(folder);
      if (drawings.length < MOST_DRAWINGS) {
        drawings.push(await fromFile(new Blob([bytes], { type: kind === "png" ? "image/png" : "image/jpeg" })));
      }
    }
    if (!classes.size) throw new Error("it has no pictures in folders, class/1.png");
    const over = classes.size > MOST_CLASSES;
    state.classes = [...classes].slice(0, MOST_CLASSES).map(([name, drawings]) => ({ name, drawings }));
    changed();
    trouble(over ? `${file.name} has ${classes.size} classes; the first ${MOST_CLASSES} are here` : "");
  } catch (error) {
    trouble(`${file.name}: ${error.message}`);
  }
}
