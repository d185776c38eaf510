// The page: what its controls do.

import {List} from "./list.js";
import {PointMap} from "./map.js";
import * as server from "./server.js";

const $ = (id) => document.getElementById(id);
const counted = (n, noun = "file") => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

let about, points, colouring, selected = new Int32Array(), mask = null;

const map = new PointMap($("map"), {
  hover: showPointer,
  leave: () => { $("pointer").hidden = true; },
  pick: (row) => tell(() => showLike(row)),
  lasso: (rows) => tell(() => showList(`Lasso: ${counted(rows.length)}`, rows, {chosen: true})),
});
const list = new List($("list"), $("more"), {
  changed: showChoice,
  more: (row) => tell(() => showLike(row)),
  focus: (row) => map.mark({listed: [row]}),
});

// Does something, and says so where it fails.
async function tell(action) {
  try {
    await action();
  } catch (error) {
    say(error.message, true);
  }
}

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

async function showList(title, rows, options) {
  $("title").textContent = title;
  await list.show(rows, options);
}

function showChoice() {
  const chosen = list.chosen.size;
  $("save").disabled = !chosen || !$("label").value.trim();
  $("save").textContent = chosen ? `Label ${counted(chosen)}` : "Choose files first";
  $("unlabel").hidden = !chosen;
  $("all").hidden = $("none").hidden = !list.rows.length;
  $("hint").hidden = list.rows.length > 0;
  map.mark({listed: list.similarities ? list.rows : [], chosen: list.chosen});
}

async function showLike(row) {
  const [{rows, similarities}, [file]] = await Promise.all([server.like(row), server.files([row])]);
  await showList(`Like ${file.path.split("/").at(-1)}`, [row, ...rows], {similarities: [1, ...similarities]});
}

async function searchWith(file) {
  if (!about.pictures) return say("To search with a file, start with --model_dir.", true);
  say(`Searching with ${file.name} …`);
  const {rows, similarities} = await server.search(file);
  say("");
  await showList(`Like ${file.name}`, rows, {similarities});
}

async function saveLabel(label) {
  const rows = [...list.chosen];
  await server.saveLabel(rows, label);
  list.relabel(label);
  say(label ? `Saved in ${about.labels}: ${counted(rows.length)} labelled “${label}”`
    : `Saved in ${about.labels}: ${counted(rows.length)} without a label now`);
  const names = await server.colouring("label", () => true);
  showNames(names);
  if (colouring.name === "label") await paint(names);
}

function showNames(labels) {
  const known = labels.groups.filter((_, place) => place !== labels.plain);
  $("names").replaceChildren(...known.map(({name}) => new Option(name, name)));
}

// Colours by what was chosen; what takes long says how far it is.
async function recolour() {
  const name = $("colour").value;
  const made = await server.colouring(name, ({done, total}) => {
    if ($("colour").value !== name) return false;
    const far = done ? `: ${counted(done, "picture")} of ${total.toLocaleString("en")} read` : "";
    say(`Working on “${name}”${far} …`);
    return true;
  });
  if (!made || $("colour").value !== name) return;
  say("");
  await paint(made);
}

async function paint(made) {
  colouring = made;
  showLegend();
  await map.show(points, colouring, mask);
}

function showLegend() {
  const entries = colouring.groups.map(({name, count}, place) => {
    const css = place === colouring.plain ? "--plain" : `--class-${place % 12}`;
    return count ? entry(name, count, css, () => showList(name, rowsOf(place))) : null;
  });
  if (selected.length) {
    entries.push(entry("to label", selected.length, "--warning", () => showList("To label", selected)));
    entries.at(-1).classList.add("selected");
  }
  $("legend").replaceChildren(...entries.filter(Boolean));
}

function entry(name, count, css, list) {
  const item = document.createElement("li"), button = document.createElement("button");
  const swatch = document.createElement("i"), text = document.createElement("span");
  button.type = "button";
  swatch.style.setProperty("--c", `var(${css})`);
  text.textContent = name;
  button.append(swatch, text, ` ${count.toLocaleString("en")}`);
  button.setAttribute("aria-label", `List ${name}, ${counted(count)}`);
  button.addEventListener("click", () => tell(list));
  item.append(button);
  return item;
}

function rowsOf(place) {
  const {values, order} = colouring;
  const all = order && place !== colouring.plain ? order : values.keys();
  return Int32Array.from([...all].filter((row) => values[row] === place && (!mask || mask[row])));
}

