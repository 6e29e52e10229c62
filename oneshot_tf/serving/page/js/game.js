// The second view: the papers' task. Characters come one by one, labels one step late.

import { bar, colourOf, find, make, percent, trouble } from "./dom.js";
import { numbers, thumbnail } from "./drawing.js";
import { showMemory } from "./memory.js";
import { Pad } from "./pad.js";
import * as store from "./store.js";

const PRESENTATIONS = 10;
const PACE = 900; // milliseconds a step where it plays by itself
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

let rest;
let model = null;
let pad;
let drawn = false; // whether one draws, or glyphs are dealt
let deck = []; // [{drawing, label}] to come
let steps = []; // [{drawing, pixels, label, guess}], of which the last is being asked
let rounds = []; // of earlier rounds: [{presentation, right}]
let answer = null; // what the model says of the last step
let playing = null;

export function start(server) {
  rest = server;
  pad = new Pad(find("game-pad"), onDrawn, find("game-hint"));
  find("dealt").onclick = () => choose(false);
  find("drawn").onclick = () => choose(true);
  find("game-undo").onclick = () => pad.undo();
  find("game-clear").onclick = () => pad.clear();
  find("again").onclick = () => begin();
  find("play").onclick = () => play(!playing);
}

/** The models that can play. */
export const plays = (found) => way(found) > 0;

export function useModel(found) {
  if (model?.name === found.name) return;
  model = found;
  rounds = [];
  begin();
}

export function leave() {
  play(false);
}

/** How many labels the model has; 0 where it reads no sequences of pictures with plain labels. */
function way(found) {
  const sizes = found?.signatures.sequence?.outputs.probabilities.tensor_shape.dim ?? [];
  return sizes.length === 3 ? Number(sizes[2].size) : 0;
}

/** The name of a label: A to Z, then A2, B2 and so on. */
function nameOf(label) {
  const round = Math.floor(label / LETTERS.length);
  return LETTERS[label % LETTERS.length] + (round ? round + 1 : "");
}

const side = () => Number(model.signatures.sequence.inputs.images.tensor_shape.dim[2].size);

function choose(own) {
  drawn = own;
  find("dealt").setAttribute("aria-pressed", String(!own));
  find("drawn").setAttribute("aria-pressed", String(own));
  begin();
}

async function begin() {
  play(false);
  const able = plays(model);
  find("no-game").hidden = able;
  find("game-body").hidden = !able;
  if (!able) {
    find("no-game").textContent =
      `${model?.name ?? "This model"} reads no sequences. Serve flmn or mann beside it, ` +
      "--export=pretrained/flmn_omniglot_1, and choose it above.";
    return;
  }
  rounds.push(...scores());
  steps = [];
  answer = null;
  pad.locked = !drawn;
  pad.canvas.classList.toggle("locked", !drawn);
  find("game-pad-buttons").hidden = !drawn;
  find("play").hidden = drawn;
  find("game-hint").textContent = "Draw a character, then say which it is";
  const all = store.shuffled(await store.characters()).slice(0, way(model));
  deck = store.shuffled(all.flatMap((drawings, label) =>
    drawings.slice(0, PRESENTATIONS).map((drawing) => ({ drawing, label }))));
  pad.clear(true);
  pad.forget();
  await next();
}

async function next() {
  if (drawn) {
    pad.clear(true);
    pad.forget();
    return show();
  }
  const card = deck.pop();
  if (!card) {
    answer = null;
    play(false);
    return show();
  }
  pad.set(card.drawing, true);
  await ask(card.drawing, card.label);
}

function onDrawn(drawing) {
  if (steps.length && steps.at(-1).label === null) steps.pop();
  answer = null;
  lockLabels(); // until the model has seen the stroke that was just added
  if (drawing) ask(drawing, undefined);
  else show();
}

/** Asks what the model makes of a character after all steps before. `truth` is the deck's. */
async function ask(drawing, truth) {
  const step = { drawing, label: null, guess: null, truth };
  const asked = steps;
  asked.push(step); // at once: the next stroke must find it here
  const overtaken = () => asked !== steps || steps.at(-1) !== step;
  try {
    step.pixels = await numbers(drawing, side());
    if (overtaken()) return;
    const found = await rest.predict(model.name, "sequence", {
      images: [asked.map((s) => s.pixels)],
      labels: [asked.map((s) => s.label ?? -1)],
    });
    if (overtaken()) return;
    const last = steps.length - 1;
    answer = {
      probabilities: found.probabilities[0][last],
      read: found.read_weights?.[0],
      write: found.write_weights?.[0],
    };
    step.guess = answer.probabilities.indexOf(Math.max(...answer.probabilities));
    trouble();
  } catch (error) {
    if (overtaken()) return;
    trouble(error.message);
    play(false);
  }
  show();
}

/** Tells the label of the character that is shown, and goes on. */
async function tell(label) {
  const step = steps.at(-1);
  if (!step || step.label !== null || step.guess === null) return;
  step.label = label;
  answer = null;
  lockLabels();
  await next();
}

function lockLabels() {
  for (const button of find("labels").children) button.setAttribute("aria-disabled", "true");
}

