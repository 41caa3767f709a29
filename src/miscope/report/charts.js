"use strict";
// Charts of a report: plain SVG, drawn from the page's own data. No text is ever taken for markup.
const SVG = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";

function svg(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
}

function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function words(value, digits = 4) {
  if (value === null || value === undefined) return "\u2013";
  const size = Math.abs(value);
  const whole = size >= 1000 || Number.isInteger(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e15) ? value.toExponential(digits - 1)
    : value.toLocaleString("en-GB", whole ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits });
  return text.replaceAll("-", MINUS);
}

function power(exponent) {
  const raised = [...String(exponent)].map((sign) => (sign === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[sign])).join("");
  return `10${raised}`;
}

// An axis: numbers to pixels, and back.
class Axis {
  constructor(log, first, last, start, end) {
    Object.assign(this, { log, first, last, start, end });
    this.low = this.scaled(first);
    this.span = this.scaled(last) - this.low || 1;
  }
  scaled(value) { return this.log ? Math.log10(value) : value; }
  at(value) { return this.start + ((this.scaled(value) - this.low) / this.span) * (this.end - this.start); }
  back(pixel) {
    const value = this.low + ((pixel - this.start) / (this.end - this.start)) * this.span;
    return this.log ? 10 ** value : value;
  }
  ticks(most) {
    if (!this.log) return this.even(most);
    const decades = [];
    for (let k = Math.ceil(this.low - 1e-9); k <= this.low + this.span + 1e-9; k += 1) decades.push(k);
    if (decades.length < 2) {
      const found = [];
      for (let k = Math.floor(this.low); k <= this.low + this.span; k += 1)
        for (const m of [1, 2, 5]) if (m * 10 ** k >= this.first * 0.999 && m * 10 ** k <= this.last * 1.001) found.push(m * 10 ** k);
      return (found.length > 1 ? found : this.even(most)).map((value) => [value, words(value)]);
    }
    const every = Math.ceil(decades.length / most);
    const powers = decades[0] < -3 || decades.at(-1) > 6;
    return decades.filter((_, i) => i % every === 0).map((k) => [10 ** k, powers ? power(k) : words(10 ** k)]);
  }
  even(most) {
    const raw = (this.last - this.first) / most, unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((each) => each >= raw * 0.999);
    const found = [];
    for (let k = Math.ceil(this.first / step - 1e-9); k * step <= this.last + 1e-9 * step; k += 1) found.push([k * step, words(Number((k * step).toPrecision(6)))]);
    return found;
  }
}

// Outlines of markers of radius 1, those of the printed figures.
function outline(marker, x, y, r) {
  const through = (points) => `M${points.map(([a, b]) => `${(x + a * r).toFixed(2)} ${(y + b * r).toFixed(2)}`).join("L")}Z`;
  const star = [...Array(10).keys()].map((k) => {
    const angle = -Math.PI / 2 + (k * Math.PI) / 5, size = k % 2 ? 0.55 : 1.35;
    return [size * Math.cos(angle), size * Math.sin(angle)];
  });
  const plus = [[-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4], [0.4, 1.1], [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4]];
  switch (marker) {
    case 1: return through([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]);
    case 2: return through([[0, -1.25], [1.1, 0], [0, 1.25], [-1.1, 0]]);
    case 3: return through([[0, -1.15], [1.1, 0.9], [-1.1, 0.9]]);
    case 4: return through(plus);
    case 5: return through(star);
    case 6: return through(plus.map(([a, b]) => [(a - b) * 0.72, (a + b) * 0.72]));
    case 7: return through([[-1.15, 0], [0.9, -1.1], [0.9, 1.1]]);
    case "below": return through([[0, 1.15], [1.1, -0.9], [-1.1, -0.9]]);
    default: return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  }
}

const ink = (series) => (series.style === "dark" ? "dark" : `c${series.colour}`);
const known = (values) => values.filter((value) => value !== null && Number.isFinite(value));
let charts = 0;

