"use strict";
// The page of one run.
(() => {
  const { make, section, grouped, percent, si, colour, STATES, STALLS, STATE_TEXT } = Npusim;
  const page = Npusim.data("data");
  const report = page.report;
  const total = report.total_cycles;
  const seconds = (cycles) => cycles / report.clock_mhz / 1e6;
  const statesOf = (e) => [["busy", e.busy_cycles], ...STALLS.map((s) => [s, e.stalls[s]])];
  const layers = report.layers.map((l, index) => {
    const states = statesOf(l);
    const engineCycles = states.reduce((sum, [, c]) => sum + c, 0);
    const bound = states.reduce((a, b) => (b[1] > a[1] ? b : a), ["idle", 0])[0];
    return { ...l, index, states, engineCycles, bound: bound === "busy" ? l.engine : bound,
      utilisation: l.cycles > 0 ? l.macs / l.cycles / report.peak_macs_per_cycle : 0,
      dramBytes: l.dram.read_bytes + l.dram.write_bytes };
  });

  const engines = page.spans.map((e) => new EngineSpans(e.name, e.count, e.data));
  const timeline = new Timeline({ total, clock_mhz: report.clock_mhz, layers, engines, opcodes: page.opcodes,
    select: (index) => select(index, false) });

  // Header and figures.
  const tile = (value, text) => make("div", { class: "tile" }, make("b", {}, value), make("span", {}, text));
  const bytes = report.dram.read_bytes + report.dram.write_bytes;
  const linkBytes = (report.links ?? []).reduce((sum, l) => sum + l.read.bytes + l.write.bytes, 0);
  document.title = `${report.network} on ${report.hw}`;
  document.body.append(
    make("header", {},
      make("div", {}, make("h1", {}, `${report.network} on ${report.hw}`),
        make("p", { class: "soft" }, `batch ${report.batch}, ${report.dtype}, description ${report.hw_hash}, npusim ${page.version}`)),
      Npusim.themeButton()),
    make("p", { class: "advice", id: "advice" }, page.advice),
    make("div", { class: "tiles" },
      tile(si(seconds(total), "s"), `latency, ${grouped(total)} cycles`),
      tile((report.batch / seconds(total)).toPrecision(4), "inferences a second"),
      tile(percent(report.mac_utilization), `of the peak of ${grouped(report.peak_macs_per_cycle)} MACs a cycle`),
      bytes > 0 ? tile(si(bytes, "B"), `DRAM traffic, ${si(bytes / seconds(total), "B/s")}`) : null,
      linkBytes > 0 ? tile(si(linkBytes, "B"), "over the host link") : null,
      tile(grouped(layers.length), "layers")));

  // Timeline.
  const search = make("input", { type: "search", placeholder: "layer or operator", "aria-label": "search layers", id: "search" });
  document.body.append(section("What did every engine do, and when?",
    "Wheel or + and - zoom, drag or arrows move, 0 shows all; click a command or a layer for its details. Thin bars are waits.",
    make("div", { class: "bar" },
      ...[["+", () => timeline.zoom(0.5), "zoom in"], ["−", () => timeline.zoom(2), "zoom out"], ["all", () => timeline.all(), "show all"]].map(
        ([text, onclick, title]) => make("button", { onclick, title, class: "no-print" }, text)),
      make("span", { class: "legend" }, ...STATES.slice(0, -1).map((s) =>
        make("span", {}, make("i", { style: `background:var(--${s})` }), ["busy", "bank_conflict", "launch"].includes(s) ? STATE_TEXT[s] : `${STATE_TEXT[s]} (${s.replace("_", " ")})`)))),
    timeline.canvas));

  // Layers and the selected one.
  const table = Npusim.table("layers", [
    { title: "#", value: (l) => l.index + 1 },
    { title: "layer", value: (l) => l.name, text: true },
    { title: "op", value: (l) => l.op, text: true },
    { title: "cycles", value: (l) => l.cycles, show: (l) => grouped(l.cycles) },
    { title: "time", value: (l) => l.cycles, show: (l) => si(seconds(l.cycles), "s") },
    { title: "share", value: (l) => l.cycles / total, show: (l) => percent(l.cycles / total) },
    { title: "MACs", value: (l) => l.macs, show: (l) => (l.macs > 0 ? si(l.macs, "") : "–") },
    { title: "of peak", value: (l) => l.utilisation, show: (l) => (l.macs > 0 ? percent(l.utilisation) : "–") },
    { title: "DRAM", value: (l) => l.dramBytes, show: (l) => (l.dramBytes > 0 ? si(l.dramBytes, "B") : "–") },
    { title: "most of it", value: (l) => l.bound, text: true, help: "what its engine did or waited for longest" },
    { title: "its engine's time", value: (l) => l.busy_cycles / (l.engineCycles || 1), show: (l) => Npusim.split(l.states) },
  ], layers, (l) => select(l.index, true));
  search.addEventListener("input", () => table.search(search.value));
  const detail = make("div", { id: "detail" }, make("p", { class: "soft" }, "No layer is selected."));
  document.body.append(
    section("Which layers cost most?", "Click a heading to sort, a layer to find it in the timeline.",
      make("div", { class: "bar" }, search), table.element),
    section("What does the selected layer run?", null, detail));

  function select(index, zoom) {
    const layer = layers[index];
    table.select(index, !zoom);
    timeline.selected = index;
    if (zoom) timeline.showLayer(index); else timeline.request();
    detail.replaceChildren(
      make("p", {}, make("b", {}, layer.name), ` (${layer.op}): ${grouped(layer.cycles)} cycles, ${si(seconds(layer.cycles), "s")}, ` +
        `from cycle ${grouped(layer.start_cycle)}. ${layer.mapping}`),
      ...layer.engines.filter((e) => e.commands > 0 || e.busy_cycles > 0).map((e) =>
        make("div", {}, Npusim.split(statesOf(e)), ` ${e.name}: ${grouped(e.commands)} commands, ${grouped(e.busy_cycles)} cycles at work`)),
      make("pre", { tabIndex: 0, id: "program" }, page.program[index] ?? ""));
  }

  // Engines.
  const bars = Npusim.chart("engines", 60 + 24 * report.engines.length, "Share of the run's cycles by engine and state", () => ({
    type: "bar",
    data: { labels: report.engines.map((e) => e.name),
      datasets: STATES.map((s, i) => ({ label: s === "busy" ? "working" : s.replace("_", " "), backgroundColor: colour(s),
        data: report.engines.map((e) => 100 * statesOf(e)[i][1] / total) })) },
    options: { indexAxis: "y",
      scales: { x: { stacked: true, max: 100, title: { display: true, text: "% of the run's cycles" } }, y: { stacked: true, ticks: { autoSkip: false } } },
      plugins: { legend: { position: "bottom", labels: { boxWidth: 12 } },
        tooltip: { callbacks: { label: (c) => `${c.dataset.label}: ${c.parsed.x.toFixed(1)} %` } } } },
  }));

  // Roofline.
  const points = page.ceilings.map((c) => layers.filter((l) => l.macs > 0 && l.cycles > 0).map((l) => {
    const moved = c.memory === "dram" ? l.dramBytes : c.memory === "sram" ? l.sram.read_bytes + l.sram.write_bytes : page.linked[l.index];
    return { x: moved > 0 ? l.macs / moved : 0, y: l.macs / seconds(l.cycles) / 1e9, layer: l };
  }).filter((p) => p.x > 0));
  const peak = report.peak_macs_per_cycle * report.clock_mhz / 1e3;
  const hues = ["dram", "queue_full", "bank_conflict", "dependency"];
  const some = points.some((p) => p.length > 0);
  const roofline = !some ? null : Npusim.chart("roofline", 380, "Roofline: speed of each layer against its MACs per byte", () => {
    const xs = points.flat().map((p) => p.x);
    const low = Math.min(...xs, peak / Math.max(...page.ceilings.map((c) => c.gb_s))) / 2, high = Math.max(...xs) * 2;
    const line = (c) => [low, Math.min(high, peak / c.gb_s), high].sort((a, b) => a - b).map((x) => ({ x, y: Math.min(peak, x * c.gb_s) }));
    return {
      type: "scatter",
      data: { datasets: page.ceilings.flatMap((c, i) => [
        { label: `${c.name} ${si(c.gb_s * 1e9, "B/s")}`, data: points[i], backgroundColor: colour(hues[i % 4]) + "bb", pointRadius: 4,
          pointStyle: ["circle", "triangle", "rect", "rectRot"][i % 4] },
        { label: `ceiling ${c.name}`, type: "line", data: line(c), borderColor: colour(hues[i % 4]), borderWidth: 2, pointRadius: 0, pointHitRadius: 0 },
      ]) },
      options: {
        scales: { x: { type: "logarithmic", min: low, max: high, title: { display: true, text: "MACs per byte moved" } },
          y: { type: "logarithmic", title: { display: true, text: "GMAC/s" } } },
        onClick: (e, hits) => { const at = hits.find((h) => h.element && e.chart.data.datasets[h.datasetIndex].data[h.index].layer);
          if (at) select(e.chart.data.datasets[at.datasetIndex].data[at.index].layer.index, true); },
        plugins: { legend: { position: "bottom", labels: { boxWidth: 12, filter: (item) => !item.text.startsWith("ceiling") } },
          tooltip: { callbacks: { label: (c) => c.raw.layer ? `${c.raw.layer.name}: ${c.raw.y.toPrecision(3)} GMAC/s (${percent(c.raw.layer.utilisation)} of peak), ${c.raw.x.toPrecision(3)} MACs/B` : c.dataset.label } } },
      },
    };
  });

  // Memories: those of equal names on several cores are one line, the fullest counts.
  const byName = new Map();
  for (const space of page.spaces.filter((s) => !s.global)) {
    const name = space.name.replace(/^(core|tile|cim)\d+\./, "");
    const share = space.used.map((u) => 100 * u / space.bytes);
    byName.set(name, byName.has(name) ? byName.get(name).map((v, i) => Math.max(v, share[i])) : share);
  }
  const palette = ["busy", "dependency", "queue_full", "bank_conflict", "dram", "launch", "text", "soft"];
  const global = page.spaces.find((s) => s.global && s.used.some((u) => u > 0));
  const memory = Npusim.chart("memory", 320, "How full each memory is, layer by layer", () => ({
    type: "line",
    data: { labels: layers.map((l) => l.name), datasets: [
      ...[...byName].map(([name, share], i) => ({ label: name, data: share, yAxisID: "y", stepped: "middle", pointRadius: 0, borderWidth: 2, pointStyle: "line",
        borderColor: colour(palette[i % palette.length]), backgroundColor: colour(palette[i % palette.length]) })),
      ...(global ? [{ label: `${global.name} (right)`, data: global.used.map((u) => u / 1e6), yAxisID: "right", stepped: "middle", pointRadius: 0, pointStyle: "line",
        borderDash: [5, 3], borderColor: colour("soft"), backgroundColor: colour("soft") }] : [])] },
    options: { interaction: { mode: "index", intersect: false },
      scales: { x: { ticks: { maxTicksLimit: 12, maxRotation: 40 } },
        y: { beginAtZero: true, title: { display: true, text: "% of the memory" } },
        ...(global ? { right: { position: "right", beginAtZero: true, grid: { drawOnChartArea: false }, title: { display: true, text: "MB alive" } } } : {}) },
      onClick: (e, hits) => hits.length && select(hits[0].index, true),
      plugins: { legend: { position: "bottom", labels: { usePointStyle: true } } } },
  }));

  // What would help.
  const changed = (w) => `${w.ratio < 1 ? "−" : "+"}${(100 * Math.abs(w.ratio - 1)).toFixed(1)} %`;
  const help = make("table", { id: "whatif" },
    make("thead", {}, make("tr", {}, ...["if the chip had", "latency", "against now", "what is changed"].map((t, i) =>
      make("th", { class: i === 0 || i === 3 ? "text" : "", scope: "col" }, make("button", { disabled: true }, t))))),
    make("tbody", {}, ...page.what_ifs.map((w) => make("tr", {},
      make("td", { class: "text" }, w.label),
      make("td", {}, w.cycles > 0 ? si(w.cycles / w.clock_mhz / 1e6, "s") : "–"),
      make("td", { class: w.cycles > 0 && w.ratio < 0.995 ? "better" : "" }, w.cycles > 0 ? changed(w) : "–"),
      make("td", { class: "text wrap" }, w.failure || w.change)))));
  const best = page.what_ifs.filter((w) => w.cycles > 0).reduce((a, b) => (a && a.ratio <= b.ratio ? a : b), null);
  if (best && best.ratio < 0.98) document.getElementById("advice").append(` Of the changes tried, ${best.label} would help most: ${changed(best)}.`);

  document.body.append(
    make("div", { class: "columns" },
      section("What keeps each engine from working?", "Every engine's cycles, by what it did or waited for; each bar is the whole run.", bars),
      section("What would help?", "Each row is a simulation of the same network on the changed chip.", make("div", { class: "scroll" }, help)),
      roofline ? section("Which ceiling does each layer hit?", "Left of the bend a layer is bound by that memory's bandwidth, right of it by the arithmetic. Far below both: by waiting.", roofline) : null,
      section("When is which memory full?", "By layer: what its commands address and what stays alive. Click for the layer.", memory)),
    section("What was simulated?", null,
      make("p", { class: "soft", id: "coverage" }, `${report.coverage.operators} operators: ${report.coverage.modelled} modelled, ${report.coverage.host} on the host, ` +
        `${report.coverage.folded} folded away; engines do ${report.coverage.macs_percent.toFixed(1)} % of the MACs. ` +
        `${grouped(report.simulation.commands)} commands, ${grouped(report.simulation.events)} events.`),
      ...report.notes.map((n) => make("p", { class: "soft" }, n)),
      make("details", {}, make("summary", {}, "The chip's description"), make("pre", { tabIndex: 0 }, report.hardware)),
      make("details", {}, make("summary", {}, "Licences"), make("pre", { tabIndex: 0 }, document.getElementById("licence").textContent))));
  window.npusim = { timeline, select, table, page };
  document.body.dataset.ready = "yes";
})();
