"use strict";

// Plays a recording: by a click on its picture, or by Enter on the keyboard.
function play(address) {
  const player = document.getElementById("player");
  player.hidden = false;
  if (player.getAttribute("src") !== address) player.src = address;
  player.play().catch(() => {});  // The player itself shows that it cannot.
}

function playOf(event) {
  const element = event.target.closest("[data-sound]");
  if (element) play(element.dataset.sound);
}

addEventListener("click", playOf);
addEventListener("keydown", (event) => { if (event.key === "Enter") playOf(event); });
