// What the page asks its server: the only file that knows the addresses.

async function answer(path, options) {
  const response = await fetch(`api/${path}`, options);
  if (response.ok) return response;
  let reason = response.statusText;
  try { reason = (await response.json()).error; } catch { /* It is not from the page's server. */ }
  throw new Error(reason);
}

const json = async (path, options) => (await answer(path, options)).json();
const bytes = async (path) => (await answer(path)).arrayBuffer();
const post = (path, type, body) =>
  json(path, {method: "POST", headers: {"Content-Type": type}, body});

export const about = () => json("about");
export const points = async () => new Float32Array(await bytes("points"));
export const selected = async () => new Int32Array(await bytes("selected"));
export const like = (row) => json(`like/${row}`);
export const search = (picture) => post("search", "application/octet-stream", picture);
export const saveLabel = (rows, label) =>
  post("labels", "application/json", JSON.stringify({rows: Array.from(rows), label}));
export const files = (rows) => json(`files?rows=${Array.from(rows).join(",")}`);
export const sound = (row) => `api/sound/${row}`;
export const thumbnail = (row, key) => `api/thumbnail/${row}?of=${key}`;

// One byte for each file: whether its path holds a text.
export async function matching(text, count) {
  const packed = new Uint8Array(await bytes(`matching?text=${encodeURIComponent(text)}`));
  const mask = new Uint8Array(count);
  for (let row = 0; row < count; row++) mask[row] = (packed[row >> 3] >> (row & 7)) & 1;
  return mask;
}

// A colouring once it is ready; `working` hears how far it is.
export async function colouring(name, working) {
  for (;;) {
    const told = await json(`colours/${name}`);
    if (told.state === "failed") throw new Error(told.error || "stopped");
    if (told.state === "ready") {
      const values = new Uint8Array(await bytes(`colours/${name}/values`));
      const order = told.ordered ? new Int32Array(await bytes(`colours/${name}/order`)) : null;
      return {...told, name, values, order};
    }
    if (!working(told)) return null;
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}