function play(on) {
  if (on && !deck.length && !answer) begin(); // before the rest: a round that begins stops playing
  clearInterval(playing);
  playing = on ? setInterval(() => answer && tell(steps.at(-1).truth), PACE) : null;
  find("play").setAttribute("aria-pressed", String(on));
  find("play").textContent = on ? "Stop" : "Play by itself";
}

/** [{presentation, right}] of the steps of this round whose label is known. */
function scores() {
  const seen = {};
  return steps.filter((s) => s.label !== null).map((s) => {
    seen[s.label] = (seen[s.label] ?? 0) + 1;
    return { presentation: seen[s.label], right: s.guess === s.label };
  });
}

// --- showing ----------------------------------------------------------------------------------

function show() {
  const asked = steps.filter((s) => s.label !== null).length;
  const over = !drawn && !deck.length && !answer && asked > 0;
  find("step").textContent = over ? `${asked}: the round is over` : `${asked + 1}${drawn ? "" : ` of ${asked + deck.length + (answer ? 1 : 0)}`}`;
  showGuess(over);
  showLabels(over);
  showAccuracy();
  showTrace();
  showHistory();
}

function showGuess(over) {
  const guess = find("guess");
  guess.className = answer ? "verdict" : "verdict quiet";
  find("game-bars").replaceChildren();
  if (!answer) {
    guess.textContent = over ? "All characters were shown." : drawn ? "Draw, and it guesses." : "…";
    return;
  }
  const best = steps.at(-1).guess;
  guess.replaceChildren("It guesses ", make("strong", {}, nameOf(best)), " ", make("small", {}, percent(answer.probabilities[best])));
  find("game-bars").append(...answer.probabilities.map((p, k) => bar(nameOf(k), p, colourOf(k), k === best)));
}

function showLabels(over) {
  const truth = steps.at(-1)?.truth;
  find("tell-title").hidden = find("labels").hidden = over;
  find("tell-title").textContent = drawn || !answer
    ? "Tell it the label:"
    : `Tell it the label. The deck says ${nameOf(truth)}:`;
  const focused = document.activeElement?.dataset?.label;
  find("labels").replaceChildren(...Array.from({ length: way(model) }, (_, k) =>
    make("button", {
      type: "button", "aria-disabled": answer ? null : "true", onclick: () => tell(k), "data-label": String(k),
      className: answer && k === truth && !drawn ? "primary" : "", "aria-label": `It is ${nameOf(k)}`,
    }, nameOf(k))));
  if (focused !== undefined) find("labels").children[Number(focused)]?.focus();
}

function showAccuracy() {
  const all = [...rounds, ...scores()];
  const most = Math.max(PRESENTATIONS, ...all.map((s) => s.presentation));
  find("accuracy").replaceChildren(...Array.from({ length: Math.min(most, 15) }, (_, k) => {
    const here = all.filter((s) => s.presentation === k + 1);
    const right = here.filter((s) => s.right).length;
    const share = here.length ? right / here.length : 0;
    const fill = make("span", { className: "fill" });
    fill.style.height = `${100 * share}%`;
    const said = here.length ? `${right}/${here.length}` : "";
    return make("li", { "aria-label": `Time ${k + 1}: ${said ? `${right} of ${here.length} right` : "not yet"}` },
      make("span", { className: "count", "aria-hidden": "true" }, said),
      make("span", { className: "column", "aria-hidden": "true" }, fill),
      make("span", { className: "time", "aria-hidden": "true" }, String(k + 1)));
  }));
  const total = all.filter((s) => s.right).length;
  find("accuracy-note").textContent = all.length
    ? `${total} of ${all.length} guesses right. The dashed line is chance, one in ${way(model)}.`
    : `The dashed line is chance, one in ${way(model)}.`;
  find("accuracy").style.setProperty("--chance", 1 / way(model));
}

function showTrace() {
  const place = find("memory");
  if (!steps.length) {
    place.replaceChildren();
    find("memory-note").textContent = "Nothing yet: each round begins with an empty memory.";
    return;
  }
  if (!answer) return; // the picture of the step before stays
  if (!answer.read) {
    place.replaceChildren();
    find("memory-note").textContent =
      "This export does not say what its memory reads and writes. Export the run again to see it: python -m oneshot_tf.export.";
    return;
  }
  find("memory-note").textContent = "A column is a step, a line is a row of the memory; the stronger the colour, the larger the weight.";
  showMemory(place, answer.read, answer.write);
}

function showHistory() {
  const told = steps.filter((s) => s.label !== null);
  find("history").replaceChildren(...told.map((s, i) => {
    const right = s.guess === s.label;
    const words = `Step ${i + 1}: it was ${nameOf(s.label)}, guessed ${nameOf(s.guess)}`;
    return make("li", { className: right ? "right" : "wrong", "aria-label": words, title: words },
      s.thumb ??= thumbnail(s.drawing, "", 28),
      make("span", { "aria-hidden": "true" }, `${nameOf(s.label)} ${right ? "✓" : `✗${nameOf(s.guess)}`}`));
  }).reverse());
}
