// A pad to draw on, by pen, finger or mouse.

import { SIZE, paint, trace } from "./drawing.js";

const WIDTH = 8; // of a stroke on the pad

export class Pad {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(drawing) => void} onchange called when the pen is lifted, and after undo and the like;
   *   with null where the pad is empty.
   * @param {HTMLElement} hint shown while the pad is empty.
   */
  constructor(canvas, onchange, hint) {
    this.canvas = canvas;
    this.onchange = onchange;
    this.hint = hint;
    this.drawing = null;
    this.before = []; // what undo goes back to
    this.stroke = null;
    this.locked = false;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#end(event));
    canvas.addEventListener("pointercancel", () => this.#drop());
    new ResizeObserver(() => this.show()).observe(canvas);
  }

  /** Puts a drawing (or null) on the pad. */
  set(drawing, quiet = false) {
    this.before.push(this.drawing);
    this.drawing = drawing;
    this.stroke = null;
    this.show();
    if (!quiet) this.onchange(this.drawing);
  }

  clear(quiet = false) {
    if (this.drawing || this.stroke) this.set(null, quiet);
  }

  undo() {
    if (!this.before.length) return;
    this.drawing = this.before.pop();
    this.show();
    this.onchange(this.drawing);
  }

  /** Forgets what undo would bring back. */
  forget() {
    this.before = [];
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    const inside = (value, low, size) =>
      Math.round(10 * SIZE * Math.min(1, Math.max(0, (value - low) / size))) / 10;
    return [inside(event.clientX, box.left, box.width), inside(event.clientY, box.top, box.height)];
  }

  #begin(event) {
    if (this.locked || this.stroke || event.button !== 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.stroke = this.#at(event);
    this.show();
  }

  #move(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const point of passed.length ? passed : [event]) {
      const [x, y] = this.#at(point);
      const [lastX, lastY] = this.stroke.slice(-2);
      if (Math.hypot(x - lastX, y - lastY) >= 0.8) this.stroke.push(x, y);
    }
    this.show();
  }

  #end(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const strokes = [...(this.drawing?.strokes ?? []), this.stroke];
    this.set({ strokes });
  }

  #drop() {
    this.stroke = null;
    this.show();
  }

  /** Draws what is on it, as sharp as the screen is. */
  show() {
    const box = this.canvas.getBoundingClientRect();
    const side = Math.round(box.width * devicePixelRatio);
    if (!side) return;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    const strokes = [...(this.drawing?.strokes ?? []), ...(this.stroke ? [this.stroke] : [])];
    if (this.hint) this.hint.hidden = strokes.length > 0 || Boolean(this.drawing);
    if (this.drawing?.picture && !this.stroke) {
      paint(this.canvas, this.drawing).catch((error) => console.warn(error.message));
      return;
    }
    context.scale(side / SIZE, side / SIZE);
    trace(context, strokes, WIDTH, "#111");
  }
}
