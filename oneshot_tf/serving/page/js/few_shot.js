// The first view: classes with a few drawings each, a question, and what the model says of it.

import { showAnswer, showNothing } from "./answer.js";
import { classCard, take } from "./class_card.js";
import { classesOf, filesOf, isZip } from "./class_folders.js";
import { colourOf, dropTarget, find, make, oldTrouble, trouble } from "./dom.js";
import { encoded, fromFile, paint } from "./drawing.js";
import { Pad } from "./pad.js";
import * as store from "./store.js";
import { pack, unpack } from "./zip.js";

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
  ask();
  save();
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
    showAnswerAgain();
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
  dropTarget(document.body, (dropped) => openZip(dropped.find(isZip)));
  find("example-undo").onclick = () => examplePad.undo();
  find("example-clear").onclick = () => examplePad.clear();
  find("example-borrow").onclick = async () => examplePad.set(await store.borrowed());
  find("example-add").onclick = () => addDrawn(false);
  find("example-more").onclick = () => addDrawn(true);
}

async function askFile([file]) {
  if (!file) return;
  if (isZip(file)) return openZip(file);
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
  const zip = files.find(isZip);
  if (zip) return openZip(zip);
  let problem = "";
  for (const file of files) {
    if (one.drawings.length >= MOST_DRAWINGS) {
      problem = `At most ${MOST_DRAWINGS} drawings a class`;
      break;
    }
    try {
      one.drawings.push(await fromFile(file));
    } catch (error) {
      problem = `${file.name}: ${error.message}`;
    }
  }
  changed(problem);
}

/** Shows, keeps and asks of the classes as they are now; `problem` is what could not be done. */
function changed(problem = "") {
  trouble();
  showClasses();
  ask();
  save();
  if (problem) trouble(problem); // after the question, whose answer takes back what was said before it
}

function save() {
  if (!store.keep(state)) trouble("The browser does not keep the examples: they are too large, or it may not");
}

function showClasses() {
  find("classes").replaceChildren(...state.classes.map(cardOf));
  find("add-class").disabled = state.classes.length >= MOST_CLASSES;
}

function cardOf(one, index) {
  return classCard(one, index, one.drawings.length >= MOST_DRAWINGS, {
    renamed: () => { save(); showAnswerAgain(); },
    removed: () => { state.classes.splice(index, 1); changed(); },
    removedDrawing: (k) => { one.drawings.splice(k, 1); changed(); },
    draws: () => openDialog(one),
    files: (chosen) => addFiles(one, chosen),
  });
}

// --- asking -----------------------------------------------------------------------------------

let last = null;

async function ask() {
  asking?.abort();
  last = null;
  const settled = oldTrouble();
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
      colours: classes.map((c) => colourOf(state.classes.indexOf(c))),
      places,
      probabilities: answer.probabilities[0],
      attention: answer.attention?.[0],
      milliseconds: performance.now() - start,
    };
    settled();
    showAnswerAgain();
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    showNothing("");
    trouble(error.message);
  }
}

/** Shows the last answer, by the names and the threshold of now. */
function showAnswerAgain() {
  if (last) showAnswer(last, state.threshold);
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

function showThreshold() {
  find("threshold").value = Math.round(100 * state.threshold);
  find("threshold-value").textContent = `${Math.round(100 * state.threshold)} %`;
}

// --- files ------------------------------------------------------------------------------------

async function saveZip() {
  const files = filesOf(state.classes);
  if (!files.length) return trouble("There is no drawing to save");
  const link = make("a", { href: URL.createObjectURL(pack(files)), download: "examples.zip" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function openZip(file) {
  if (!file) return;
  try {
    const found = classesOf(await unpack(file));
    if (!found.length) throw new Error("it has no pictures in folders, class/1.png");
    const taken = found.slice(0, MOST_CLASSES);
    state.classes = await Promise.all(taken.map(async ({ name, pictures }) => ({
      name,
      drawings: await Promise.all(pictures.slice(0, MOST_DRAWINGS).map(fromFile)),
    })));
    changed(whatIsLeftOut(file.name, found, taken));
  } catch (error) {
    trouble(`${file.name}: ${error.message}`);
  }
}

/** Says what of a zip's classes is not on the page; "" where all is. */
function whatIsLeftOut(file, found, taken) {
  const words = [];
  if (found.length > taken.length) words.push(`${found.length} classes, of which the first ${taken.length} are here`);
  const cut = taken.filter((one) => one.pictures.length > MOST_DRAWINGS).map((one) => one.name);
  if (cut.length) words.push(`more than ${MOST_DRAWINGS} drawings of ${cut.join(", ")}, of which the first ${MOST_DRAWINGS} are here`);
  return words.length ? `${file} has ${words.join("; ")}.` : "";
}