async function filter() {
  const text = $("filter").value;
  mask = text ? await server.matching(text, about.count) : null;
  if ($("filter").value !== text) return;
  const rows = mask ? Int32Array.from([...mask.keys()].filter((row) => mask[row])) : [];
  await showList(text ? `${counted(rows.length)} with “${text}” in the path` : "Files", rows);
  await map.show(points, colouring, mask);
}

function showPointer(row, event) {
  const pointer = $("pointer");
  pointer.querySelector("img").src = server.thumbnail(row, about.key);
  pointer.hidden = false;
  const box = pointer.getBoundingClientRect();
  const x = Math.min(event.clientX + 14, innerWidth - box.width - 8);
  const y = event.clientY - box.height - 14;
  pointer.style.left = `${Math.max(8, x)}px`;
  pointer.style.top = `${y < 8 ? event.clientY + 14 : y}px`;
  pointer.dataset.row = row;
  tell(async () => {
    const [{path, label}] = await server.files([row]);
    if (pointer.dataset.row !== String(row)) return;
    pointer.querySelector("p").textContent = path.split("/").at(-1) + (label ? ` · ${label}` : "");
  });
}

function clear(field) {
  if (field) {
    if (field.value) {
      field.value = "";
      field.dispatchEvent(new Event("input"));
    } else field.blur();
  } else if (list.chosen.size) list.choose(false);
  else {
    say("");
    tell(() => showList("Files", []));
  }
}

function key(event) {
  const field = event.target.matches("input") ? event.target : null;
  if (event.key === "Escape") return clear(field);
  if (field || event.target.matches("select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const fields = {"/": "filter", l: "label"};
  if (event.key in fields) {
    event.preventDefault();
    $(fields[event.key]).focus();
  }
}

function mapKey(event) {
  const moves = {
    ArrowLeft: [1, -0.1, 0], ArrowRight: [1, 0.1, 0], ArrowUp: [1, 0, 0.1], ArrowDown: [1, 0, -0.1],
    "+": [0.7], "=": [0.7], "-": [1.4],
  };
  if (event.key === "0") map.whole();
  else if (event.key in moves) map.change(...moves[event.key]);
  else return;
  event.preventDefault();
}

function useTool(name) {
  map.use(name);
  for (const tool of ["move", "lasso"]) $(tool).setAttribute("aria-pressed", tool === name);
}

function listen() {
  let waiting;
  $("colour").addEventListener("change", () => tell(recolour));
  $("filter").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => tell(filter), 200);
  });
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("labelling").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!$("save").disabled) tell(() => saveLabel($("label").value.trim()));
  });
  $("unlabel").addEventListener("click", () => tell(() => saveLabel("")));
  $("label").addEventListener("input", showChoice);
  $("all").addEventListener("click", () => list.choose(true));
  $("none").addEventListener("click", () => list.choose(false));
  for (const tool of ["move", "lasso"]) $(tool).addEventListener("click", () => useTool(tool));
  $("closer").addEventListener("click", () => map.change(0.7));
  $("farther").addEventListener("click", () => map.change(1.4));
  $("whole").addEventListener("click", () => map.whole());
  $("map").addEventListener("keydown", mapKey);
  addEventListener("keydown", key);
  listenToPictures();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => tell(() => paint(colouring)));
}

function listenToPictures() {
  $("picture").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    if (file) tell(() => searchWith(file));
    $("file").value = "";
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => { $("drop").hidden = event.relatedTarget === null; });
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").hidden = true;
    const [file] = event.dataTransfer.files;
    if (file) tell(() => searchWith(file));
  });
}

async function start() {
  const [told, found, chosen] = await Promise.all([server.about(), server.points(), server.selected()]);
  [about, points, selected] = [told, found, chosen];
  document.title = `Explore ${about.name}`;
  $("name").textContent = `${about.name}: ${counted(about.count)}`;
  $("colour").replaceChildren(...about.colours.map((name) => new Option(name, name)));
  $("picture").disabled = !about.pictures;
  if (!about.pictures) $("picture").title = "Start with --model_dir to search with a file";
  list.key_of_collection = about.key;
  listen();
  showChoice();
  await recolour();
  map.mark({selected});
  $("waiting").hidden = true;
  document.body.dataset.drawn = "true";
  showNames(await server.colouring("label", () => true));
}

tell(start);
