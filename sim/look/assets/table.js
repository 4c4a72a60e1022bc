"use strict";
// The page of a latency table.
(() => {
  const { make, section, plain, isNumber, distinct, percent, si, grouped, STALLS } = Npusim;
  const page = Npusim.data("data");
  const rows = page.rows.map((r, index) => ({ ...r, index }));
  const meta = (name) => page[name] ?? rows[0][name] ?? "";
  const good = rows.filter((r) => isNumber(r.latency_ms));
  const contexts = distinct(rows.map((r) => r.context));
  const kinds = distinct(good.map((r) => r.kind));

  document.body.append(Npusim.header(`Latencies of ${meta("space") || "blocks"} on ${meta("hw")}`, `${meta("dtype")}, batch ${meta("batch")}, description ${meta("hw_hash")}, ${page.file}`, page),
    Npusim.tiles([[grouped(distinct(rows.map((r) => r.block)).length), "blocks"], [grouped(good.length), "measured rows"],
      rows.length > good.length && [grouped(rows.length - good.length), "refused by the chip"],
      isNumber(meta("fixed_cycles")) && [`${plain(meta("fixed_cycles") / meta("clock_mhz") / 1e3)} ms`, "of every network besides its blocks"]]));

  let picked = () => {};
  const say = (r) => `${r.block}, ${r.context}: ${plain(r.latency_ms)} ms, ${si(r.macs, "MACs")}`;
  const points = (list, x, y) => list.filter((r) => r[x] > 0 && r[y] > 0).map((r) => ({ x: r[x], y: r[y], row: r }));
  document.body.append(section("Which blocks are slow for their MACs?", "Blocks of equal speed lie on one diagonal; the higher above the others, the worse. Click a block for its row.",
    Npusim.scatter("speed", 400, "Latency against MACs", kinds.map((k) => ({ label: String(k), points: points(good.filter((r) => r.kind === k && r.context === contexts[0]), "macs", "latency_ms") })),
      { x: `MACs (${contexts[0]})`, y: "ms", logX: true, logY: true }, say, (r) => picked(r))));

  // One context against another.
  if (contexts.length > 1) {
    const reference = new Map(good.filter((r) => r.context === contexts[contexts.length - 1]).map((r) => [r.block, r]));
    const last = contexts[contexts.length - 1];
    const sets = contexts.slice(0, -1).map((c) => ({ label: `${c} / ${last}`, points: good.filter((r) => r.context === c && reference.get(r.block)?.latency_ms > 0)
      .map((r) => ({ x: reference.get(r.block).latency_ms, y: r.latency_ms / reference.get(r.block).latency_ms, row: r })) }));
    document.body.append(section("How much does it matter what a block is measured in?", `Ratio of the latency to that of context ${last}; at 1 both agree.`,
      Npusim.scatter("contexts", 320, "Ratio of latencies", sets, { x: `ms (${last})`, y: "ratio", logX: true }, say, (r) => picked(r))));
  }

  // Sums against whole networks.
  const errorOf = (c) => {
    const json = page.errors?.[c], row = rows.find((r) => r.context === c);
    const get = (name) => json?.[`error_${name}`] ?? json?.[name] ?? row?.[`error_${name}`];
    return { context: c, networks: get("networks"), mape: get("mape_percent"), worst: get("worst_percent"), bias: get("bias_percent"), spearman: get("spearman") };
  };
  const errors = contexts.map(errorOf).filter((e) => e.networks > 0);
  if (errors.length > 0) {
    document.body.append(section("May sums of these rows stand for simulations?", "Sums of rows against whole networks, simulated.",
      Npusim.table("errors", [{ title: "context", value: (e) => e.context, text: true }, { title: "networks", value: (e) => e.networks },
        { title: "mean error", value: (e) => e.mape, show: (e) => `${e.mape.toFixed(3)} %` }, { title: "worst", value: (e) => e.worst, show: (e) => `${e.worst.toFixed(3)} %` },
        { title: "bias", value: (e) => e.bias, show: (e) => `${e.bias.toFixed(3)} %` }, { title: "Spearman", value: (e) => e.spearman, show: (e) => e.spearman.toFixed(4) }], errors).element));
  }

  const states = (r) => [["busy", r.busy_cycles ?? 0], ...STALLS.map((s) => [s, r[`stall_${s}`] ?? 0])];
  const search = make("input", { type: "search", placeholder: "block, kind, context", "aria-label": "search rows", id: "search" });
  const table = Npusim.table("rows", [
    { title: "block", value: (r) => r.block, text: true }, { title: "context", value: (r) => r.context, text: true }, { title: "kind", value: (r) => r.kind, text: true },
    { title: "input", value: (r) => r.input, text: true }, { title: "output", value: (r) => r.output, text: true },
    { title: "cycles", value: (r) => r.cycles ?? -1, show: (r) => plain(r.cycles) }, { title: "ms", value: (r) => r.latency_ms ?? -1, show: (r) => plain(r.latency_ms) },
    { title: "MACs", value: (r) => r.macs, show: (r) => si(r.macs, "") },
    { title: "MACs a cycle", value: (r) => (r.cycles > 0 ? r.macs / r.cycles : 0), show: (r) => (r.cycles > 0 ? plain(r.macs / r.cycles) : "–") },
    { title: "DRAM", value: (r) => (r.dram_read_bytes ?? 0) + (r.dram_write_bytes ?? 0), show: (r) => si((r.dram_read_bytes ?? 0) + (r.dram_write_bytes ?? 0), "B") },
    { title: "its engines' time", value: (r) => r.busy_cycles ?? 0, show: (r) => (isNumber(r.cycles) ? Npusim.split(states(r)) : "–") },
    { title: "status", value: (r) => r.status ?? "ok", text: true },
  ], rows);
  search.addEventListener("input", () => table.search(search.value));
  picked = (row) => table.select(row.index, true);
  document.body.append(section("All rows", "Click a heading to sort.", make("div", { class: "bar" }, search), table.element));
  window.npusim = { page, rows, errors };
  Npusim.finish(page);
})();
