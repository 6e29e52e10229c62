// Zip archives: written without compression, read with or without.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const MOST_BYTES = 64 * 2 ** 20;
const MOST_FILES = 1000;
const UTF8 = 0x0800;
const DAY_ONE = 0x0021; // 1 January 1980

let table;

function crc32(bytes) {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** A Blob of [[name, Uint8Array], ...]. */
export function pack(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const path = new TextEncoder().encode(name);
    const common = new DataView(new ArrayBuffer(26)); // the fields that both headers have
    common.setUint16(0, 20, true);
    common.setUint16(2, UTF8, true);
    common.setUint16(8, DAY_ONE, true);
    common.setUint32(10, crc32(bytes), true);
    common.setUint32(14, bytes.length, true);
    common.setUint32(18, bytes.length, true);
    common.setUint16(22, path.length, true);
    const local = new DataView(new ArrayBuffer(4));
    local.setUint32(0, LOCAL, true);
    parts.push(local, common, path, bytes);
    const head = new DataView(new ArrayBuffer(6));
    head.setUint32(0, CENTRAL, true);
    head.setUint16(4, 20, true);
    const tail = new DataView(new ArrayBuffer(14));
    tail.setUint32(10, offset, true);
    directory.push(head, common, tail, path);
    offset += 30 + path.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, END, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** [[name, Uint8Array], ...] of an archive's files. */
export async function unpack(blob) {
  if (blob.size > MOST_BYTES) throw new Error("The zip is larger than 64 MB");
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  let at = bytes.length - 22;
  while (at >= 0 && view.getUint32(at, true) !== END) at--;
  if (at < 0) throw new Error("This is no zip file");
  const count = view.getUint16(at + 10, true);
  if (count > MOST_FILES) throw new Error(`The zip has more than ${MOST_FILES} files`);
  let entry = view.getUint32(at + 16, true);
  const found = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (entry + 46 > bytes.length || view.getUint32(entry, true) !== CENTRAL) throw new Error("The zip is damaged");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((k) => view.getUint16(entry + k, true));
    const name = new TextDecoder().decode(bytes.subarray(entry + 46, entry + 46 + nameLength));
    const method = view.getUint16(entry + 10, true);
    const [packed, size] = [20, 24].map((k) => view.getUint32(entry + k, true));
    total += size;
    if (total > MOST_BYTES) throw new Error("The zip's files are larger than 64 MB");
    const local = view.getUint32(entry + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const content = bytes.subarray(start, start + packed);
    if (!name.endsWith("/")) found.push([name, method === 0 ? content : await inflate(content, method, size)]);
    entry += 46 + nameLength + extraLength + commentLength;
  }
  return found;
}

async function inflate(content, method, size) {
  if (method !== 8) throw new Error("The zip is compressed in a way unknown here");
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = stream.getReader();
  const found = new Uint8Array(size);
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return found.subarray(0, at);
    if (at + value.length > size) throw new Error("The zip is damaged");
    found.set(value, at);
    at += value.length;
  }
}
