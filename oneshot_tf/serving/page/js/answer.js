// What the model says of the question, and how much each drawing spoke for it.

import { bar, find, make, percent } from "./dom.js";

/** Shows words in the place of an answer. */
export function showNothing(words) {
  find("verdict").removeAttribute("aria-busy");
  find("verdict").textContent = words;
  find("verdict").className = "verdict quiet";
  find("bars").replaceChildren();
  find("took").textContent = "";
  find("attention-note").textContent = "";
  showAttention([], undefined);
}

/**
 * Shows an answer.
 *
 * @param {object} answer {classes, colours, places, probabilities, attention, milliseconds}: of each
 *   class asked about, it, its colour and its probability; [class, number] of each drawing and, where
 *   the model says it, how much that spoke.
 * @param {number} threshold the least probability that is no "none of these".
 */
export function showAnswer({ classes, colours, places, probabilities, attention, milliseconds }, threshold) {
  const order = probabilities.map((_, k) => k).sort((a, b) => probabilities[b] - probabilities[a]);
  const best = order[0];
  const none = probabilities[best] < threshold;
  const verdict = find("verdict");
  verdict.removeAttribute("aria-busy");
  verdict.className = "verdict";
  verdict.replaceChildren(
    ...(none
      ? ["None of these ", make("small", {}, `(${classes[best].name} at ${percent(probabilities[best])} is below the threshold)`)]
      : ["It is ", make("strong", {}, classes[best].name), " ", make("small", {}, percent(probabilities[best]))]),
  );
  find("bars").replaceChildren(
    ...order.map((k) => bar(classes[k].name, probabilities[k], colours[k], k === best && !none)),
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