// What both kinds of chart share: a place to draw, something that tells of points, the keyboard.
class Chart {
  constructor(host, spec, title) {
    Object.assign(this, { host, spec, title, spots: [], cursor: null, name: `chart-${(charts += 1)}` });
    this.plot = html("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${title}. ${this.help}` });
    this.tip = html("div", { class: "tip", hidden: "" });
  }
  start() {
    this.plot.addEventListener("keydown", (event) => this.pressed(event));
    this.plot.addEventListener("blur", () => this.forget());
    this.plot.addEventListener("pointermove", (event) => { if (!this.dragging) this.point(event); });
    this.plot.addEventListener("pointerdown", (event) => { if (event.pointerType === "touch") this.point(event); });
    this.plot.addEventListener("pointerleave", () => this.forget());
    let width = 0;
    new ResizeObserver(() => {
      if (this.host.clientWidth && Math.abs(this.host.clientWidth - width) > 1) { width = this.host.clientWidth; this.draw(); }
    }).observe(this.host);
    width = this.host.clientWidth;
    this.draw();
  }
  place(event) {
    const box = this.picture.getBoundingClientRect(), scale = this.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }
  point(event) {
    const [x, y] = this.place(event);
    let best = null, least = 40 ** 2;
    for (const spot of this.spots) {
      const far = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (far < least) [best, least] = [spot, far];
    }
    if (best) this.tell(best, false); else this.forget();
  }
  tell(spot, aloud) {
    this.cursor = spot;
    this.ring.setAttribute("cx", spot.x);
    this.ring.setAttribute("cy", spot.y);
    this.ring.removeAttribute("visibility");
    const [head, rows] = this.said(spot);
    const list = html("dl");
    for (const [key, value] of rows) list.append(html("dt", {}, key), html("dd", {}, value));
    this.tip.replaceChildren(html("strong", {}, head), list);
    this.tip.hidden = false;
    const scale = this.picture.getBoundingClientRect().width / this.width, room = this.plot.scrollLeft + this.plot.clientWidth;
    let left = spot.x * scale + 14;
    if (left + this.tip.offsetWidth > room) left = Math.max(spot.x * scale - this.tip.offsetWidth - 14, this.plot.scrollLeft);
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${Math.max(spot.y * scale - this.tip.offsetHeight - 8, 0)}px`;
    if (aloud) document.getElementById("announcer").textContent = `${head}: ${rows.map((row) => row.join(" ")).join(", ")}`;
  }
  forget() {
    this.cursor = null;
    this.tip.hidden = true;
    if (this.ring) this.ring.setAttribute("visibility", "hidden");
  }
  begin(width, height) {
    Object.assign(this, { width, height, spots: [] });
    this.picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", focusable: "false" });
    this.ring = svg("circle", { class: "cursor", r: 7, visibility: "hidden" });
    this.tip.hidden = true;
    this.cursor = null;
  }
  finish() {
    this.picture.append(this.ring);
    this.plot.replaceChildren(this.picture, this.tip);
  }
  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return this.forget();
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Home: [-Infinity, 0], End: [Infinity, 0] }[event.key];
    if (!step || !this.spots.length) return undefined;
    event.preventDefault();
    return this.tell(this.cursor ? this.next(this.cursor, step) : this.spots[0], true);
  }
  text(x, y, content, attributes = {}) {
    svg("text", { x, y, ...attributes }, this.picture).textContent = content;
  }
}

class XYChart extends Chart {
  get help() { return "Arrow keys read its points, plus and minus zoom, zero shows all."; }
  constructor(host, spec, title) {
    super(host, spec, title);
    Object.assign(this, { scale: spec.scales[0], hidden: new Set(), zoom: null });
    host.replaceChildren(this.toolbar(), this.plot, this.legend());
    this.plot.addEventListener("pointerdown", (event) => this.drag(event));
    this.plot.addEventListener("dblclick", () => this.zoomTo(null));
    this.start();
  }
  toolbar() {
    const scales = html("fieldset", { class: "scales" }, html("legend", { class: "unseen" }, `Axes of ${this.title}`));
    for (const scale of this.spec.scales) {
      const input = html("input", { type: "radio", name: this.name, value: scale });
      input.checked = scale === this.scale;
      input.addEventListener("change", () => { this.scale = scale; this.zoomTo(null); });
      scales.append(html("label", { title: "horizontal axis, vertical axis" }, input, scale.replace("-", "\u2013")));
    }
    const button = (sign, label, action) => {
      const made = html("button", { type: "button", "aria-label": `${label}: ${this.title}`, title: label }, sign);
      made.addEventListener("click", action);
      return made;
    };
    this.reset = button("Show all", "Show all", () => this.zoomTo(null));
    this.reset.disabled = true;
    const zoom = html("div", { class: "zoom" }, button("+", "Zoom in", () => this.nearer(0.5)), button(MINUS, "Zoom out", () => this.nearer(2)), this.reset);
    return html("div", { class: "toolbar" }, scales, zoom);
  }
  legend() {
    const list = html("ul", { class: "legend", "aria-label": `Shown in ${this.title}` });
    for (const each of this.spec.series) {
      if (!each.name || each.of) continue;
      const box = html("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => { this.hidden[box.checked ? "delete" : "add"](each.name); this.draw(); });
      const sample = svg("svg", { width: 22, height: 14, "aria-hidden": "true" });
      if (each.kind === "points") svg("path", { class: `mark ${ink(each)}`, d: outline(each.marker, 11, 7, 4) }, sample);
      else svg("path", { class: `curve-line ${each.style} ${ink(each)}`, d: "M1 7H21" }, sample);
      list.append(html("li", {}, html("label", {}, box, sample, each.name)));
    }
    return list;
  }
  shown(series) { return !this.hidden.has(series.name) && !this.hidden.has(series.of); }
  domain() {
    const [logX, logY] = [this.scale.startsWith("log"), this.scale.endsWith("log")];
    const markers = this.spec.series.filter((each) => each.kind === "points");
    const on = markers.filter((each) => this.shown(each));
    const seen = on.length ? on : markers.length ? markers : this.spec.series;
    const xs = known(seen.flatMap((each) => each.x)).filter((x) => !logX || x > 0);
    let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    if (!logX && this.spec.near) x1 = Math.min(x1, Math.max(this.spec.near, x0 + 1));
    const inside = (each) => each.x.map((x, i) => i).filter((i) => each.x[i] !== null && each.x[i] >= x0 && each.x[i] <= x1);
    const highs = seen.flatMap((each) => inside(each).flatMap((i) => [each.y[i], (each.high || [])[i] ?? null]));
    const lows = seen.flatMap((each) => inside(each).flatMap((i) => [each.y[i], (each.low || [])[i] ?? null]));
    const rules = this.spec.rules.map((rule) => rule.y);
    let y0, y1;
    if (logY) {
      const positive = known([...highs, ...rules]).filter((y) => y > 0);
      y0 = this.spec.bottom ?? Math.min(...positive, ...known(lows).filter((y) => y > 0)) / 1.4;
      y1 = Math.max(...positive, 10 * y0) * 1.5;
    } else {
      [y0, y1] = [Math.min(0, ...known(lows)), Math.max(...known(highs), ...rules)];
      [y0, y1] = [y0 - (y0 < 0 ? 0.05 * (y1 - y0) : 0), y1 + 0.06 * (y1 - y0 || 1)];
    }
    if (logX) [x0, x1] = x0 === x1 ? [x0 / 2, x1 * 2] : [x0 / 1.12, x1 * 1.12];
    else [x0, x1] = [Math.min(x0, 0), x1 + 0.02 * (x1 - x0 || 1)];
    return { x: [x0, x1], y: [y0, y1] };
  }
  draw() {
    const width = Math.max(this.host.clientWidth, 240), height = Math.round(Math.min(Math.max(0.56 * width, 270), 460));
    this.begin(width, height);
    const [left, right, top, bottom] = [54, width - 14, 34, height - 46], { x, y } = this.zoom ?? this.domain();
    this.x = new Axis(this.scale.startsWith("log"), ...x, left, right);
    this.y = new Axis(this.scale.endsWith("log"), ...y, bottom, top);
    this.frame = { left, right, top, bottom };
    this.scaffold();
    const clip = svg("clipPath", { id: `${this.name}-clip` }, this.picture);
    svg("rect", { x: left, y: top, width: right - left, height: bottom - top }, clip);
    const clipped = svg("g", { "clip-path": `url(#${this.name}-clip)` }, this.picture);
    const on = this.spec.series.filter((each) => this.shown(each));
    for (const each of on) if (each.kind === "band") this.band(each, clipped);
    for (const each of on) if (each.kind === "line") this.line(each, clipped);
    const marks = svg("g", {}, this.picture);
    on.filter((each) => each.kind === "points").forEach((each) => this.points(each, clipped, marks));
    this.reset.disabled = this.zoom === null;
    this.finish();
  }
  scaffold() {
    const { left, right, top, bottom } = this.frame;
    for (const span of this.spec.spans) {
      const [a, b] = [span.from, span.to].map((value) => Math.min(Math.max(value, this.x.first), this.x.last)).map((value) => this.x.at(value));
      if (b > a) svg("title", {}, svg("rect", { class: "span", x: a, y: top, width: b - a, height: bottom - top }, this.picture)).textContent = span.name;
    }
    for (const [value, label] of this.y.ticks(6)) {
      svg("path", { class: "grid", d: `M${left} ${this.y.at(value)}H${right}` }, this.picture);
      this.text(left - 8, this.y.at(value) + 4, label, { "text-anchor": "end" });
    }
    for (const [value, label] of this.x.ticks(this.width < 480 ? 4 : 8)) {
      svg("path", { class: "axis", d: `M${this.x.at(value)} ${bottom}v5` }, this.picture);
      this.text(this.x.at(value), bottom + 19, label, { "text-anchor": "middle" });
    }
    for (const rule of this.spec.rules) {
      if (rule.y < this.y.first || rule.y > this.y.last) continue;
      svg("path", { class: "rule", d: `M${left} ${this.y.at(rule.y)}H${right}` }, this.picture);
      this.text(right - 4, this.y.at(rule.y) - 5, rule.name, { "text-anchor": "end" });
    }
    svg("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }, this.picture);
    this.text((left + right) / 2, this.height - 6, this.spec.xLabel, { "text-anchor": "middle", class: "axis-title" });
    this.text(2, 16, this.spec.yLabel, { class: "axis-title" });
  }
  // A path through points, broken where there is none; on a logarithmic axis values below it lie under its edge.
  path(xs, ys) {
    let drawn = "", pen = "M";
    xs.forEach((x, i) => {
      if (ys[i] === null || x === null || (this.x.log && x <= 0)) { pen = "M"; return; }
      const y = this.y.log && ys[i] <= this.y.first ? this.frame.bottom + 20 : this.y.at(ys[i]);
      drawn += `${pen}${this.x.at(x).toFixed(2)} ${y.toFixed(2)}`;
      pen = "L";
    });
    return drawn;
  }
  line(each, parent) { svg("path", { class: `curve-line ${each.style} ${ink(each)}`, d: this.path(each.x, each.y) }, parent); }
  band(each, parent) {
    const there = this.path(each.x, each.high), back = this.path([...each.x].reverse(), [...each.low].reverse());
    if (there && back) svg("path", { class: `area ${ink(each)}`, d: `${there}${back.replace("M", "L")}Z` }, parent);
  }
  points(each, clipped, marks) {
    const { bottom, top } = this.frame;
    let bars = "";
    each.x.forEach((x, i) => {
      const y = each.y[i];
      if (x === null || y === null || x < this.x.first || x > this.x.last || y > this.y.last) return;
      const px = this.x.at(x), under = this.y.log ? !(y > this.y.first) : y < this.y.first;
      const height = (value) => (this.y.log && !(value > this.y.first) ? bottom : this.y.at(value));
      const [low, high] = [each.low[i], each.high[i]];
      if (low !== null && high !== null && high > this.y.first)
        bars += `M${px} ${Math.min(height(low), bottom)}V${Math.max(height(high), top)}`;
      if (under && this.zoom) return;
      const py = under ? bottom : this.y.at(y), hollow = under || !each.sure[i] ? " hollow" : "";
      svg("path", { class: `mark ${ink(each)}${hollow}`, d: outline(under ? "below" : each.marker, px, py, each.x.length > 150 ? 2.4 : 3.6) }, marks);
      this.spots.push({ x: px, y: py, series: each, i });
    });
    if (bars) svg("path", { class: `bar-line ${ink(each)}`, d: bars }, clipped);
  }
  said({ series, i }) {
    const rows = [[this.spec.xLabel.split(" (")[0], words(series.x[i])], ["value", words(series.y[i])]];
    for (const [key, values] of Object.entries(series.tips)) rows.push([key, values[i]]);
    if (!series.sure[i]) rows.push(["significant", "no"]);
    return [series.name, rows];
  }
  next(spot, [along, across]) {
    const names = [...new Set(this.spots.map((each) => each.series))];
    const k = (names.indexOf(spot.series) + across + names.length) % names.length;
    const row = this.spots.filter((each) => each.series === names[k]).sort((a, b) => a.x - b.x);
    if (across) return row.reduce((best, each) => (Math.abs(each.x - spot.x) < Math.abs(best.x - spot.x) ? each : best));
    return row[Math.min(Math.max(row.indexOf(spot) + along, 0), row.length - 1)];
  }
  pressed(event) {
    const zooms = { "+": 0.5, "=": 0.5, "-": 2 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in zooms) this.nearer(zooms[event.key], this.cursor);
    else if (event.key === "0") this.zoomTo(null);
    else super.pressed(event);
  }
  zoomTo(zoom) { this.zoom = zoom; this.draw(); }
  nearer(factor, about = null) {
    const whole = this.domain();
    const ends = (axis, centre, limits) => {
      const half = ((axis.end - axis.start) / 2) * factor;
      const found = [axis.back(centre - half), axis.back(centre + half)];
      return [Math.max(found[0], limits[0]), Math.min(found[1], limits[1])];
    };
    const x = ends(this.x, about ? about.x : (this.x.start + this.x.end) / 2, whole.x);
    const y = ends(this.y, about ? about.y : (this.y.start + this.y.end) / 2, whole.y);
    const near = (axis, a, b) => Math.abs(axis.scaled(a) - axis.scaled(b)) < 1e-6 * Math.abs(axis.span);
    const all = [[this.x, x, whole.x], [this.y, y, whole.y]].every(([axis, ends, limits]) => near(axis, ends[0], limits[0]) && near(axis, ends[1], limits[1]));
    this.zoomTo(all ? null : { x, y });
  }
  drag(event) {
    if (event.pointerType === "touch" || event.button !== 0) return;
    const { left, right, top, bottom } = this.frame, inside = (value, a, b) => Math.min(Math.max(value, a), b);
    const from = this.place(event), box = svg("rect", { class: "dragged" }, this.picture);
    let to = from;
    const move = (moved) => {
      const [x, y] = this.place(moved);
      to = [inside(x, left, right), inside(y, top, bottom)];
      this.dragging = Math.abs(to[0] - from[0]) > 6;
      if (!this.dragging) return;
      this.forget();
      const high = Math.abs(to[1] - from[1]) > 12;
      const [a, b] = high ? [Math.min(from[1], to[1]), Math.abs(to[1] - from[1])] : [top, bottom - top];
      for (const [key, value] of Object.entries({ x: Math.min(from[0], to[0]), y: a, width: Math.abs(to[0] - from[0]), height: b })) box.setAttribute(key, value);
    };
    const stop = () => {
      for (const [name, handler] of [["pointermove", move], ["pointerup", stop], ["pointercancel", stop]]) window.removeEventListener(name, handler);
      box.remove();
      if (!this.dragging) return;
      this.dragging = false;
      const x = [from[0], to[0]].sort((a, b) => a - b).map((each) => this.x.back(inside(each, left, right)));
      const high = Math.abs(to[1] - from[1]) > 12;
      const y = high ? [from[1], to[1]].sort((a, b) => b - a).map((each) => this.y.back(inside(each, top, bottom))) : [this.y.first, this.y.last];
      this.zoomTo({ x, y });
    };
    for (const [name, handler] of [["pointermove", move], ["pointerup", stop], ["pointercancel", stop]]) window.addEventListener(name, handler);
  }
}

class MapChart extends Chart {
  get help() { return "Arrow keys read its cells."; }
  constructor(host, spec, title) {
    super(host, spec, title);
    this.plot.classList.add("wide");
    const key = html("ul", { class: "legend" });
    [["cool", spec.ends[0]], ["warm", spec.ends[1]]].forEach(([side, meaning]) => {
      const sample = svg("svg", { width: 18, height: 12, "aria-hidden": "true" });
      svg("rect", { class: side, width: 18, height: 12, "fill-opacity": 0.55 }, sample);
      key.append(html("li", {}, html("label", {}, sample, meaning)));
    });
    host.replaceChildren(this.plot, key);
    this.start();
  }
  draw() {
    const { rows, columns, values, marks, tips } = this.spec, worded = this.spec.words.some((row) => row.some((word) => word));
    const room = Math.max(this.host.clientWidth, 240), most = room < 480 ? 13 : 24;
    const short = rows.map((row) => (row.length > most ? `${row.slice(0, most - 1)}\u2026` : row));
    const left = Math.min(Math.max(...short.map((row) => row.length)) * 7 + 34, room / 2);
    const cell = Math.max((room - left - 8) / columns.length, worded ? 42 : 9), tall = 26;
    const width = Math.floor(left + cell * columns.length + 8), height = rows.length * tall + 56;
    this.begin(width, height);
    rows.forEach((row, r) => {
      const y = 6 + r * tall;
      this.text(left - 8, y + tall / 2 + 4, short[r], { "text-anchor": "end" });
      columns.forEach((column, c) => {
        const x = left + c * cell, value = values[r][c];
        svg("rect", { class: value < 0 ? "cool" : "warm", x, y, width: cell - 1, height: tall - 1, "fill-opacity": (0.55 * Math.abs(value)).toFixed(3) }, this.picture);
        if (worded) this.text(x + cell / 2, y + tall / 2 + 4, this.spec.words[r][c], { class: marks[r][c] ? "cell strong" : "cell" });
        this.spots.push({ x: x + cell / 2, y: y + tall / 2, r, c, tip: tips[r][c] });
      });
    });
    svg("rect", { class: "edge", x: left - 0.5, y: 5.5, width: cell * columns.length, height: rows.length * tall }, this.picture);
    const every = Math.ceil(34 / cell);
    columns.forEach((column, c) => { if (c % every === 0) this.text(left + (c + 0.5) * cell, height - 32, column, { "text-anchor": "middle" }); });
    this.text(left + (cell * columns.length) / 2, height - 8, this.spec.xLabel, { "text-anchor": "middle", class: "axis-title" });
    this.text(12, 6 + (rows.length * tall) / 2, this.spec.yLabel, { "text-anchor": "middle", class: "axis-title", transform: `rotate(-90 12 ${6 + (rows.length * tall) / 2})` });
    this.finish();
  }
  said({ r, c, tip }) { return [this.spec.rows[r], [[this.spec.xLabel.split(" (")[0], this.spec.columns[c]], ["", tip]]]; }
  next(spot, [along, across]) {
    const c = Math.min(Math.max(spot.c + along, 0), this.spec.columns.length - 1), r = Math.min(Math.max(spot.r + across, 0), this.spec.rows.length - 1);
    return this.spots.find((each) => each.r === r && each.c === c);
  }
}
