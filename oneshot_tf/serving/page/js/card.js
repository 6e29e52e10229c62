// Model cards: as much Markdown as they use, as elements.

import { make } from "./dom.js";

/** The elements of a Markdown text: headings, lists, tables, code and paragraphs. */
export function markdown(text, level = 3) {
  const lines = text.split("\n");
  const found = [];
  while (lines.length) {
    const line = lines[0];
    if (line.startsWith("```")) found.push(code(lines));
    else if (/^#+ /.test(line)) found.push(heading(lines.shift(), level));
    else if (line.startsWith("- ")) found.push(list(lines));
    else if (line.startsWith("|")) found.push(table(lines));
    else if (!line.trim()) lines.shift();
    else found.push(make("p", {}, ...inline(block(lines, /^(#|- |\||```|\s*$)/))));
  }
  return found;
}

/** Takes a first line and those after it until one matches `end`; joined by spaces. */
function block(lines, end) {
  const taken = [lines.shift()];
  while (lines.length && !end.test(lines[0])) taken.push(lines.shift());
  return taken.map((line) => line.trim()).join(" ");
}

function heading(line, level) {
  const [, marks, words] = /^(#+) (.*)$/.exec(line);
  return make(`h${Math.min(6, level + marks.length - 1)}`, {}, ...inline(words));
}

function code(lines) {
  lines.shift();
  const taken = [];
  while (lines.length && !lines[0].startsWith("```")) taken.push(lines.shift());
  lines.shift();
  return make("pre", { tabIndex: 0 }, make("code", {}, taken.join("\n")));
}

function list(lines) {
  const items = [];
  while (lines.length && lines[0].startsWith("- ")) items.push(block(lines, /^(- |#|\||\s*$)/).slice(2));
  return make("ul", {}, ...items.map((item) => make("li", {}, ...inline(item))));
}

function table(lines) {
  const rows = [];
  while (lines.length && lines[0].startsWith("|")) {
    rows.push(lines.shift().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim()));
  }
  const [head, , ...body] = rows;
  const row = (cells, name) => make("tr", {}, ...cells.map((cell) => make(name, {}, ...inline(cell))));
  return make("div", { className: "scroll", tabIndex: 0 },
    make("table", {}, make("thead", {}, row(head, "th")), make("tbody", {}, ...body.map((cells) => row(cells, "td")))));
}

function inline(words) {
  return words.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)/).filter(Boolean).map((part) => {
    if (/^`.+`$/.test(part)) return make("code", {}, part.slice(1, -1));
    if (/^\*\*.+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
    if (/^\*.+\*$/.test(part)) return make("em", {}, part.slice(1, -1));
    return part;
  });
}
