// The card of a class: its name, its drawings, and the ways to more of them.

import { colourOf, dropTarget, make } from "./dom.js";
import { thumbnail } from "./drawing.js";

/**
 * Makes the card of a class. A new name is put on the card that is there: the mouse may be down on
 * one of its buttons, and a button that is replaced before the mouse is up gets no click.
 *
 * @param {{name: string, drawings: object[]}} one the class, which a new name changes.
 * @param {number} index its place among the classes.
 * @param {boolean} full whether it can have no more drawings.
 * @param {object} on what is called: renamed(), removed(), removedDrawing(k), draws(), files(list).
 */
export function classCard(one, index, full, on) {
  const labels = []; // [element, (name) => its label]
  const labelled = (element, words) => {
    labels.push([element, words]);
    return element;
  };
  const button = (properties, words, ...children) =>
    labelled(make("button", { type: "button", ...properties }, ...children), words);
  const name = make("input", { type: "text", value: one.name, maxLength: 40, "aria-label": `Name of class ${index + 1}` });
  const swatch = make("span", { className: "swatch", "aria-hidden": "true" });
  swatch.style.background = colourOf(index);
  const files = labelled(
    make("input", { type: "file", accept: "image/png,image/jpeg", multiple: true, hidden: true }),
    (own) => `Pictures of ${own}`,
  );
  files.onchange = () => take(files, on.files);
  const remove = button({ className: "plain", onclick: on.removed }, (own) => `Remove the class ${own}`, "✕");
  const drawings = one.drawings.map((drawing, k) => make("li", {},
    button({ className: "drawing", title: "Remove this drawing", onclick: () => on.removedDrawing(k) },
      (own) => `Remove drawing ${k + 1} of ${own}`, thumbnail(drawing)),
    make("span", { className: "spoke" })));
  const card = labelled(
    make(
      "article",
      { className: "card class" },
      make("header", {}, swatch, name, remove),
      make("ul", { className: "drawings" }, ...drawings),
      make("div", { className: "buttons" },
        button({ disabled: full, onclick: on.draws }, (own) => `Draw an example of ${own}`, "Draw"),
        button({ disabled: full, onclick: () => files.click() }, (own) => `Choose pictures of ${own}`, "Files"),
        files),
    ),
    (own) => own,
  );
  const showName = () => {
    name.value = one.name;
    remove.title = `Remove ${one.name}`;
    for (const [element, words] of labels) element.setAttribute("aria-label", words(one.name));
  };
  showName();
  name.onchange = () => {
    one.name = name.value.trim() || `class ${index + 1}`;
    showName();
    on.renamed();
  };
  dropTarget(card, on.files);
  return card;
}

/** Hands over the files of an input, which can then be chosen again. */
export function take(input, use) {
  const files = [...input.files];
  input.value = "";
  if (files.length) use(files);
}
