"use strict";
// The page of several runs, each against the first.
(() => {
  const { make, section, grouped, percent, si, colour, STATES, STALLS, STATE_TEXT, plain, hue } = Npusim;
  const page = Npusim.data("data");
  const { runs, diffs } = page;
  const seconds = (run, cycles) => cycles / run.clock_mhz / 1e6;
  // What the runs do not share names them.
  const parts = [["hw", (r) => r.hw], ["network", (r) => r.network], ["dtype", (r) => r.dtype], ["batch", (r) => `batch ${r.batch}`], ["file", (r) => r.file]];
  const telling = parts.filter(([what, of]) => what !== "file" && new Set(runs.map(of)).size > 1);
  let names = runs.map((r) => telling.map(([, of]) => of(r)).join(" "));
  if (new Set(names).size < runs.length) names = runs.map((r, i) => [names[i], r.file.replace(/^.*\//, "").replace(/\.json$/, "")].filter(Boolean).join(" "));
  names = names.map((n) => n || "run");
  const ratioText = (x) => (x >= 3 ? `×${x >= 100 ? grouped(x) : x.toPrecision(3)}` : `${x < 1 ? "−" : "+"}${(100 * Math.abs(x - 1)).toFixed(1)} %`);
  const mark = (x, smaller = true) => (Math.abs(x - 1) < 0.0005 ? "" : (x < 1) === smaller ? "better" : "worse");

  const shared = telling.some(([what]) => what === "network") ? "" : `${runs[0].network}${telling.some(([what]) => what === "hw") ? "" : ` on ${runs[0].hw}`}: `;
  document.body.append(Npusim.header(runs.length > 1 ? shared + names.join(" against ") : `${runs[0].network} on ${runs[0].hw}`,
    runs.length > 1 ? "each run against the first" : "one run", page));
  if (runs.length > 1) {
    document.body.append(make("p", { class: "advice", id: "advice" }, ...diffs.flatMap((d, i) => {
      const most = d.causes[0];
      const unit = d.unit === "ps" ? (v) => si(Math.abs(v) / 1e12, "s") : (v) => `${grouped(Math.abs(v))} cycles`;
      const ratio = d.latency_ms[1] / d.latency_ms[0];
      const sentence = Math.abs(ratio - 1) < 5e-5 ? `${names[i + 1]} takes as long as ${names[0]}.`
        : `${names[i + 1]} takes ${ratio < 0.5 || ratio > 2 ? `${ratio.toPrecision(3)} times as long as` : `${percent(Math.abs(ratio - 1))} ${ratio > 1 ? "longer" : "less"} than`} ${names[0]}` +
          (most ? `: the largest part is ${unit(most.difference)} ${most.difference > 0 ? "more" : "less"} ${most.cause.startsWith("only") ? `in layers that are ${most.cause}` : `'${most.cause}'`}.` : ".");
      return [sentence, make("br")];
    })));
  }

  // Figures.
  const figures = [
    ["latency", (r) => seconds(r, r.total_cycles), (v) => si(v, "s"), true],
    ["cycles", (r) => r.total_cycles, grouped, true],
    ["clock", (r) => r.clock_mhz, (v) => `${plain(v)} MHz`, null],
    ["inferences a second", (r) => r.batch / seconds(r, r.total_cycles), (v) => plain(v), false],
    ["MACs", (r) => r.macs, (v) => si(v, ""), null],
    ["share of the peak rate", (r) => r.mac_utilization, (v) => percent(v), false],
    ["DRAM traffic", (r) => r.dram.read_bytes + r.dram.write_bytes, (v) => si(v, "B"), true],
    ["DRAM bandwidth used", (r) => (r.dram.read_bytes + r.dram.write_bytes) / seconds(r, r.total_cycles), (v) => si(v, "B/s"), null],
    ["row hits", (r) => r.dram.row_hit_rate, (v) => percent(v), false],
    ["layers", (r) => r.layers.length, grouped, null],
  ];
  const cell = (value, show, first, smaller) => {
    if (value === 0) return make("td", {}, "–");
    const same = !(Math.abs(value / first - 1) >= 0.0005);
    return make("td", { class: smaller === null || same ? "" : mark(value / first, smaller) }, show(value), first > 0 && !same ? ` (${ratioText(value / first)})` : "");
  };
  document.body.append(section("Which run is better, and in what?", runs.length > 1 ? "In brackets: the change against the first run. Green is better, orange worse." : null,
    make("div", { class: "scroll" }, make("table", { id: "figures" },
      make("thead", {}, make("tr", {}, make("th", { class: "text", scope: "col" }), ...names.map((n) => make("th", { scope: "col" }, n)))),
      make("tbody", {}, ...figures.filter(([, of]) => runs.some((r) => of(r) > 0)).map(([title, of, show, smaller]) => make("tr", {},
        make("th", { class: "text", scope: "row" }, title),
        ...runs.map((r, i) => (i === 0 ? make("td", {}, show(of(r))) : cell(of(r), show, of(runs[0]), smaller))))))))));

  // Layers: the first run's, then what others have beside it, by name and place.
  const rows = runs[0].layers.map((l, i) => ({ name: l.name, op: l.op, order: i, layers: [l], diffs: [] }));
  const extra = new Map();
  diffs.forEach((d, k) => {
    let at = -1;
    const seen = new Map();
    for (const one of d.layers) {
      if (one.before !== null) { at = one.before; rows[at].diffs[k + 1] = one; if (one.after !== null) rows[at].layers[k + 1] = runs[k + 1].layers[one.after]; continue; }
      const time = (seen.get(one.name) ?? 0) + 1;
      seen.set(one.name, time);
      const key = `${one.name}#${time}`;
      const layer = runs[k + 1].layers[one.after];
      if (!extra.has(key)) extra.set(key, { name: one.name, op: layer.op, order: at + 0.5, layers: [], diffs: [] });
      const row = extra.get(key);
      row.layers[k + 1] = layer;
      row.diffs[k + 1] = one;
    }
  });
  const all = [...rows, ...extra.values()].sort((a, b) => a.order - b.order);
  all.forEach((row, i) => { row.index = i; row.times = runs.map((r, k) => (row.layers[k] ? seconds(r, row.layers[k].cycles) : null)); });
  const change = (row, k) => (row.times[k] ?? 0) - (row.times[0] ?? 0);
  const cause = (row, k) => {
    const parts = Object.entries(row.diffs[k]?.causes ?? {});
    return parts.length === 0 ? "" : parts.reduce((a, b) => (Math.abs(b[1]) > Math.abs(a[1]) ? b : a))[0];
  };
  const ownStates = (l) => [["busy", l.busy_cycles], ...STALLS.map((s) => [s, l.stalls[s]])];

  if (diffs.length > 0) {
    const causes = [...new Set(diffs.flatMap((d) => d.causes.map((c) => c.cause)))];
    const unit = (d) => (d.unit === "ps" ? 1e-9 : 1 / runs[0].clock_mhz / 1e3);
    const label = (c) => (c === "busy" ? "working" : c.replace("_", " "));
    document.body.append(section("Where does the difference come from?",
      "Time added (right) or saved (left) against the first run, by what engines did or waited for; each run's bars add up to its difference.",
      Npusim.chart("causes", 90 + 26 * causes.length * diffs.length, "Difference by cause", () => ({
        type: "bar",
        data: { labels: causes.map(label), datasets: diffs.map((d, i) => ({ label: names[i + 1], backgroundColor: hue(i),
          data: causes.map((c) => (d.causes.find((x) => x.cause === c)?.difference ?? 0) * unit(d)) })) },
        options: { indexAxis: "y", scales: { x: { title: { display: true, text: "ms against the first run" } }, y: { ticks: { autoSkip: false } } },
          plugins: { legend: { display: diffs.length > 1, position: "bottom", labels: { boxWidth: 12 } },
            tooltip: { callbacks: { label: (c) => `${c.dataset.label}: ${c.parsed.x >= 0 ? "+" : "−"}${si(Math.abs(c.parsed.x) / 1e3, "s")}` } } } },
      }))));
  }

  document.body.append(section("What does each run spend its time on?", "Each layer's time, split like its own engine's cycles, summed over layers.",
    Npusim.chart("spent", 90 + 40 * runs.length, "Time of each run by state", () => ({
      type: "bar",
      data: { labels: names, datasets: STATES.map((s, i) => ({ label: STATE_TEXT[s], backgroundColor: colour(s),
        data: runs.map((r) => 1e3 * r.layers.reduce((sum, l) => {
          const states = ownStates(l), whole = states.reduce((n, x) => n + x[1], 0);
          return sum + (whole > 0 ? seconds(r, l.cycles) * states[i][1] / whole : s === "idle" ? seconds(r, l.cycles) : 0);
        }, 0)) })) },
      options: { indexAxis: "y", scales: { x: { stacked: true, title: { display: true, text: "ms" } }, y: { stacked: true, ticks: { autoSkip: false } } },
        plugins: { legend: { position: "bottom", labels: { boxWidth: 12 } }, tooltip: { callbacks: { label: (c) => `${c.dataset.label}: ${si(c.parsed.x / 1e3, "s")}` } } } },
    }))));

  const search = make("input", { type: "search", placeholder: "layer or operator", "aria-label": "search layers", id: "search" });
  const timeShown = (v) => (v === null ? "–" : si(v, "s"));
  const table = Npusim.table("layers", [
    { title: "#", value: (r) => r.index + 1 },
    { title: "layer", value: (r) => r.name, text: true },
    { title: "op", value: (r) => r.op, text: true },
    ...runs.map((r, k) => ({ title: names[k], value: (row) => row.times[k] ?? -1, show: (row) => timeShown(row.times[k]) })),
    ...runs.slice(1).flatMap((r, j) => {
      const k = j + 1, of = runs.length > 2 ? ` of ${names[k]}` : "";
      return [
        { title: "change" + of, value: (row) => change(row, k), show: (row) => make("span", { class: change(row, k) === 0 ? "" : change(row, k) < 0 ? "better" : "worse" },
          change(row, k) === 0 ? "–" : `${change(row, k) < 0 ? "−" : "+"}${si(Math.abs(change(row, k)), "s")}`) },
        { title: "in %" + of, value: (row) => (row.times[0] && row.times[k] !== null ? row.times[k] / row.times[0] - 1 : 0),
          show: (row) => (row.times[0] && row.times[k] !== null && change(row, k) !== 0 ? ratioText(row.times[k] / row.times[0]) : "–") },
        { title: "most of it" + of, value: (row) => cause(row, k), text: true }];
    }),
    ...runs.map((r, k) => ({ title: `engine, ${names[k]}`, value: (row) => (row.layers[k] ? row.layers[k].busy_cycles / (ownStates(row.layers[k]).reduce((n, x) => n + x[1], 0) || 1) : 0),
      show: (row) => (row.layers[k] ? Npusim.split(ownStates(row.layers[k])) : "–") })),
  ], all);
  search.addEventListener("input", () => table.search(search.value));
  document.body.append(section("Which layers differ?", "Layers of equal names are in one row. Click a heading to sort.", make("div", { class: "bar" }, search), table.element));

  // Descriptions.
  const keys = runs.map((r) => new Map(r.hardware.split("\n").filter((l) => l.includes(": ")).map((l) => [l.slice(0, l.indexOf(": ")), l.slice(l.indexOf(": ") + 2)])));
  const different = [...new Set(keys.flatMap((k) => [...k.keys()]))].filter((key) => new Set(keys.map((k) => k.get(key))).size > 1).sort();
  const list = different.length === 0 ? make("p", { class: "soft" }, "All runs are of the same description.") :
    make("div", { class: "scroll" }, make("table", { id: "keys" }, make("thead", {}, make("tr", {}, ...["key", ...names].map((n) => make("th", { class: "text", scope: "col" }, n)))),
      make("tbody", {}, ...different.map((key) => make("tr", {}, make("th", { class: "text", scope: "row" }, key), ...keys.map((k) => make("td", { class: "text" }, k.get(key) ?? "–")))))));
  if (runs.length > 1) document.body.append(section("In what do the chips' descriptions differ?", null, different.length > 30 ? make("details", {}, make("summary", {}, `${different.length} keys`), list) : list));
  window.npusim = { page, table, rows: all };
  Npusim.finish(page);
})();
