// Classes as folders of picture files, which is how a zip has them: class/1.png.

import { pictureOf } from "./drawing.js";

export const isZip = (file) => /\.zip$/i.test(file?.name ?? "");

/** [[path, Uint8Array], ...] of the classes [{name, drawings}]. */
export function filesOf(classes) {
  const taken = new Set();
  const files = [];
  for (const one of classes) {
    const folder = folderName(one.name, taken);
    for (const [k, drawing] of one.drawings.entries()) {
      const url = pictureOf(drawing);
      const bytes = Uint8Array.from(atob(url.split(",", 2)[1]), (c) => c.charCodeAt(0));
      files.push([`${folder}/${k + 1}.${url.startsWith("data:image/jpeg") ? "jpg" : "png"}`, bytes]);
    }
  }
  return files;
}

/** The classes of files [[path, Uint8Array], ...]: [{name, pictures}], a folder each, in order. */
export function classesOf(files) {
  const folders = new Map(); // by the whole path: alphabets share the names of their characters
  for (const [name, bytes] of [...files].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))) {
    const parts = name.split("/").filter((part) => part && part !== ".");
    const base = parts.pop() ?? "";
    const kind = /\.(png|jpe?g)$/i.exec(base)?.[1].toLowerCase();
    if (!kind || !parts.length || parts.some((part) => part.startsWith("__MACOSX")) || base.startsWith(".")) continue;
    const path = parts.join("/");
    if (!folders.has(path)) folders.set(path, []);
    folders.get(path).push(new Blob([bytes], { type: kind === "png" ? "image/png" : "image/jpeg" }));
  }
  const names = namesOf([...folders.keys()]);
  return [...folders.values()].map((pictures, k) => ({ name: names[k], pictures }));
}

/** The last part of each path, or as many of the last as no other path ends with. */
function namesOf(paths) {
  const parts = paths.map((path) => path.split("/"));
  const endings = (own) => own.map((_, k) => own.slice(-1 - k).join("/"));
  const counts = new Map();
  for (const ending of parts.flatMap(endings)) counts.set(ending, (counts.get(ending) ?? 0) + 1);
  return paths.map((path, k) => endings(parts[k]).find((ending) => counts.get(ending) === 1) ?? path);
}

/** A class's name as the name of a folder on any system. */
function folderName(name, taken) {
  const plain = name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_").replace(/^[. ]+|[. ]+$/g, "") || "class";
  let found = plain;
  for (let k = 2; taken.has(found.toLowerCase()); k++) found = `${plain} ${k}`;
  taken.add(found.toLowerCase());
  return found;
}
