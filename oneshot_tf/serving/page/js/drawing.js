// Drawings, and the pictures that are made of them.
//
// A drawing is {strokes: [[x0, y0, x1, y1, ...], ...]} on a square of SIZE, or {picture: data URL}.
// Its picture has Omniglot's measures: 105 x 105 pixels, dark ink on white, the character in the
// middle, its longer side 69 (the median there) and its strokes 5 wide.

export const SIZE = 200;
export const SIDE = 105;
const PEN = 5;
const LONGEST = 69 - PEN;
const SMALLEST = 0.12 * SIZE; // a dot is not blown up to a blot
const KEPT = 512; // pixels of the longer side of a picture file

const pictures = new WeakMap();

/** Strokes moved and scaled as a picture has them: [[x, y, ...], ...] in pixels of SIDE. */
export function fit(strokes) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (const stroke of strokes) {
    stroke.forEach((value, i) => {
      low[i % 2] = Math.min(low[i % 2], value);
      high[i % 2] = Math.max(high[i % 2], value);
    });
  }
  const scale = LONGEST / Math.max(high[0] - low[0], high[1] - low[1], SMALLEST);
  const middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  return strokes.map((stroke) => stroke.map((value, i) => (value - middle[i % 2]) * scale + SIDE / 2));
}

/** Draws strokes with round ends and joints. */
export function trace(context, strokes, width, colour) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = context.fillStyle = colour;
  for (const stroke of strokes) {
    context.beginPath();
    if (stroke.length < 4) {
      context.arc(stroke[0], stroke[1], width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.moveTo(stroke[0], stroke[1]);
    for (let i = 2; i < stroke.length; i += 2) context.lineTo(stroke[i], stroke[i + 1]);
    context.stroke();
  }
}

/** Paints a drawing's picture on a canvas of any size. */
export async function paint(canvas, drawing) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (drawing.strokes) {
    const scale = canvas.width / SIDE;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    trace(context, fit(drawing.strokes), PEN, "#000");
    return;
  }
  const image = await loaded(drawing.picture);
  const scale = Math.min(canvas.width / image.width, canvas.height / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  context.drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

function loaded(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("A picture cannot be read; it must be PNG or JPEG"));
    image.src = url;
  });
}

/** The data URL of a drawing's picture file. */
export function pictureOf(drawing) {
  if (drawing.picture) return drawing.picture;
  if (!pictures.has(drawing)) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    trace(context, fit(drawing.strokes), PEN, "#000");
    pictures.set(drawing, canvas.toDataURL("image/png"));
  }
  return pictures.get(drawing);
}

/** {"b64": ...} of a drawing, as REST sends bytes. */
export const encoded = (drawing) => ({ b64: pictureOf(drawing).split(",", 2)[1] });

/** The drawing of a picture file: as it is where it is small, else smaller. */
export async function fromFile(blob) {
  if (!/^image\/(png|jpeg)$/.test(blob.type)) throw new Error("A picture must be PNG or JPEG");
  const url = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error("A file cannot be read"));
    reader.readAsDataURL(blob);
  });
  const image = await loaded(url);
  const longest = Math.max(image.width, image.height);
  if (longest <= KEPT && blob.size < 100_000) return { picture: url };
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, KEPT / longest);
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return { picture: canvas.toDataURL("image/png") };
}

/**
 * A drawing as numbers for signatures that take no files: [size][size][1], ink 1, made as the
 * graph's own decoder makes it (padded to a square, shrunk by a triangle filter, gray levels).
 */
export async function numbers(drawing, size) {
  const image = await loaded(pictureOf(drawing));
  const canvas = document.createElement("canvas");
  const [width, height] = [(canvas.width = image.width), (canvas.height = image.height)];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, width, height).data;
  let gray = new Float64Array(width * height);
  for (let i = 0; i < gray.length; i++) {
    gray[i] = (19595 * data[4 * i] + 38470 * data[4 * i + 1] + 7471 * data[4 * i + 2] + 32768) >> 16;
  }
  const side = Math.max(width, height);
  const border = middleOf(edges(gray, width, height));
  const dark = border > 127;
  const square = new Float64Array(side * side).fill(dark ? 255 - border : border);
  const [left, top] = [(side - width) >> 1, (side - height) >> 1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = gray[y * width + x];
      square[(y + top) * side + x + left] = dark ? 255 - value : value;
    }
  }
  const small = shrink(square, side, size);
  return Array.from({ length: size }, (_, y) =>
    Array.from({ length: size }, (_, x) => [Math.round(small[y * size + x]) / 255]));
}

function edges(gray, width, height) {
  const found = [];
  for (let x = 0; x < width; x++) found.push(gray[x], gray[(height - 1) * width + x]);
  for (let y = 1; y < height - 1; y++) found.push(gray[y * width], gray[y * width + width - 1]);
  return found;
}

function middleOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.floor((sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2);
}

/** A square of `from` pixels as one of `to`, antialiased by a triangle filter. */
export function shrink(pixels, from, to) {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  const taps = Array.from({ length: to }, (_, i) => {
    const middle = (i + 0.5) * scale;
    const found = [];
    for (let k = Math.max(0, Math.floor(middle - reach)); k < Math.min(from, Math.ceil(middle + reach)); k++) {
      const weight = 1 - Math.abs(k + 0.5 - middle) / reach;
      if (weight > 0) found.push([k, weight]);
    }
    const total = found.reduce((sum, [, weight]) => sum + weight, 0);
    return found.map(([k, weight]) => [k, weight / total]);
  });
  const rows = new Float64Array(from * to);
  for (let y = 0; y < from; y++) {
    taps.forEach((tap, x) => {
      for (const [k, weight] of tap) rows[y * to + x] += weight * pixels[y * from + k];
    });
  }
  const found = new Float64Array(to * to);
  taps.forEach((tap, y) => {
    for (const [k, weight] of tap) {
      for (let x = 0; x < to; x++) found[y * to + x] += weight * rows[k * to + x];
    }
  });
  return found;
}

/** A small canvas that shows a drawing. */
export function thumbnail(drawing, label, side = 64) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 2 * side;
  canvas.className = "thumb";
  if (label) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
  } else canvas.setAttribute("aria-hidden", "true");
  paint(canvas, drawing).catch((error) => console.warn(error.message));
  return canvas;
}
