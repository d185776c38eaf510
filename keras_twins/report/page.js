const classColours = {
  light: ["#4477aa", "#ee6677", "#228833", "#b8860b", "#3399cc", "#aa3377",
          "#777777", "#994f00", "#00897b", "#5e35b1", "#c2185b", "#6d8b00"],
  dark: ["#77aadd", "#ff8fa3", "#66cc77", "#e6c84f", "#66ccee", "#dd88bb",
         "#bbbbbb", "#d9954a", "#4dd0c0", "#b39ddb", "#f48fb1", "#c0ca33"],
};
const dark = matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function themedTrace(trace) {
  const meta = trace.meta || {};
  const themed = {...trace};
  if (meta.diverging) {
    themed.colorscale = [
      [0, colour("--negative")], [0.5, colour("--zero")], [1, colour("--positive")],
    ];
  }
  let own = null;
  if ("run" in meta) own = colour(`--run-${meta.run % 4}`);
  if ("class" in meta) own = classColours[dark.matches ? "dark" : "light"][meta.class];
  if (own) {
    themed.line = {...trace.line, color: own};
    themed.marker = {...trace.marker, color: own};
  }
  return themed;
}

function themedLayout(layout) {
  const line = colour("--line"), text = colour("--muted");
  const axis = {gridcolor: line, zerolinecolor: line, linecolor: line};
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: text, family: "system-ui, sans-serif", size: 12},
    xaxis: {...axis, ...layout.xaxis},
    yaxis: {...axis, ...layout.yaxis},
    hoverlabel: {bgcolor: colour("--panel"), font: {color: colour("--text")}},
    shapes: (layout.shapes || []).map((shape) => ({
      ...shape, line: {...shape.line, color: text},
    })),
  };
}

function draw() {
  return Promise.all(charts.map((chart) => {
    const element = document.getElementById(chart.id);
    const layout = themedLayout(chart.layout);
    if (element.classList.contains("square")) delete layout.height;
    if (element.classList.contains("map")) {
      layout.height = Math.min(layout.height, element.clientWidth);
    }
    return Plotly.react(element, chart.data.map(themedTrace), layout,
                        {responsive: true, displayModeBar: false});
  }));
}

function showThumbnail(chart, element, event) {
  const pointer = document.getElementById("pointer");
  const row = event.points[0].customdata;
  pointer.className = element.parentElement.className;
  const thumb = pointer.querySelector(".thumb");
  thumb.style.setProperty("--c", row % chart.columns);
  thumb.style.setProperty("--r", Math.floor(row / chart.columns));
  const words = [chart.classes[row], chart.paths[row]].filter(Boolean);
  pointer.querySelector("p").textContent = words.join("\n") || `image ${row}`;
  pointer.hidden = false;
  const box = pointer.getBoundingClientRect();
  const mouse = event.event;
  const x = Math.min(mouse.clientX + 14, innerWidth - box.width - 8);
  const y = mouse.clientY - box.height - 14;
  pointer.style.left = `${Math.max(8, x)}px`;
  pointer.style.top = `${y < 8 ? mouse.clientY + 14 : y}px`;
}

draw().then(() => {
  const pointer = document.getElementById("pointer");
  for (const chart of charts.filter((c) => c.classes)) {
    const element = document.getElementById(chart.id);
    element.on("plotly_hover", (event) => showThumbnail(chart, element, event));
    element.on("plotly_unhover", () => { pointer.hidden = true; });
    element.on("plotly_click", (event) => {
      const row = event.points[0].customdata;
      if (chart.paths[row]) copyPath(chart.paths[row]);
      if (chart.sounds[row]) play(chart.sounds[row]);
    });
  }
  addEventListener("scroll", () => { pointer.hidden = true; }, {passive: true});
  dark.addEventListener("change", draw);
  document.body.dataset.drawn = "true";
});
