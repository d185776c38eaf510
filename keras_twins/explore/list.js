// The list of files: tiles to choose, a page of them at a time.

import * as server from "./server.js";

const PAGE = 60;

export class List {
  // `on` has changed(), more(row) and focus(row).
  constructor(element, button, on) {
    this.element = element;
    this.button = button;
    this.on = on;
    this.rows = [];
    this.chosen = new Set();
    button.addEventListener("click", () => this.grow(true));
    element.addEventListener("keydown", (event) => this.key(event));
  }

  // Lists rows; with `chosen`, all of them are chosen.
  async show(rows, {similarities = null, chosen = false} = {}) {
    this.rows = rows;
    this.similarities = similarities;
    this.chosen = new Set(chosen ? rows : []);
    this.shown = 0;
    this.element.replaceChildren();
    this.element.scrollTop = 0;
    this.on.changed();
    await this.grow(false);
  }

  async grow(focus) {
    const first = this.shown, rows = this.rows.slice(first, first + PAGE), listed = this.rows;
    this.shown += rows.length;
    this.button.hidden = this.shown >= this.rows.length;
    if (!rows.length) return;
    const files = await server.files(rows);
    if (listed !== this.rows) return;  // Another list has been shown meanwhile.
    this.element.append(...files.map((file, at) => this.tile(rows[at], file, first + at)));
    if (focus) this.tiles()[first].focus();
  }

  tile(row, file, place) {
    const item = document.createElement("li");
    const tile = document.createElement("button"), like = document.createElement("button");
    const image = new Image(), name = document.createElement("span");
    const label = document.createElement("b");
    tile.type = like.type = "button";
    tile.className = "tile";
    tile.dataset.row = row;
    tile.title = file.path;
    tile.setAttribute("aria-pressed", this.chosen.has(row));
    image.src = server.thumbnail(row, this.key_of_collection);
    image.loading = "lazy";
    image.alt = "";
    name.textContent = file.path.split("/").at(-1);
    label.textContent = file.label;
    tile.append(image, name, label);
    if (this.similarities) {
      const similarity = document.createElement("i");
      similarity.textContent = this.similarities[place].toFixed(3);
      tile.append(similarity);
    }
    like.className = "like";
    like.textContent = "More like this";
    like.setAttribute("aria-label", `More like ${name.textContent}`);
    tile.addEventListener("click", () => this.toggle(row, tile));
    tile.addEventListener("focus", () => this.on.focus(row));
    like.addEventListener("click", () => this.on.more(row));
    item.append(tile, ...(file.sound ? [this.player(row, name.textContent)] : []), like);
    return item;
  }

  // Nothing is loaded before it is asked to play.
  player(row, name) {
    const audio = new Audio();
    audio.controls = true;
    audio.preload = "none";
    audio.src = server.sound(row);
    audio.setAttribute("aria-label", `Play ${name}`);
    return audio;
  }

  tiles() { return [...this.element.querySelectorAll(".tile")]; }

  toggle(row, tile) {
    if (!this.chosen.delete(row)) this.chosen.add(row);
    tile.setAttribute("aria-pressed", this.chosen.has(row));
    this.on.changed();
  }

  choose(all) {
    this.chosen = new Set(all ? this.rows : []);
    for (const tile of this.tiles()) tile.setAttribute("aria-pressed", all);
    this.on.changed();
  }

  // What the chosen files are called now, where they are shown.
  relabel(label) {
    for (const tile of this.tiles()) {
      if (this.chosen.has(+tile.dataset.row)) tile.querySelector("b").textContent = label;
    }
  }

  key(event) {
    const tiles = this.tiles(), at = tiles.indexOf(event.target);
    if (at < 0) return;
    if (event.key === "m") return this.on.more(+event.target.dataset.row);
    const top = tiles[0].getBoundingClientRect().top;
    const across = tiles.filter((tile) => tile.getBoundingClientRect().top === top).length;
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across};
    if (!(event.key in steps)) return;
    event.preventDefault();
    tiles[at + steps[event.key]]?.focus();
  }
}
