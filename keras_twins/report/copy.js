"use strict";

// Copies the path of a picture, and shows it: by a click, or by Enter on the keyboard.
let copiedTimer = 0;

async function copyPath(path) {
  let copied = true;
  try {
    await navigator.clipboard.writeText(path);
  } catch {
    copied = copyBySelection(path);  // An older browser, or one that is not allowed to.
  }
  const box = document.getElementById("copied");
  box.textContent = copied ? `Copied: ${path}` : path;
  box.hidden = false;
  clearTimeout(copiedTimer);
  copiedTimer = setTimeout(() => { box.hidden = true; }, 6000);
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

function copyOf(event) {
  const element = event.target.closest("[data-path]");
  if (element) copyPath(element.dataset.path);
}

addEventListener("click", copyOf);
addEventListener("keydown", (event) => { if (event.key === "Enter") copyOf(event); });
