"use strict";
// The timeline: what every engine did when, of a few commands or a million.

/** The bytes of a base64 text. */
function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; ++i) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** One engine's spans as columns; sums that tell any window's shares at once are made when first asked for. */
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
    this.moves = false;
    this.decode(bytesOf(text));
  }
  /** Seven numbers a span, unsigned LEB128, signed ones zigzag (sim/look/run_page.cpp packs them). */
  decode(bytes) {
    let at = 0, time = 0, task = 0;
    const next = () => {
      let value = bytes[at++];
      if (value < 128) return value;
      value &= 127;
      for (let scale = 128; ; scale *= 128) {
        const byte = bytes[at++];
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    const signed = (value) => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);
    for (let i = 0; i < this.count; ++i) {
      const start = time + signed(next());
      this.start[i] = start;
      this.end[i] = time = start + next();
      this.from[i] = start - next();
      this.reason[i] = next();
      this.task[i] = task = task + signed(next());
      this.opcode[i] = next();
      const moved = this.bytes[i] = next();
      if (moved > 0) this.moves = true;
    }
  }
  /**
   * What the spans before i add up to: at [i * stride + slots[state]], states 0 busy, 1.. stalls, then bytes; slot
   * -1 where a state never occurs. Interleaved, because a pixel asks for all states of one span.
   */
  get sums() {
    if (this.made) return this.made;
    const { count, start, end, from, reason, bytes } = this;
    const states = Npusim.STATES.length;
    const slots = new Array(states + 1).fill(-1);
    let stride = 0;
    slots[0] = stride++;
    for (let i = 0; i < count; ++i) if (start[i] > from[i] && slots[1 + reason[i]] < 0) slots[1 + reason[i]] = stride++;
    if (this.moves) slots[states] = stride++;
    const values = new Float64Array((count + 1) * stride);
    for (let i = 0, at = 0; i < count; ++i, at += stride) {
      for (let k = 0; k < stride; ++k) values[at + stride + k] = values[at + k];
      values[at + stride] += end[i] - start[i];
      if (start[i] > from[i]) values[at + stride + slots[1 + reason[i]]] += start[i] - from[i];
      if (this.moves) values[at + stride + slots[states]] += bytes[i];
    }
    return this.made = { slots, stride, values };
  }
  /** A state's cycles (or the bytes) of the whole run. */
  whole(s) {
    const { slots, stride, values } = this.sums;
    return slots[s] < 0 ? 0 : values[this.count * stride + slots[s]];
  }
  /** The last span whose wait or work began at or before t; -1: none. */
  find(t, low = 0, high = this.count - 1) {
    const { from } = this;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (from[middle] <= t) low = middle + 1; else high = middle - 1;
    }
    return high;
  }
  /** find(t) for a t at or after that of `index`, at most `last`. */
  advance(index, last, t) {
    const { from } = this;
    let low = Math.max(0, index), step = 1;
    while (low + step <= last && from[low + step] <= t) { low += step; step *= 2; }
    return this.find(t, low, Math.min(last, low + step));
  }
  /** All sums before t, of which i is find(t), into `out` by slot. */
  before(i, t, out) {
    const { slots, stride, values } = this.sums;
    if (i < 0) { out.fill(0); return; }
    for (let k = 0, at = i * stride; k < stride; ++k) out[k] = values[at + k];
    const start = this.start[i], end = this.end[i];
    if (t < start) { out[slots[1 + this.reason[i]]] += t - this.from[i]; return; }
    if (start > this.from[i]) out[slots[1 + this.reason[i]]] += start - this.from[i];
    out[0] += Math.min(end, t) - start;
    if (this.moves) out[slots[Npusim.STATES.length]] += t >= end ? this.bytes[i] : this.bytes[i] * (t - start) / (end - start);
  }
}

class Timeline {
  /** options: {total, clock_mhz, layers: [{name, start_cycle, end_cycle}], engines: [EngineSpans], opcodes, select(layer)} */
  constructor(options) {
    Object.assign(this, options);
    this.view = { from: 0, to: this.total };
    this.selected = -1;
    this.gutter = 118;
    this.rowHeight = 22;
    this.rateHeight = this.engines.some((e) => e.moves) ? 62 : 0;
    this.canvas = Npusim.make("canvas", { class: "timeline", id: "timeline", tabIndex: 0, role: "application",
      "aria-label": "Timeline of engines. Arrow keys move, plus and minus zoom, 0 shows all." });
    this.height = 24 + this.rowHeight * (1 + this.engines.length) + this.rateHeight + 6;
    this.canvas.style.height = this.height + "px";
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    Npusim.themed(() => { this.paint(); this.draw(); });
  }

