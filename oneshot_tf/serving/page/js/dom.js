// Small helpers over the document.

export const find = (id) => document.getElementById(id);

/** An element: make("button", {type: "button", onclick: f}, "text", child). */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key in element && !key.startsWith("aria")) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export const percent = (p) => `${(100 * p).toFixed(p >= 0.0995 || p < 0.0005 ? 0 : 1)} %`;

/** One bar of a probability: a list item with a name, a bar and a number. */
export function bar(name, value, colour, best) {
  const fill = make("span", { className: "fill" });
  fill.style.width = `${100 * value}%`;
  fill.style.background = colour;
  return make(
    "li",
    { className: best ? "best" : "" },
    make("span", { className: "name", title: name }, name),
    make("span", { className: "track", "aria-hidden": "true" }, fill),
    make("span", { className: "value" }, percent(value)),
  );
}

const COLOURS = ["#3a6fd8", "#d97706", "#17936b", "#c2418f", "#7c5bd6", "#b5473c", "#0f8ea8", "#7a7f22", "#8a5a3b", "#5b6675"];

export const colourOf = (index) => COLOURS[index % COLOURS.length];

let told = 0; // how often `trouble` has changed

/** Shows what went wrong, or nothing. */
export function trouble(words) {
  told++;
  const place = find("trouble");
  place.textContent = words || "";
  place.hidden = !words;
}

/** What takes back the trouble that is shown now, and leaves what is said after it. */
export function oldTrouble() {
  const now = told;
  return () => {
    if (told === now) trouble();
  };
}

/** Lets files be dropped on an element. */
export function dropTarget(element, onfiles) {
  const stop = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  element.addEventListener("dragover", (event) => {
    stop(event);
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    stop(event);
    element.classList.remove("over");
    onfiles([...event.dataTransfer.files]);
  });
}
