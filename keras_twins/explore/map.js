// The map: Plotly draws the points, a canvas above them draws what is marked.

const DIM = 0;  // The trace of the points that are filtered out.

function loadPlotly() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "plotly.js";
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.js was not loaded"));
    document.head.append(script);
  });
}

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class PointMap {
  // `on` has hover(row, event), leave(), pick(row) and lasso(rows).
  constructor(element, on) {
    this.element = element;
    this.plot = element.querySelector("#plot");
    this.canvas = element.querySelector("#marks");
    this.on = on;
    this.plotly = loadPlotly();
    this.rows = [];
    this.marks = {listed: [], chosen: [], selected: []};
    this.mode = "pan";
  }

  async show(points, colouring, mask) {
    const first = !this.points;
    this.points = points;
    this.mask = mask;
    const plotly = await this.plotly;
    if (first) this.view = this.bounds();
    await plotly.react(this.plot, this.traces(colouring), this.layout(), {
      responsive: true, displayModeBar: false, scrollZoom: true, doubleClick: false,
    });
    if (first) this.listen();
    this.drawMarks();
  }

  traces(colouring) {
    const {points, mask} = this, count = points.length / 2, groups = colouring.groups.length;
    const sizes = new Uint32Array(groups + 1);
    const trace = (row) => (mask && !mask[row] ? DIM : 1 + colouring.values[row]);
    for (let row = 0; row < count; row++) sizes[trace(row)]++;
    const made = Array.from(sizes, (n) => ({
      x: new Float32Array(n), y: new Float32Array(n), rows: new Int32Array(n), filled: 0,
    }));
    for (let row = 0; row < count; row++) {
      const to = made[trace(row)], at = to.filled++;
      to.x[at] = points[2 * row];
      to.y[at] = points[2 * row + 1];
      to.rows[at] = row;
    }
    this.rows = made.map((one) => one.rows);
    const area = this.element.clientWidth * this.element.clientHeight;
    const size = Math.max(3, Math.min(9, 0.55 * Math.sqrt(area / count)));
    const paint = (place) => (place === DIM || place - 1 === colouring.plain
      ? colour("--plain") : colour(`--class-${(place - 1) % 12}`));
    return made.map(({x, y}, place) => ({
      type: "scattergl", mode: "markers", x, y,
      marker: {size, color: paint(place), opacity: place === DIM ? 0.15 : 0.75},
      hoverinfo: place === DIM ? "skip" : "none",
    }));
  }

  bounds() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let at = 0; at < this.points.length; at += 2) {
      left = Math.min(left, this.points[at]);
      right = Math.max(right, this.points[at]);
      low = Math.min(low, this.points[at + 1]);
      high = Math.max(high, this.points[at + 1]);
    }
    const margin = (low, high) => {
      const extra = 0.04 * (high - low) || 1;  // Also around a single point.
      return [low - extra, high + extra];
    };
    return {x: margin(left, right), y: margin(low, high)};
  }

  layout() {
    const axis = {visible: false, fixedrange: false, autorange: false};
    return {
      xaxis: {...axis, range: this.view.x}, yaxis: {...axis, range: this.view.y},
      margin: {l: 0, r: 0, t: 0, b: 0}, showlegend: false, hovermode: "closest",
      dragmode: this.mode, shapes: [],
      newshape: {line: {color: colour("--text"), width: 1.5}, fillcolor: colour("--plain"), opacity: 0.4},
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    };
  }

  listen() {
    const row = (event) => this.rows[event.points[0].curveNumber][event.points[0].pointIndex];
    this.plot.on("plotly_hover", (event) => this.on.hover(row(event), event.event));
    this.plot.on("plotly_unhover", () => this.on.leave());
    this.plot.on("plotly_click", (event) => this.on.pick(row(event)));
    this.plot.on("plotly_relayouting", () => this.drawMarks());
    this.plot.on("plotly_relayout", (event) => this.relayouted(event));
    new ResizeObserver(() => this.drawMarks()).observe(this.element);
  }

  relayouted(event) {
    const axes = this.plot.layout;
    this.view = {x: [...axes.xaxis.range], y: [...axes.yaxis.range]};
    const drawn = (event.shapes || []).at(-1);
    if (drawn) {
      window.Plotly.relayout(this.plot, {shapes: []});
      this.on.lasso(this.inside(drawn.path));
    }
    this.drawMarks();
  }

  // The rows in a path "M1,2L3,4…Z" that are not filtered out.
  inside(path) {
    const numbers = path.match(/-?[\d.]+(?:e[-+]?\d+)?/gi).map(Number);
    const xs = numbers.filter((_, at) => at % 2 === 0), ys = numbers.filter((_, at) => at % 2);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [low, high] = [Math.min(...ys), Math.max(...ys)];
    const found = [];
    for (let row = 0; 2 * row < this.points.length; row++) {
      const x = this.points[2 * row], y = this.points[2 * row + 1];
      if (x < left || x > right || y < low || y > high) continue;
      if (this.mask && !this.mask[row]) continue;
      let odd = false;
      for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
        if ((ys[a] > y) !== (ys[b] > y)
            && x < (xs[b] - xs[a]) * (y - ys[a]) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
      }
      if (odd) found.push(row);
    }
    return Int32Array.from(found);
  }

  use(mode) {
    this.mode = mode === "lasso" ? "drawclosedpath" : "pan";
    if (this.view) window.Plotly.relayout(this.plot, {dragmode: this.mode});
  }

  look(view) {
    if (this.view) {
      window.Plotly.relayout(this.plot, {"xaxis.range": view.x, "yaxis.range": view.y});
    }
  }

  whole() { if (this.view) this.look(this.bounds()); }

  // Zooms by a factor, and moves by shares of what is seen.
  change(factor, right = 0, up = 0) {
    if (!this.view) return;
    const moved = ([a, b], by) => {
      const middle = (a + b) / 2 + by * (b - a), half = (b - a) / 2 * factor;
      return [middle - half, middle + half];
    };
    this.look({x: moved(this.view.x, right), y: moved(this.view.y, up)});
  }

  mark(marks) {
    Object.assign(this.marks, marks);
    this.drawMarks();
  }

  drawMarks() {
    const axes = this.plot._fullLayout;
    if (!axes?.xaxis) return;
    const {clientWidth, clientHeight} = this.element, ratio = devicePixelRatio;
    this.canvas.width = clientWidth * ratio;
    this.canvas.height = clientHeight * ratio;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const draw = (rows, style, width, path) => {
      pen.strokeStyle = colour(style);
      pen.lineWidth = width;
      pen.beginPath();
      for (const row of rows) {
        const x = axes.xaxis.l2p(this.points[2 * row]);
        const y = axes.yaxis.l2p(this.points[2 * row + 1]);
        if (x > -9 && y > -9 && x < clientWidth + 9 && y < clientHeight + 9) path(x, y);
      }
      pen.stroke();
    };
    const ring = (size) => (x, y) => { pen.moveTo(x + size, y); pen.arc(x, y, size, 0, 7); };
    const square = (x, y) => pen.rect(x - 5, y - 5, 10, 10);
    draw(this.marks.listed, "--muted", 1, ring(5));
    draw(this.marks.selected, "--warning", 1.5, square);
    draw(this.marks.chosen, "--text", 2, ring(6));
  }
}
