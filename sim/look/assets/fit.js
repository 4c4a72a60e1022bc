"use strict";
// The page of a fitted model.
(() => {
  const { make, section, plain, percent, si, grouped } = Npusim;
  const page = Npusim.data("data");
  const model = page.fit;
  const kinds = [["training", "learnt from"], ["cross_validation", "cross-validation"], ["held_out", "held out"]].filter(([k]) => model.errors[k]);
  const judge = model.errors.held_out ?? model.errors.cross_validation;

  document.body.append(Npusim.header(`Model ${model.model} of ${model.hw}`, `${model.dtype}, description ${model.hw_hash}, ${page.file}`, page),
    Npusim.tiles([[percent(judge.mape, 2), "mean error on networks not learnt from"], [percent(judge.worst), "the worst"], [judge.spearman.toFixed(4), "Spearman: does it rank networks?"],
      [`± ${percent(model.interval.relative, 2)}`, `${model.interval.exponent ? `at ${si(model.interval.reference_ns * 1e-9, "s")} ` : ""}holds ${percent(model.interval.coverage, 0)} of networks`], [grouped(model.data.networks), "networks learnt from"]]),
    section("How far are its predictions off?", `Fitted to ${model.data.source}.`, Npusim.table("errors", [
      { title: "networks", value: (e) => e.what, text: true }, { title: "how many", value: (e) => e.networks },
      { title: "mean error", value: (e) => e.mape, show: (e) => percent(e.mape, 2) }, { title: "worst", value: (e) => e.worst, show: (e) => percent(e.worst, 2) },
      { title: "RMSE", value: (e) => e.rmse_ns, show: (e) => si(e.rmse_ns * 1e-9, "s") }, { title: "within 5 %", value: (e) => e.within_5_percent, show: (e) => percent(e.within_5_percent) },
      { title: "within 10 %", value: (e) => e.within_10_percent, show: (e) => percent(e.within_10_percent) }, { title: "R²", value: (e) => e.r2, show: (e) => e.r2.toFixed(4) },
      { title: "Spearman", value: (e) => e.spearman, show: (e) => e.spearman.toFixed(4) }, { title: "Kendall", value: (e) => e.kendall, show: (e) => e.kendall.toFixed(4) },
    ], kinds.map(([k, what]) => ({ what, ...model.errors[k] }))).element));

  // Predicted against simulated, where the file has them.
  const judged = Object.entries(model.judged ?? {}).flatMap(([how, j]) => j.simulated_ns.map((ns, i) => ({ how, number: i + 1, simulated_ns: ns, predicted_ns: j.predicted_ns[i] })));
  if (judged.length > 0) {
    const groups = kinds.filter(([k]) => judged.some((j) => j.how === k));
    const say = (j) => `network ${j.number}: simulated ${si(j.simulated_ns * 1e-9, "s")}, predicted ${si(j.predicted_ns * 1e-9, "s")} (${(100 * (j.predicted_ns / j.simulated_ns - 1)).toFixed(2)} %)`;
    const low = Math.min(...judged.map((j) => j.simulated_ns)) / 1e6, high = Math.max(...judged.map((j) => j.simulated_ns)) / 1e6;
    const line = (label, f, dash) => ({ label, line: true, dots: false, dash, colour: "soft", points: [low, high].map((x) => ({ x, y: f(x) })) });
    // The interval's width is a power of the prediction, held beyond what the fit has seen.
    const { relative, exponent = 0, reference_ns = 1, from_ns = 0, to_ns = Infinity } = model.interval;
    const band = (ms) => 100 * relative * (Math.min(Math.max(ms * 1e6, from_ns), to_ns) / reference_ns) ** exponent;
    const curve = (label, sign) => ({ ...line(label, () => 0, [5, 4]), points: [...Array(33).keys()].map((i) => low * (high / low) ** (i / 32)).map((x) => ({ x, y: sign * band(x) })) });
    document.body.append(make("div", { class: "columns" },
      section("Does it predict what was simulated?", "On the line it does. Networks that it has not learnt from.",
        Npusim.scatter("parity", 380, "Predicted against simulated latency", [...groups.map(([k, what]) => ({ label: what, points: judged.filter((j) => j.how === k).map((j) => ({ x: j.simulated_ns / 1e6, y: j.predicted_ns / 1e6, row: j })) })),
          line("equal", (x) => x)], { x: "simulated ms", y: "predicted ms" }, say)),
      section("Where is it off?", `Error by latency; the dashed lines hold ${percent(model.interval.coverage, 0)} of networks.`,
        Npusim.scatter("residuals", 380, "Relative error against simulated latency", [...groups.map(([k, what]) => ({ label: what, points: judged.filter((j) => j.how === k).map((j) => ({ x: j.simulated_ns / 1e6, y: 100 * (j.predicted_ns / j.simulated_ns - 1), row: j })) })),
          curve("interval", 1), curve("interval, below", -1)], { x: "simulated ms", y: "error in %" }, say))));
  }
  if (model.learning?.length > 1) {
    document.body.append(section("Would more simulations help?", "Error on the same unseen networks after learning from fewer. Flat at the right: no.",
      Npusim.scatter("learning", 300, "Learning curve", [["mape", "mean error"], ["worst", "worst error"]].map(([k, what]) => ({ label: what, line: true, points: model.learning.map((s) => ({ x: s.networks, y: 100 * s.errors[k] })) })),
        { x: "networks learnt from", y: "error in %", logX: true, logY: true }, plain)));
  }
  if (judged.length === 0) document.body.append(make("p", { class: "soft", id: "without" }, "The file has the errors' figures but no predictions by network; models of this npusim's fit have both."));
  document.body.append(section("What is in the model?", null, make("p", { class: "soft" }, `Features: ${model.features.join(", ") || "all that vary"}.`),
    make("details", {}, make("summary", {}, "Parameters"), make("pre", { tabIndex: 0 }, JSON.stringify(model.parameters, null, 1)))));
  window.npusim = { page };
  Npusim.finish(page);
})();
