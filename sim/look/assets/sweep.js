"use strict";
// The page of a sweep.
(() => {
  const { make, section, plain, isNumber, distinct, ordered, LARGER_IS_BETTER, choice } = Npusim;
  const page = Npusim.data("data");
  const rows = page.rows.map((r, index) => ({ ...r, index }));
  const columns = Object.keys(page.rows[0]);
  const good = rows.filter((r) => r.status === "ok" || r.status === undefined);
  const behind = columns.indexOf("cycles");
  const axes = [...columns.slice(0, behind < 0 ? 2 : behind).filter((c) => distinct(rows.map((r) => r[c])).length > 1),
    ...["batch", "dtype"].filter((c) => columns.includes(c) && distinct(good.map((r) => r[c])).length > 1)];
  const figures = columns.filter((c) => !axes.includes(c) && c !== "pareto" && good.some((r) => isNumber(r[c])) && distinct(good.map((r) => r[c])).length > 1);
  const say = (r) => [...axes.map((a) => `${a} ${plain(r[a])}`), `latency ${plain(r.latency_ms)} ms`].join(", ");
  const senses = (keys) => keys.map((k) => (LARGER_IS_BETTER.test(k) ? -1 : 1));
  const least = good.length > 0 ? good.reduce((a, b) => (b.latency_ms < a.latency_ms ? b : a)) : null;

  document.body.append(Npusim.header(`Sweep of ${axes.filter((a) => a !== "hw" && a !== "network").join(", ") || "chips and networks"}`, page.file, page),
    Npusim.tiles([[`${good.length} of ${rows.length}`, "combinations with a result"], least && [`${plain(least.latency_ms)} ms`, "the least latency"],
      least && axes.length > 0 && [axes.map((a) => plain(least[a])).join(", "), axes.join(", ") + " there"]]));

  let picked = () => {};
  const choose = (row) => picked(row);

  // Heat map.
  if (axes.length > 0 && figures.length > 0) {
    const place = make("div");
    const numeric = axes.filter((a) => a !== "hw" && a !== "network");
    const wanted = [...numeric, ...axes.filter((a) => !numeric.includes(a))];
    // The pair with the most cells filled: keys of different chips have none in common.
    const filled = (x, y) => distinct(good.filter((r) => r[x] !== null && r[y] !== null).map((r) => JSON.stringify([r[x], r[y]]))).length;
    const pairs = wanted.flatMap((x, i) => wanted.slice(i + 1).map((y) => ({ x, y, filled: filled(x, y) })));
    const best = pairs.reduce((a, b) => (b.filled > a.filled ? b : a), pairs[0] ?? { x: wanted[0], y: null });
    const state = { x: best.x, y: best.y, value: figures.includes("latency_ms") ? "latency_ms" : figures[0], fixed: {} };
    if (axes.includes("network")) state.fixed.network = good[0].network;  // the best of several networks says nothing
    const bar = make("div", { class: "bar" });
    const BEST = "the best of all";
    function fill() {
      const others = axes.filter((a) => a !== state.x && a !== state.y);
      bar.replaceChildren(...[
        choice("heat-x", "across", axes, state.x, (v) => { if (v === state.y) state.y = state.x; state.x = v; fill(); }),
        ...(axes.length > 1 ? [choice("heat-y", "down", axes, state.y, (v) => { if (v === state.x) state.x = state.y; state.y = v; fill(); })] : []),
        choice("heat-value", "shown", figures, state.value, (v) => { state.value = v; fill(); }),
        ...others.map((a) => choice(`heat-${a}`, a, [BEST, ...ordered(rows.map((r) => r[a]))], state.fixed[a] ?? BEST, (v) => { state.fixed[a] = v; fill(); })),
      ].map((c) => c.element));
      const pool = good.filter((r) => isNumber(r[state.value]) && others.every((a) => (state.fixed[a] ?? BEST) === BEST || r[a] === state.fixed[a]));
      const values = (axis) => ordered(rows.map((r) => r[axis])).filter((v) => v !== null || pool.some((r) => r[axis] === null));
      const down = state.y ? values(state.y) : ["all"], across = values(state.x);
      const sense = LARGER_IS_BETTER.test(state.value) ? -1 : 1;
      const cells = down.map((y) => across.map((x) => pool.filter((r) => r[state.x] === x && (!state.y || r[state.y] === y))
        .reduce((a, b) => (a && sense * a[state.value] <= sense * b[state.value] ? a : b), null)));
      place.replaceChildren(Npusim.heatmap("heat", `${state.value}: ${state.x} across${state.y ? `, ${state.y} down` : ""}`, down, across,
        cells.map((line) => line.map((r) => (r ? r[state.value] : null))), plain, (r, c) => cells[r][c] && choose(cells[r][c])));
    }
    fill();
    document.body.append(section("How do two parameters act together?", "The more a cell stands out, the larger its value; the smallest has a frame. Combinations without a result are empty. Click a cell for its row.", bar, place));
  }

  // Pareto front.
  if (figures.length > 1) {
    const place = make("div");
    const first = figures.includes("latency_ms") ? "latency_ms" : figures[0];
    const second = ["area_proxy", "peak_macs_per_cycle", "dram_read_bytes"].find((f) => figures.includes(f)) ?? figures.find((f) => f !== first);
    const state = { x: second, y: first };
    const groups = ["network", "hw"].find((c) => axes.includes(c));
    function fill() {
      const sets = (groups ? ordered(good.map((r) => r[groups])) : [null]).flatMap((g, i) => {
        const pool = g === null ? good : good.filter((r) => r[groups] === g);
        const points = (list) => list.map((r) => ({ x: r[state.x], y: r[state.y], row: r }));
        return [{ label: g === null ? "combinations" : String(g), points: points(pool.filter((r) => isNumber(r[state.x]) && isNumber(r[state.y]))), colour: ["busy", "dram", "queue_full", "bank_conflict", "dependency"][i % 5] },
          { label: g === null ? "best choices" : `best of ${g}`, points: points(Npusim.front(pool, [state.x, state.y], senses([state.x, state.y]))), line: true, colour: ["busy", "dram", "queue_full", "bank_conflict", "dependency"][i % 5] }];
      });
      place.replaceChildren(Npusim.scatter("pareto", 380, `${state.y} against ${state.x}`, sets, { x: state.x, y: state.y }, say, choose));
    }
    fill();
    document.body.append(section("Which combinations does no other beat?", "On the line: at least as good in both, better in one. Click a point for its row.",
      make("div", { class: "bar" }, ...[choice("pareto-x", "across", figures, state.x, (v) => { state.x = v; fill(); }), choice("pareto-y", "up", figures, state.y, (v) => { state.y = v; fill(); })].map((c) => c.element)), place));
  }

  // Sensitivity: neighbouring values of one axis, all else equal.
  const effects = axes.filter((a) => a !== "network").map((axis) => {
    const byRest = new Map();
    for (const r of good) {
      const key = JSON.stringify(axes.filter((a) => a !== axis).map((a) => r[a]));
      if (!byRest.has(key)) byRest.set(key, []);
      byRest.get(key).push(r);
    }
    const slopes = [];
    let largest = null;  // where nothing varies alone
    for (const group of byRest.values()) {
      if (group.length < 2) continue;
      group.sort((a, b) => (isNumber(a[axis]) && isNumber(b[axis]) ? a[axis] - b[axis] : 0));
      const times = group.map((r) => r.latency_ms);
      largest = Math.max(largest, Math.max(...times) / Math.min(...times) - 1);
      for (let i = 1; i < group.length; ++i) {
        const from = group[i - 1], to = group[i];
        if (isNumber(from[axis]) && isNumber(to[axis]) && from[axis] > 0 && to[axis] > from[axis]) slopes.push(Math.log(to.latency_ms / from.latency_ms) / Math.log(to[axis] / from[axis]));
      }
    }
    return { axis, largest, mean: slopes.length > 0 ? slopes.reduce((a, b) => a + b) / slopes.length : null, low: Math.min(...slopes), high: Math.max(...slopes), pairs: slopes.length };
  }).filter((e) => e.largest !== null).sort((a, b) => b.largest - a.largest);
  if (effects.length > 0) {
    const elastic = effects.filter((e) => e.mean !== null);
    document.body.append(make("div", { class: "columns" },
      section("Which parameter moves the latency most?", "The largest against the smallest latency along the parameter, all others kept, at worst.",
        Npusim.chart("effects", 70 + 34 * effects.length, "Largest change of latency by parameter", () => ({ type: "bar",
          data: { labels: effects.map((e) => e.axis), datasets: [{ data: effects.map((e) => 100 * e.largest), backgroundColor: Npusim.hue(0) }] },
          options: { indexAxis: "y", scales: { x: { beginAtZero: true, title: { display: true, text: "% longer" } }, y: { ticks: { autoSkip: false } } }, plugins: { legend: { display: false } } } }))),
      elastic.length > 0 ? section("By how much?", "Elasticity: −1 means that twice the parameter halves the latency, 0 that nothing changes. Mean over neighbouring values, with the range.",
        Npusim.table("elasticity", [
          { title: "parameter", value: (e) => e.axis, text: true }, { title: "elasticity", value: (e) => e.mean, show: (e) => e.mean.toFixed(3) },
          { title: "lowest", value: (e) => e.low, show: (e) => e.low.toFixed(3) }, { title: "highest", value: (e) => e.high, show: (e) => e.high.toFixed(3) },
          { title: "pairs", value: (e) => e.pairs }], elastic).element) : null));
  }

  const shown = columns.filter((c) => axes.includes(c) || figures.includes(c) || c === "status" || c === "pareto");
  const search = make("input", { type: "search", placeholder: "chip, network, status", "aria-label": "search rows", id: "search" });
  const table = Npusim.table("rows", shown.map((c) => ({ title: c, value: (r) => r[c] ?? "", show: (r) => plain(r[c]), text: rows.some((r) => typeof r[c] === "string") })), rows);
  search.addEventListener("input", () => table.search(search.value));
  picked = (row) => table.select(row.index, true);
  document.body.append(section("All combinations", "Click a heading to sort.", make("div", { class: "bar" }, search), table.element));
  window.npusim = { page, axes, figures, effects };
  Npusim.finish(page);
})();