  get width() { return this.wide ?? Math.max(50, this.canvas.clientWidth - this.gutter); }
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
      const then = engine.end[span] > engine.start[span] ? `then: ${this.opcodes[engine.opcode[span]]} of ${layer.name}` : layer.name;
      return `${engine.name}: ${Npusim.STATE_TEXT[reason]} (${reason})\n${this.cycles(engine.start[span] - engine.from[span])}\n${then}`;
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

  /** Colours of the theme, as CSS and as pixels. */
  paint() {
    this.ink = Object.fromEntries(["soft", "line", "idle", "mark", "text", "back", "dram"].map((n) => [n, Npusim.colour(n)]));
    this.colours = Npusim.STATES.map((s) => Npusim.colour(s));
    this.colours[this.colours.length - 1] = null;  // idle is empty
    // Little-endian RGBA of "#rrggbb".
    this.pixels = this.colours.map((c) => (c ? (0xff000000 | parseInt(c.slice(5, 7) + c.slice(3, 5) + c.slice(1, 3), 16)) >>> 0 : 0));
  }

  draw() {
    const { canvas } = this;
    const ratio = this.ratio = devicePixelRatio || 1;
    const wide = canvas.clientWidth;
    if (wide === 0) return;
    const g = this.g = canvas.getContext("2d");
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(this.height * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(this.height * ratio);
    }
    this.wide = Math.max(50, wide - this.gutter);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, wide, this.height);
    g.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    g.textBaseline = "middle";
    this.axis();
    this.drawLayers(24);
    this.engines.forEach((engine, i) => this.drawEngine(engine, 24 + this.rowHeight * (1 + i)));
    if (this.rateHeight) this.drawRate(24 + this.rowHeight * (1 + this.engines.length));
  }

  label(text, y) {
    const { g } = this;
    g.fillStyle = this.ink.soft;
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
    g.strokeStyle = this.ink.line;
    g.fillStyle = this.ink.soft;
    for (let i = Math.ceil(this.view.from / cyclesOf(step)); cyclesOf(i * step) <= this.view.to; ++i) {
      const x = Math.round(this.x(cyclesOf(i * step))) + 0.5;
      g.beginPath(); g.moveTo(x, 18); g.lineTo(x, this.height); g.stroke();
      const text = Npusim.si(i * step, "s");
      if (x + 3 + g.measureText(text).width < this.gutter + this.width) g.fillText(text, x + 3, 11);
    }
  }

  drawLayers(y) {
    const { g, layers } = this;
    this.label("layers", y + this.rowHeight / 2);
    let low = 0, high = layers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (layers[middle].end_cycle < this.view.from) low = middle + 1; else high = middle;
    }
    let drawn = -1;  // pixels up to here have a layer
    for (let i = low; i < layers.length && layers[i].start_cycle <= this.view.to; ++i) {
      const left = Math.max(this.gutter, this.x(layers[i].start_cycle)), right = Math.min(this.gutter + this.width, this.x(layers[i].end_cycle));
      if (right < drawn + 0.3 && i !== this.selected) continue;
      drawn = right;
      g.fillStyle = i === this.selected ? this.ink.mark : i % 2 ? this.ink.line : this.ink.idle;
      g.fillRect(left, y + 2, Math.max(0.5, right - left - 0.5), this.rowHeight - 4);
      this.inside(layers[i].name, left, right, y, i === this.selected ? "back" : "text");
    }
  }
  /** As much of a text as a box has room for. */
  inside(text, left, right, y, ink) {
    const room = Math.floor((right - left - 8) / 6.6);
    if (room < 3) return;
    this.g.fillStyle = this.ink[ink];
    this.g.fillText(text.length > room ? text.slice(0, room - 1) + "…" : text, left + 4, y + this.rowHeight / 2, right - left - 6);
  }

  drawEngine(engine, y) {
    this.label(engine.name, y + this.rowHeight / 2);
    const first = Math.max(0, engine.find(this.view.from)), last = engine.find(this.view.to);
    if (last < 0) return;
    if (last - first > 0.5 * this.width) this.drawShares(engine, last, y);
    else this.drawSpans(engine, first, last, y);
  }
  drawSpans(engine, first, last, y) {
    const { g, gutter } = this;
    const edge = gutter + this.width;
    const clip = (t) => Math.max(gutter, Math.min(edge, this.x(t)));
    for (let i = first; i <= last; ++i) {
      const wait = this.colours[1 + engine.reason[i]];
      if (engine.start[i] <= engine.from[i] || !wait) continue;
      const from = clip(engine.from[i]), to = clip(engine.start[i]);
      if (to <= from) continue;
      if (g.fillStyle !== wait) g.fillStyle = wait;
      g.fillRect(from, y + this.rowHeight * 0.6, to - from, this.rowHeight * 0.3);
    }
    g.fillStyle = this.colours[0];
    const named = [];
    for (let i = first; i <= last; ++i) {
      const from = clip(engine.start[i]), to = clip(engine.end[i]);
      if (engine.end[i] <= engine.start[i] || (to <= from && (from === gutter || from === edge))) continue;
      g.fillRect(from, y + 2, Math.max(0.4, to - from - (to - from > 4 ? 0.7 : 0)), this.rowHeight - 4);
      if (to - from > 28) named.push(i, from, to);
    }
    for (let k = 0; k < named.length; k += 3) this.inside(this.opcodes[engine.opcode[named[k]]], named[k + 1], named[k + 2], y, "back");
  }
  /** Too many to draw one by one: each pixel a column of the shares of its time, set in an image. */
  drawShares(engine, last, y) {
    const wide = Math.round(this.width * this.ratio), high = Math.round((this.rowHeight - 4) * this.ratio);
    if (!this.image || this.image.width !== wide || this.image.height !== high) {
      this.image = new ImageData(wide, high);
      this.sheet = document.createElement("canvas");
      this.sheet.width = wide;
      this.sheet.height = high;
    }
    const out = new Uint32Array(this.image.data.buffer);
    out.fill(0);
    const { slots, stride } = engine.sums;
    const states = this.colours.flatMap((c, s) => (c && slots[s] >= 0 ? [s] : []));
    const order = states.map((s) => slots[s]), pixels = states.map((s) => this.pixels[s]);
    const { from } = this.view, length = (this.view.to - from) / wide;
    const before = new Float64Array(stride), now = new Float64Array(stride);
    let index = engine.find(from);
    engine.before(index, from, before);
    for (let px = 0; px < wide; ++px) {
      const t = from + (px + 1) * length;
      index = engine.advance(index, last, t);
      engine.before(index, t, now);
      let bottom = high;  // exact height left; rows are rounded, so that errors do not add up
      for (let k = 0; k < order.length; ++k) {
        const top = Math.max(0, bottom - high * (now[order[k]] - before[order[k]]) / length);
        for (let row = Math.round(top), end = Math.round(bottom); row < end; ++row) out[row * wide + px] = pixels[k];
        bottom = top;
      }
      before.set(now);
    }
    this.sheet.getContext("2d").putImageData(this.image, 0, 0);
    this.g.drawImage(this.sheet, this.gutter, y + 2, this.width, this.rowHeight - 4);
  }

  drawRate(y) {
    const { g } = this;
    const samples = Math.ceil(this.width / 2), length = (this.view.to - this.view.from) / this.width * 2;
    const rates = new Float64Array(samples);
    for (const engine of this.engines) {
      if (!engine.moves) continue;
      const { slots, stride } = engine.sums, slot = slots[Npusim.STATES.length];
      const last = engine.find(this.view.to), sums = new Float64Array(stride);
      let index = engine.find(this.view.from);
      engine.before(index, this.view.from, sums);
      for (let i = 0, before = sums[slot]; i < samples; ++i) {
        const t = this.view.from + (i + 1) * length;
        index = engine.advance(index, last, t);
        engine.before(index, t, sums);
        rates[i] += (sums[slot] - before) / length * this.clock_mhz * 1e6;
        before = sums[slot];
      }
    }
    const most = rates.reduce((a, b) => Math.max(a, b), 1);
    const height = this.rateHeight - 12;
    this.label("moved", y + 14);
    this.label("≤ " + Npusim.si(most, "B/s"), y + 30);
    g.fillStyle = this.ink.dram;
    rates.forEach((rate, i) => g.fillRect(this.gutter + 2 * i, y + 8 + height * (1 - rate / most), 2, height * rate / most));
  }
}
