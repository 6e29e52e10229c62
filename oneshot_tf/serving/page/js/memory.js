// What a memory reads and writes, drawn: a column a step, a cell a row of the memory.

import { make } from "./dom.js";

const CELL = 10;
const COLUMNS = 50; // steps of a round

/**
 * Draws the weights of all steps so far.
 *
 * @param {HTMLElement} place
 * @param {number[][][]} read weights [T][heads][N].
 * @param {number[][][]} write the same.
 */
export function showMemory(place, read, write) {
  const [reads, writes] = [read, write].map((weights) =>
    weights.map((heads) => heads[0].map((_, n) => Math.max(...heads.map((head) => head[n])))));
  const now = reads.length - 1;
  const from = (row) => {
    let step = now - 1;
    while (step >= 0 && writes[step][row] < 0.3) step--;
    return step >= 0 ? `row ${row + 1}, last written at step ${step + 1}` : `row ${row + 1}`;
  };
  place.replaceChildren(
    picture("Reads", reads, from),
    picture("Writes", writes, (row) => `row ${row + 1}`),
  );
}

function picture(title, together, nameOf) {
  const steps = together.length;
  const rows = together[0].length;
  const canvas = document.createElement("canvas");
  canvas.width = CELL * Math.max(steps, COLUMNS);
  canvas.height = rows * Math.max(2, Math.round(360 / rows));
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.body);
  const [empty, ink, now] = ["--cell", "--heat", "--now"].map((name) => style.getPropertyValue(name));
  context.fillStyle = empty;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const height = canvas.height / rows;
  together.forEach((column, t) => {
    column.forEach((weight, n) => {
      context.globalAlpha = Math.sqrt(Math.min(1, weight)); // small weights are to be seen as well
      context.fillStyle = ink;
      context.fillRect(t * CELL, n * height, CELL - 1, Math.max(1, height - 0.5));
    });
  });
  context.globalAlpha = 1;
  context.strokeStyle = now;
  context.lineWidth = 2;
  context.strokeRect((steps - 1) * CELL, 1, CELL, canvas.height - 2);
  const strongest = together.at(-1).map((w, n) => [w, n]).sort((a, b) => b[0] - a[0]).slice(0, 3);
  const words = strongest.filter(([w]) => w > 0.05).map(([w, n]) => `${Math.round(100 * w)} % ${nameOf(n)}`).join("; ");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}, ${steps} steps and ${rows} rows. Step ${steps}: ${words || "spread out"}`);
  return make("figure", { className: "memory" },
    make("figcaption", {}, make("strong", {}, title), ` at step ${steps}: ${words || "spread over all rows"}`),
    canvas);
}
