"use strict";
// Pictures that several pages share.
Object.assign(Npusim, (() => {
  const { make, colour, si, percent, grouped, chart } = Npusim;

  /** Hues by index, distinguishable without colour vision (Okabe and Ito), with a point's shape as a second sign. */
  const HUES = ["busy", "dram", "queue_full", "dependency", "bank_conflict", "launch", "soft"];
  const SHAPES = ["circle", "triangle", "rect", "rectRot", "crossRot", "star"];
  const hue = (i) => colour(HUES[i % HUES.length]);
  const shape = (i) => SHAPES[i % SHAPES.length];

  const isNumber = (v) => typeof v === "number" && Number.isFinite(v);
  /** A figure with four significant digits, whole and large numbers grouped. */
  const plain = (v) => (v === null || v === undefined ? "–" : !isNumber(v) ? String(v) : Number.isInteger(v) || Math.abs(v) >= 1000 ? grouped(v) : String(Number(v.toPrecision(4))));
  const distinct = (values) => [...new Set(values)];
  /** Numbers ascending, else by text. */
  const ordered = (values) => distinct(values).sort((a, b) => (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b), "en", { numeric: true })));
  /** Columns of which smaller is not better. */
  const LARGER_IS_BETTER = /(utilisation|utilization|hit_rate|busy_share|accuracy|top1|psnr)/i;

  function header(title, subtitle, page) {
    document.title = title;
    return make("header", {}, make("div", {}, make("h1", {}, title), make("p", { class: "soft" }, `${subtitle}, npusim ${page.version}`)), Npusim.themeButton());
  }
  /** A choice among texts: {element, value}; `changed` is called when it changes. */
  function choice(id, label, options, value, changed) {
    const box = make("select", { id, onchange: () => changed(options[box.selectedIndex]) }, ...options.map((o) => make("option", {}, plain(o))));
    box.selectedIndex = Math.max(0, options.indexOf(value));
    return { element: make("label", {}, label + " ", box), get value() { return options[box.selectedIndex]; } };
  }
  function tiles(list) {
    return make("div", { class: "tiles" }, ...list.filter(Boolean).map(([value, text]) =>
      make("div", { class: "tile" }, make("b", {}, value), make("span", {}, text))));
  }
  function finish(page) {
    document.body.append(Npusim.section("What is this?", null, make("p", { class: "soft" }, `Made by npusim report from ${page.file}.`),
      make("details", {}, make("summary", {}, "Licences"), make("pre", { tabIndex: 0 }, document.getElementById("licence").textContent))));
    document.body.dataset.ready = "yes";
  }
  /** Whether row a is at least as good as b in all columns and better in one; senses: 1 to be minimised, -1 maximised. */
  function beats(a, b, keys, senses) {
    let better = false;
    for (let i = 0; i < keys.length; ++i) {
      const x = senses[i] * a[keys[i]], y = senses[i] * b[keys[i]];
      if (x > y) return false;
      better ||= x < y;
    }
    return better;
  }
  /** The rows that none beats, ascending in the first column. Of two columns by sorting, else by pairs. */
  function front(rows, keys, senses) {
    const known = rows.filter((r) => keys.every((k) => isNumber(r[k])));
    if (keys.length !== 2) return known.filter((r) => !known.some((o) => beats(o, r, keys, senses)));
    const sorted = [...known].sort((a, b) => senses[0] * (a[keys[0]] - b[keys[0]]) || senses[1] * (a[keys[1]] - b[keys[1]]));
    const list = [];
    for (const r of sorted) {
      const last = list[list.length - 1];
      if (!last || senses[1] * r[keys[1]] < senses[1] * last[keys[1]] || (r[keys[0]] === last[keys[0]] && r[keys[1]] === last[keys[1]])) list.push(r);
    }
    return list.sort((a, b) => a[keys[0]] - b[keys[0]]);
  }

  /** A table of colours: the larger, the farther from the background; every cell has its number. cells: [row][column] of a number or null. */
  function heatmap(id, caption, rowNames, columnNames, cells, show, pick) {
    const all = cells.flat().filter(isNumber);
    const low = Math.min(...all), high = Math.max(...all);
    const paint = (v) => {
      const share = high > low ? (v - low) / (high - low) : 0;
      return `background:color-mix(in oklab, var(--heat-high) ${(100 * share).toFixed(1)}%, var(--heat-low));color:${share > 0.55 ? "var(--heat-high-text)" : "var(--heat-low-text)"}`;
    };
    return make("div", { class: "scroll" }, make("table", { id, class: "heat" }, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, make("th"), ...columnNames.map((n) => make("th", { scope: "col" }, plain(n))))),
      make("tbody", {}, ...rowNames.map((n, r) => make("tr", {}, make("th", { scope: "row", class: "text" }, plain(n)),
        ...cells[r].map((v, c) => make("td", { style: isNumber(v) ? paint(v) : "", title: `${plain(n)}, ${plain(columnNames[c])}: ${plain(v)}`,
          class: isNumber(v) && v === low ? "least" : isNumber(v) && v === high ? "most" : "", onclick: () => pick && pick(r, c) }, isNumber(v) ? show(v) : "–")))))));
  }

  /** Points on axes. sets: {label, points: [{x, y, row}], line?, hollow?}; `say(row)` is the tip. */
  function scatter(id, height, label, sets, axes, say, pick) {
    return chart(id, height, label, () => ({
      type: "scatter",
      data: { datasets: sets.map((s, i) => ({
        label: s.label, data: s.points, type: s.line ? "line" : "scatter", borderColor: s.colour ? colour(s.colour) : hue(i),
        backgroundColor: s.hollow ? "transparent" : (s.colour ? colour(s.colour) : hue(i)) + (s.line ? "" : "b0"), pointStyle: s.dots === false ? "line" : shape(i), stepped: s.stepped ?? false,
        pointRadius: s.dots === false ? 0 : s.points.length > 2000 ? 1.5 : 4, pointHitRadius: s.dots === false ? 0 : 4, borderWidth: s.line ? 2 : 1, borderDash: s.dash ?? [], order: s.line ? 0 : 1 })) },
      options: {
        scales: { x: { type: axes.logX ? "logarithmic" : "linear", title: { display: true, text: axes.x } }, y: { type: axes.logY ? "logarithmic" : "linear", title: { display: true, text: axes.y } } },
        onClick: (e, hits) => { const row = hits.map((h) => e.chart.data.datasets[h.datasetIndex].data[h.index].row).find(Boolean); if (row && pick) pick(row); },
        plugins: { legend: { display: sets.length > 1, position: "bottom", labels: { boxHeight: 7, usePointStyle: true } },
          tooltip: { callbacks: { label: (c) => (c.raw.row ? say(c.raw.row) : `${c.dataset.label}: ${plain(c.parsed.x)}, ${plain(c.parsed.y)}`) } } } },
    }));
  }

  return { hue, shape, isNumber, plain, distinct, ordered, LARGER_IS_BETTER, header, choice, tiles, finish, front, heatmap, scatter };
})());
