// Examples that stay in the browser, and the glyphs to begin with.

const KEY = "oneshot_tf.examples.1";

/** The kept examples {classes: [{name, drawings}], threshold, model}, or null. */
export function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    const right = Array.isArray(found?.classes) &&
      found.classes.every((c) => typeof c.name === "string" && Array.isArray(c.drawings));
    return right ? found : null;
  } catch {
    return null; // private windows have no storage, and old pages may have written anything
  }
}

/** Keeps them. Returns whether that worked. */
export function keep(state) {
  try {
    localStorage.setItem(KEY, JSON.stringify(state));
    return true;
  } catch {
    return false;
  }
}

let glyphs;

/** Characters of invented alphabets, ten drawings each: [[{strokes}, ...], ...]. */
export async function characters() {
  if (!glyphs) {
    const found = await (await fetch("glyphs.json")).json();
    glyphs = found.characters.map((drawings) => drawings.map((strokes) => ({ strokes })));
  }
  return glyphs;
}

/** What the first visit finds. */
export async function beginning() {
  const names = ["zigzag", "goggles", "pennant", "hook", "seven"];
  const all = await characters();
  return [0, 1, 5, 4, 8].map((k, i) => ({ name: names[i], drawings: all[k].slice(0, 2) }));
}

/** A drawing that the examples do not have. */
export async function borrowed() {
  const all = await characters();
  const usual = [0, 1, 5, 4, 8];
  return all[usual[Math.floor(usual.length * Math.random())]][2 + Math.floor(8 * Math.random())];
}

export function shuffled(list) {
  const found = [...list];
  for (let i = found.length - 1; i > 0; i--) {
    const k = Math.floor((i + 1) * Math.random());
    [found[i], found[k]] = [found[k], found[i]];
  }
  return found;
}
