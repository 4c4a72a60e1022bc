"use strict";
// The page of a search.
(() => {
  const { make, section, plain, isNumber, grouped, choice } = Npusim;
  const page = Npusim.data("data");
  const search = page.search;
  const names = search.objectives;
  const sense = (name) => (name === "score" ? -1 : 1);  // all others are to be small
  const chips = search.chips.map((c) => c.name);
  /** An objective of a network, from front's entries (by chip) or evaluated.csv's rows; over chips the worst. */
  function value(one, name) {
    if (name === "score") return one.score ?? one[search.evaluator] ?? null;
    if (name in one) return one[name];
    const [kind, chip] = [name.replace(/\..*$/, ""), name.includes(".") ? name.slice(name.indexOf(".") + 1) : null];
    const field = kind === "dram_mb" ? "dram_bytes" : kind;
    const all = (chip ? [chip] : chips).map((c) => one.chips?.[c]?.[field] ?? one[`${field}.${c}`]).filter(isNumber);
    return all.length === 0 ? null : Math.max(...all) / (kind === "dram_mb" ? 1e6 : 1);
  }
  const flat = (list) => list.map((one, index) => ({ ...Object.fromEntries(names.map((n) => [n, value(one, n)])), encoding: one.network,
    feasible: !(one.violation > 0), failed: Boolean(one.failure), index }));
  const evaluated = flat(page.evaluated ?? []).filter((r) => !r.failed), front = flat(search.front);
  const history = search.history.map((h) => ({ evaluations: h.evaluated, ...h })).filter((h) => isNumber(h.hypervolume));

  document.body.append(Npusim.header(`Search of ${search.space} on ${chips.join(", ")}`, `${search.strategy}, score: ${search.measure}, seed ${search.seed}, ${page.file}`, page),
    Npusim.tiles([[grouped(search.evaluated), "evaluations"], search.predicted > 0 && [grouped(search.predicted), "of them predicted, not simulated"], search.failed > 0 && [grouped(search.failed), "failed"], [grouped(front.length), "networks on the front"],
      ...(front.length > 0 ? names.map((n) => [plain(front.reduce((a, b) => (sense(n) * b[n] < sense(n) * a[n] ? b : a))[n]), `best ${n}`]) : [])]));

  let picked = () => {};
  const say = (r) => `${r.encoding}: ${names.map((n) => `${n} ${plain(r[n])}`).join(", ")}`;
  if (names.length > 1) {
    const place = make("div");
    const state = { x: names.find((n) => /latency|ms$|cycles/i.test(n)) ?? names[0], y: "" };
    state.y = names.find((n) => n !== state.x);
    const points = (list) => list.filter((r) => isNumber(r[state.x]) && isNumber(r[state.y])).map((r) => ({ x: r[state.x], y: r[state.y], row: r }));
    const fill = () => place.replaceChildren(Npusim.scatter("front", 420, `${state.y} against ${state.x}`, [
      { label: "evaluated", points: points(evaluated.filter((r) => r.feasible)), colour: "soft" },
      ...(evaluated.some((r) => !r.feasible) ? [{ label: "beyond a limit", points: points(evaluated.filter((r) => !r.feasible)), hollow: true, colour: "dram" }] : []),
      { label: "the front", points: points(names.length === 2 ? [...front].sort((a, b) => a[state.x] - b[state.x]) : front), line: names.length === 2, colour: "busy" },
    ], { x: state.x, y: state.y }, say, (r) => picked(r)));
    fill();
    document.body.append(section("What can be had for what?", "Every network evaluated; those on the front are beaten by no other in all objectives.",
      names.length > 2 ? make("div", { class: "bar" }, ...[choice("front-x", "across", names, state.x, (v) => { state.x = v; fill(); }), choice("front-y", "up", names, state.y, (v) => { state.y = v; fill(); })].map((c) => c.element)) : null, place));
  }
  if (history.length > 1) {
    document.body.append(section("Was it worth searching on?", "The space of objectives that the front dominates (hypervolume), over the evaluations. Flat at the right: hardly.",
      Npusim.scatter("hypervolume", 300, "Hypervolume over evaluations", [{ label: "hypervolume", line: true, stepped: "before", dots: history.length < 60, points: history.map((h) => ({ x: h.evaluations, y: h.hypervolume })) }],
        { x: "evaluations", y: "hypervolume" }, plain)));
  }
  const find = make("input", { type: "search", placeholder: "encoding", "aria-label": "search networks", id: "search" });
  const table = Npusim.table("networks", [{ title: "network", value: (r) => r.encoding, text: true },
    ...names.map((n) => ({ title: n, value: (r) => r[n] ?? "", show: (r) => plain(r[n]) }))], front);
  find.addEventListener("input", () => table.search(find.value));
  picked = (row) => { const at = front.findIndex((r) => r.encoding === row.encoding); if (at >= 0) table.select(at, true); };
  document.body.append(section("The networks on the front", "Click a heading to sort.", make("div", { class: "bar" }, find), table.element));
  window.npusim = { page, front, evaluated };
  Npusim.finish(page);
})();
