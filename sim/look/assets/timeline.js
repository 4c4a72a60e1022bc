"use strict";
// The timeline: what every engine did when, of a few commands or a million.

/** Numbers of a base64 text: unsigned LEB128; `signed` ones zigzag. */
class Numbers {
  constructor(text) {
    const raw = atob(text);
    this.bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; ++i) this.bytes[i] = raw.charCodeAt(i);
    this.at = 0;
  }
  unsigned() {
    let value = 0, scale = 1;
    for (;;) {
      const byte = this.bytes[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }
  signed() {
    const value = this.unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** One engine's spans as columns, with running sums so that any window's shares are known at once. */
class EngineSpans {
  constructor(name, count, text) {
    this.name = name;
    this.count = count;
    this.start = new Float64Array(count);
    this.end = new Float64Array(count);
    this.from = new Float64Array(count);  // where the wait before it began
    this.reason = new Uint8Array(count);
    this.task = new Uint32Array(count);
    this.opcode = new Uint16Array(count);
    this.bytes = new Float64Array(count);
    const numbers = new Numbers(text);
    let time = 0, task = 0;
    for (let i = 0; i < count; ++i) {
      this.start[i] = time + numbers.signed();
      this.end[i] = time = this.start[i] + numbers.unsigned();
      this.from[i] = this.start[i] - numbers.unsigned();
      this.reason[i] = numbers.unsigned();
      this.task[i] = task = task + numbers.signed();
      this.opcode[i] = numbers.unsigned();
      this.bytes[i] = numbers.unsigned();
    }
    // Sums before span i: states 0 busy, 1.. stalls; then bytes.
    const states = Npusim.STATES.length;
    this.sums = [];
    for (let s = 0; s <= states; ++s) this.sums.push(null);
    const need = (s) => this.sums[s] ??= new Float64Array(count + 1);
    need(0);
    for (let i = 0; i < count; ++i) {
      if (this.start[i] > this.from[i]) need(1 + this.reason[i]);
      if (this.bytes[i] > 0) need(states);
    }
    for (let s = 0; s <= states; ++s) {
      const sum = this.sums[s];
      if (!sum) continue;
      for (let i = 0; i < count; ++i) sum[i + 1] = sum[i] + this.part(s, i, Infinity);
    }
  }
  /** What span i adds to a state (or the bytes) before time t. */
  part(s, i, t) {
    const { start, end, from } = this;
    if (s === 0) return Math.max(0, Math.min(end[i], t) - start[i]);
    if (s < Npusim.STATES.length) return this.reason[i] === s - 1 ? Math.max(0, Math.min(start[i], t) - from[i]) : 0;
    const length = end[i] - start[i];
    return this.bytes[i] * (t >= end[i] ? 1 : length > 0 ? Math.max(0, t - start[i]) / length : 0);
  }
  /** The last span whose wait or work began at or before t; -1: none. */
  find(t, low = 0, high = this.count - 1) {
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.from[middle] <= t) low = middle + 1; else high = middle - 1;
    }
    return high;
  }
  /** A state's cycles (or the bytes) before t, of which i is find(t). */
  before(s, i, t) { return this.sums[s] && i >= 0 ? this.sums[s][i] + this.part(s, i, t) : 0; }
}

class Timeline {
  /** options: {total, clock_mhz, layers: [{name, start_cycle, end_cycle}], engines: [EngineSpans], opcodes, select(layer)} */
  constructor(options) {
    Object.assign(this, options);
    this.view = { from: 0, to: this.total };
    this.selected = -1;
    this.gutter = 118;
    this.rowHeight = 22;
    this.rateHeight = this.engines.some((e) => e.sums[Npusim.STATES.length]) ? 62 : 0;
    this.canvas = Npusim.make("canvas", { class: "timeline", id: "timeline", tabIndex: 0, role: "application",
      "aria-label": "Timeline of engines. Arrow keys move, plus and minus zoom, 0 shows all." });
    this.height = 24 + this.rowHeight * (1 + this.engines.length) + this.rateHeight + 6;
    this.canvas.style.height = this.height + "px";
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    Npusim.themed(() => this.draw());
  }

  get width() { return Math.max(50, this.canvas.clientWidth - this.gutter); }
  time(x) { return this.view.from + (x - this.gutter) / this.width * (this.view.to - this.view.from); }
  x(t) { return this.gutter + (t - this.view.from) / (this.view.to - this.view.from) * this.width; }

  show(from, to) {
    const length = Math.min(this.total, Math.max(20, to - from));
    const start = Math.min(Math.max(0, from), this.total - length);
    this.view = { from: start, to: start + length };
    this.request();
  }
  zoom(factor, at = (this.view.from + this.view.to) / 2) {
    this.show(at - (at - this.view.from) * factor, at + (this.view.to - at) * factor);
  }
  move(share) {
    const by = share * (this.view.to - this.view.from);
    this.show(this.view.from + by, this.view.to + by);
  }
  all() { this.show(0, this.total); }
  showLayer(index) {
    this.selected = index;
    const layer = this.layers[index];
    const margin = Math.max(10, 0.08 * (layer.end_cycle - layer.start_cycle));
    this.show(layer.start_cycle - margin, layer.end_cycle + margin);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) this.move(e.deltaX / this.width);
      else this.zoom(Math.exp(Math.max(-1, Math.min(1, e.deltaY / 300))), this.time(e.offsetX));
    }, { passive: false });
    let drag = null;
    canvas.addEventListener("pointerdown", (e) => { drag = { x: e.offsetX, view: { ...this.view }, moved: false }; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => {
      if (!drag) return Npusim.showTip(this.describe(e.offsetX, e.offsetY), e);
      if (Math.abs(e.offsetX - drag.x) > 3) drag.moved = true;
      const by = (drag.x - e.offsetX) / this.width * (drag.view.to - drag.view.from);
      if (drag.moved) this.show(drag.view.from + by, drag.view.to + by);
    });
    canvas.addEventListener("pointerup", (e) => {
      const click = drag && !drag.moved;
      drag = null;
      const hit = click && this.hit(e.offsetX, e.offsetY);
      if (hit && hit.task >= 0) this.select(hit.task);
    });
    canvas.addEventListener("pointerleave", () => Npusim.showTip(""));
    canvas.addEventListener("dblclick", () => this.all());
    canvas.addEventListener("keydown", (e) => {
      const keys = { ArrowLeft: () => this.move(-0.2), ArrowRight: () => this.move(0.2), "+": () => this.zoom(0.6), "=": () => this.zoom(0.6),
        "-": () => this.zoom(1 / 0.6), 0: () => this.all(), Home: () => this.all() };
      if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
    });
  }

  /** What is at a point: {engine, span, stalled, task}. */
  hit(x, y) {
    if (x < this.gutter) return null;
    const t = this.time(x);
    const row = Math.floor((y - 24) / this.rowHeight);
    if (row === 0) {
      const task = this.layerAt(t);
      return task < 0 ? null : { task };
    }
    const engine = this.engines[row - 1];
    if (!engine) return null;
    const span = engine.find(t);
    if (span < 0) return null;
    if (t >= engine.end[span]) return { engine, span: -1, task: this.layerAt(t) };
    return { engine, span, stalled: t < engine.start[span], task: engine.task[span] };
  }
  layerAt(t) {
    let low = 0, high = this.layers.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.layers[middle].start_cycle <= t) low = middle + 1; else high = middle - 1;
    }
    return high >= 0 && t < this.layers[high].end_cycle ? high : -1;
  }
  cycles(n) { return `${Npusim.grouped(n)} cycles (${Npusim.si(n / this.clock_mhz / 1e6, "s")})`; }
  describe(x, y) {
    const hit = this.hit(x, y);
    if (!hit) return "";
    const layer = this.layers[hit.task];
    if (!hit.engine) return `${layer.name} (${layer.op})\n${this.cycles(layer.end_cycle - layer.start_cycle)}`;
    const { engine, span } = hit;
    if (span < 0) return `${engine.name}: ${Npusim.STATE_TEXT.idle}`;
    if (hit.stalled) {
      const reason = Npusim.STALLS[engine.reason[span]];
      return `${engine.name} ${Npusim.STATE_TEXT[reason]} (${reason})\n${this.cycles(engine.start[span] - engine.from[span])}\nthen: ${this.opcodes[engine.opcode[span]]} of ${layer.name}`;
    }
    const bytes = engine.bytes[span];
    return `${engine.name}: ${this.opcodes[engine.opcode[span]]}\n${layer.name}\nfrom cycle ${Npusim.grouped(engine.start[span])}, ${this.cycles(engine.end[span] - engine.start[span])}` +
      (bytes > 0 ? `\n${Npusim.si(bytes, "B")}` : "");
  }

  request() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.draw(); });
  }

  draw() {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const wide = canvas.clientWidth;
    if (wide === 0) return;
    canvas.width = wide * ratio;
    canvas.height = this.height * ratio;
    const g = this.g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    g.clearRect(0, 0, wide, this.height);
    g.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    g.textBaseline = "middle";
    this.colours = Npusim.STATES.map((s) => Npusim.colour(s));
    this.colours[this.colours.length - 1] = null;  // idle is empty
    this.axis();
    this.drawLayers(24);
    this.engines.forEach((engine, i) => this.drawEngine(engine, 24 + this.rowHeight * (1 + i)));
    if (this.rateHeight) this.drawRate(24 + this.rowHeight * (1 + this.engines.length));
  }

  label(text, y) {
    const { g } = this;
    g.fillStyle = Npusim.colour("soft");
    g.textAlign = "right";
    g.fillText(text, this.gutter - 8, y, this.gutter - 10);
    g.textAlign = "left";
  }

  axis() {
    const { g } = this;
    const seconds = (this.view.to - this.view.from) / this.clock_mhz / 1e6;
    const rough = seconds / Math.max(2, this.width / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
    const cyclesOf = (s) => s * this.clock_mhz * 1e6;
    g.strokeStyle = Npusim.colour("line");
    g.fillStyle = Npusim.colour("soft");
    for (let i = Math.ceil(this.view.from / cyclesOf(step)); cyclesOf(i * step) <= this.view.to; ++i) {
      const x = Math.round(this.x(cyclesOf(i * step))) + 0.5;
      g.beginPath(); g.moveTo(x, 18); g.lineTo(x, this.height); g.stroke();
      g.fillText(Npusim.si(i * step, "s"), x + 3, 11);
    }
  }

  drawLayers(y) {
    const { g } = this;
    this.label("layers", y + this.rowHeight / 2);
    for (let i = 0; i < this.layers.length; ++i) {
      const layer = this.layers[i];
      if (layer.end_cycle < this.view.from || layer.start_cycle > this.view.to) continue;
      const left = Math.max(this.gutter, this.x(layer.start_cycle)), right = Math.min(this.gutter + this.width, this.x(layer.end_cycle));
      g.fillStyle = Npusim.colour(i === this.selected ? "mark" : i % 2 ? "line" : "idle");
      g.fillRect(left, y + 2, Math.max(0.5, right - left - 0.5), this.rowHeight - 4);
      this.inside(layer.name, left, right, y, i === this.selected ? "back" : "text");
    }
  }
  /** A text in a box, if it has room. */
  inside(text, left, right, y, ink) {
    const { g } = this;
    if (right - left < 28) return;
    g.save();
    g.beginPath(); g.rect(left, y, right - left, this.rowHeight); g.clip();
    g.fillStyle = Npusim.colour(ink);
    g.fillText(text, left + 4, y + this.rowHeight / 2);
    g.restore();
  }

  drawEngine(engine, y) {
    this.label(engine.name, y + this.rowHeight / 2);
    const first = Math.max(0, engine.find(this.view.from)), last = engine.find(this.view.to);
    if (last < 0) return;
    if (last - first > 1.5 * this.width) this.drawShares(engine, first, last, y);
    else this.drawSpans(engine, first, last, y);
  }
  drawSpans(engine, first, last, y) {
    const { g } = this;
    const end = this.gutter + this.width;
    for (let i = first; i <= last; ++i) {
      const wait = this.colours[1 + engine.reason[i]];
      const from = Math.max(this.gutter, this.x(engine.from[i])), start = Math.max(this.gutter, Math.min(end, this.x(engine.start[i])));
      if (start > from && wait) {
        g.fillStyle = wait;
        g.fillRect(from, y + this.rowHeight * 0.6, start - from, this.rowHeight * 0.3);
      }
      const right = Math.min(end, this.x(engine.end[i]));
      if (right <= this.gutter || start >= end) continue;
      g.fillStyle = this.colours[0];
      g.fillRect(start, y + 2, Math.max(0.4, right - start - (right - start > 4 ? 0.7 : 0)), this.rowHeight - 4);
      this.inside(this.opcodes[engine.opcode[i]], start, right, y, "back");
    }
  }
  /** Too many to draw one by one: each pixel a column of the shares of its time. */
  drawShares(engine, first, last, y) {
    const { g } = this;
    const height = this.rowHeight - 4;
    const states = Npusim.STATES.map((_, s) => s).filter((s) => engine.sums[s] && this.colours[s]);
    let index = engine.find(this.view.from);
    let before = states.map((s) => engine.before(s, index, this.view.from));
    for (let px = 0; px < this.width; ++px) {
      const t = this.time(this.gutter + px + 1);
      let step = 1;
      while (index + step <= last && engine.from[index + step] <= t) step *= 2;
      index = engine.find(t, Math.max(0, index), Math.min(last, index + step));
      const length = t - this.time(this.gutter + px);
      let bottom = y + 2 + height;
      states.forEach((s, k) => {
        const now = engine.before(s, index, t);
        const tall = height * Math.min(1, (now - before[k]) / length);
        before[k] = now;
        if (tall < 0.2) return;
        g.fillStyle = this.colours[s];
        g.fillRect(this.gutter + px, bottom - tall, 1, tall);
        bottom -= tall;
      });
    }
  }

  drawRate(y) {
    const { g } = this;
    const bytes = Npusim.STATES.length;
    const movers = this.engines.filter((e) => e.sums[bytes]);
    const sum = (t) => movers.reduce((all, e) => all + e.before(bytes, e.find(t), t), 0);
    const rates = [];
    let before = sum(this.view.from);
    for (let px = 0; px < this.width; px += 2) {
      const t = this.time(this.gutter + px + 2), now = sum(t);
      rates.push((now - before) / (t - this.time(this.gutter + px)) * this.clock_mhz * 1e6);
      before = now;
    }
    const most = Math.max(...rates, 1);
    const height = this.rateHeight - 12;
    this.label("moved", y + 14);
    this.label("≤ " + Npusim.si(most, "B/s"), y + 30);
    g.fillStyle = Npusim.colour("dram");
    rates.forEach((rate, i) => g.fillRect(this.gutter + 2 * i, y + 8 + height * (1 - rate / most), 2, height * rate / most));
  }
}
