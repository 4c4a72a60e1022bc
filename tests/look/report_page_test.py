#!/usr/bin/env python3
"""npusim report in headless Chromium: runs side by side, a sweep, a table, a fitted model, a search.

Usage: report_page_test.py NPUSIM [FOLDER for screenshots]. Exit status 77: no Chromium or chromedriver here.
"""

import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import browser


def made_model():
    """A model file as nas/fit writes it, with predictions by network and a learning curve."""
    def errors(n, mape):
        return {"networks": n, "r2": 0.998, "mape": mape, "rmse_ns": 23000.0, "worst": 4 * mape, "within_5_percent": 0.97,
                "within_10_percent": 1.0, "spearman": 0.9981, "kendall": 0.97}
    simulated = [1_000_000 + 7_000 * i for i in range(150)]
    judged = {how: {"simulated_ns": simulated, "predicted_ns": [round(ns * (1 + share * ((i * 37 % 149) / 74 - 1))) for i, ns in enumerate(simulated)]}
              for how, share in (("cross_validation", 0.02), ("held_out", 0.025))}
    return {"schema": "npusim.model/1", "model": "apm", "hw": "ascend310", "hw_hash": "0123456789abcdef", "dtype": "fp16", "ns_per_cycle": 1.47,
            "data": {"hash": "00", "source": "proxyless, 300 networks, seed 1", "networks": 150}, "features": ["m", "v", "d"],
            "errors": {"training": errors(150, 0.009), "cross_validation": errors(150, 0.012), "held_out": errors(150, 0.013)},
            "interval": {"coverage": 0.9, "relative": 0.021, "held_out_coverage": 0.91}, "domain": {}, "parameters": {"kinds": {"conv": {"launch": 6800}}},
            "judged": judged, "learning": [{"networks": n, "errors": errors(150, 0.3 / n ** 0.6)} for n in (15, 30, 60, 120)]}


def made_search():
    """(search.json, evaluated.csv) as nas/search writes them: a score and a latency, some beyond a limit, one failed."""
    seen = [{"network": f"toy:{i}", "score": 60 + 15 * (1 - 1 / (1 + i % 20)) - (i * 7 % 5), "latency": 1 + 0.2 * (i % 20) + 0.05 * (i * 11 % 7),
             "violation": 0.1 if i % 9 == 0 else 0} for i in range(200)]
    good = [s for s in seen if s["violation"] == 0]

    def beats(a, b):
        return a["score"] >= b["score"] and a["latency"] <= b["latency"] and (a["score"], a["latency"]) != (b["score"], b["latency"])
    front = [s for s in good if not any(beats(o, s) for o in good)]
    table = "network,zen,latency_ms.midap,cycles.midap,dram_bytes.midap,simulated.midap,macs,params,violation,failure\n"
    table += "".join(f"{s['network']},{s['score']},{s['latency']},1000,5000,1,77,55,{s['violation']},\n" for s in seen)
    table += "toy:x,,0,0,0,0,0,0,0,\"refused, all of it\"\n"
    return {"schema": "npusim.search/1", "space": "toy", "evaluator": "zen", "measure": "Zen score", "strategy": "nsga2", "seed": 1, "budget": 201,
            "chips": [{"name": "midap", "hw_hash": "0", "dtype": "int8"}], "objectives": ["score", "latency_ms"], "evaluated": 201, "predicted": 0, "failed": 1,
            "history": [{"evaluated": 10 * n, "front": n, "hypervolume": 100 * (1 - 0.8 ** n)} for n in range(1, 21)],
            "front": [{"rank": r + 1, "network": s["network"], "score": s["score"], "macs": 77, "params": 55,
                       "chips": {"midap": {"latency_ms": s["latency"], "simulated": True}}} for r, s in enumerate(front)]}, table


class ReportPages(unittest.TestCase):
    npusim = ""
    shots = ""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.browser = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.temporary.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *words):
        return subprocess.run([self.npusim, *words], check=True, capture_output=True, text=True).stdout

    def write(self, name, data):
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump(data, file)
        return self.path(name)

    def page(self, name, *files):
        """Opens the page of these files, looks at it in both themes, and checks that nothing complains."""
        html = self.path(name + ".html")
        self.call("report", *files, "-o", html)
        self.browser.open(html)
        self.assertEqual([], self.browser.problems())
        self.assertEqual("yes", self.browser.run("return document.body.dataset.ready;"))
        for theme in ("light", "dark"):
            self.browser.run("Npusim.setTheme(arguments[0]);", theme)
            height = self.browser.run("return document.documentElement.scrollHeight;")
            self.browser.command("POST", "/window/rect", {"width": 1400, "height": min(6000, height + 150)})
            if self.shots:
                self.browser.screenshot(os.path.join(self.shots, f"report-{name}-{theme}.png"))
        self.browser.command("POST", "/window/rect", {"width": 1400, "height": 1000})
        self.assertEqual([], self.browser.problems())
        self.assertEqual(0, self.browser.run("return performance.getEntriesByType('resource').filter((r) => !r.name.startsWith('data:')).length;"))

    def column(self, table, index):
        return self.browser.run("return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map((r) => r.cells[arguments[1]].textContent);", table, index)

    def run_of(self, name, *words):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(self.call("run", "--format", "json", *words))
        return self.path(name)

    def test_two_versions_of_a_chip_side_by_side(self):
        a = self.run_of("a.json", "--hw", "ascend310", "resnet8")
        b = self.run_of("b.json", "--hw", "ascend310", "resnet8", "--set", "dram.channels=1")
        self.page("versions", a, b)
        first, second = json.loads(pathlib.Path(a).read_text(encoding="utf-8")), json.loads(pathlib.Path(b).read_text(encoding="utf-8"))
        self.assertEqual([l["name"] for l in first["layers"]], self.column("layers", 1))
        bars = self.browser.run("return document.querySelector('#causes').chart.data.datasets[0].data;")
        self.assertAlmostEqual(second["latency_ms"] - first["latency_ms"], sum(bars), places=9)
        spent = self.browser.run("return document.querySelector('#spent').chart.data.datasets.map((d) => d.data);")
        for i, run in enumerate((first, second)):
            self.assertAlmostEqual(run["latency_ms"], sum(s[i] for s in spent), places=9)
        self.assertEqual(["dram.channels"], self.browser.run("return [...document.querySelectorAll('#keys tbody th')].map((h) => h.textContent);"))
        changes = self.browser.run("return npusim.rows.map((r) => r.times[1] - r.times[0]);")
        self.browser.click("#layers th:nth-child(6) button")
        order = self.browser.run("return [...document.querySelectorAll('#layers tbody tr')].map((r) => +r.cells[0].textContent - 1);")
        self.assertEqual([changes[i] for i in order], sorted(changes, reverse=True))

    def test_three_chips_and_two_networks(self):
        runs = [self.run_of(f"{chip}.json", "--hw", chip, "resnet8") for chip in ("ascend310", "midap", "edgetpu-coral-usb")]
        self.page("chips", *runs)
        latencies = [json.loads(pathlib.Path(r).read_text(encoding="utf-8"))["latency_ms"] for r in runs]
        bars = self.browser.run("return document.querySelector('#causes').chart.data.datasets.map((d) => d.data);")
        for i in (1, 2):
            self.assertAlmostEqual(latencies[i] - latencies[0], sum(bars[i - 1]), places=6)
        other = self.run_of("other.json", "--hw", "midap", "mobilenet_v2")
        self.page("networks", runs[1], other)

    def test_a_sweep_as_csv_and_json(self):
        words = ["sweep", "--hw", "ascend310", "resnet8", "--set", "dram.channels=1,2,4,8", "--set", "cube.m=8,16,32", "--no-store", "-j", "1"]
        self.call(*words, "-o", self.path("sweep.csv"))
        rows = list(csv.DictReader(io.StringIO(pathlib.Path(self.path("sweep.csv")).read_text(encoding="utf-8"))))
        good = [r for r in rows if r["status"] == "ok"]
        self.page("sweep", self.path("sweep.csv"))
        cells = self.browser.run("return [...document.querySelectorAll('#heat tbody td')].map((c) => c.title);")
        self.assertEqual(len(cells), 12)
        for row in good:
            self.assertTrue(any(f"{float(row['latency_ms']):.4g}" in c or row["latency_ms"] in c for c in cells), row["latency_ms"])
        # The front of the chart is the front by definition.
        front = self.browser.run("return document.querySelector('#pareto').chart.data.datasets[1].data.map((p) => [p.x, p.y]);")
        points = [(float(r["area_proxy"]), float(r["latency_ms"])) for r in good]
        best = {p for p in points if not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points)}
        self.assertEqual(best, {tuple(p) for p in front})
        self.browser.run("document.querySelector('#heat-value').value = 'row_hit_rate'; document.querySelector('#heat-value').dispatchEvent(new Event('change'));")
        self.assertIn("row_hit_rate", self.browser.run("return document.querySelector('#heat caption').textContent;"))
        # The same as JSON.
        json_rows = [{k: (float(v) if v.replace(".", "", 1).isdigit() else v or None) for k, v in r.items()} for r in rows]
        self.page("sweep-json", self.write("sweep.json", {"schema": "npusim.sweep/1", "rows": json_rows}))
        self.assertEqual(len(rows), len(self.column("rows", 0)))

    def test_a_sweep_of_chips_with_other_keys(self):
        lines = ["hw,network,dram.channels,cims,cycles,latency_ms,area_proxy,batch,dtype,status"]
        for chip, channels in (("ascend310", True), ("midap", False)):
            for network, base in (("resnet50", 5), ("mobilenet_v2", 1)):
                for value in (1, 2, 4, 8):
                    keys = f"{value}," if channels else f",{value}"
                    result = f"{int(base * 1e6 * (1 + 2 / value))},{base * (1 + 2 / value)},{50 + 3 * value},1,int8,ok" if channels or value > 1 else ',,,,,"invalid: cims"'
                    lines.append(f"{chip},{network},{keys},{result}")
        pathlib.Path(self.path("mixed.csv")).write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.page("sweep-mixed", self.path("mixed.csv"))
        self.assertEqual(["hw", "network", "dram.channels", "cims"], self.browser.run("return npusim.axes;"))
        # Keys of different chips make no heat map; a key and a network or chip do.
        filled = self.browser.run("return [...document.querySelectorAll('#heat tbody td')].filter((c) => c.textContent !== '–').length;")
        self.assertGreaterEqual(filled, 4)
        effects = self.browser.run("return npusim.effects.map((e) => [e.axis, e.largest]);")
        self.assertEqual(["cims", "dram.channels"], sorted(axis for axis, _ in effects))
        self.assertAlmostEqual(3 / 1.25 - 1, dict(effects)["dram.channels"])

    def test_a_table(self):
        with open(self.path("blocks.yaml"), "w", encoding="utf-8") as file:
            file.write("blocks:\n  - {kind: mbconv, kernel: [3, 5, 7], expansion: [3, 6], stride: 1, in: 24, out: 24, size: 14}\n"
                       "  - {kind: conv, kernel: 3, stride: 2, in: 3, out: 32, size: 64}\n  - {kind: dense, in: 128, out: 100}\n")
        for form in ("csv", "json"):
            self.call("table", "--hw", "ascend310", "--blocks", self.path("blocks.yaml"), "--context", "isolated,stacked", "--format", form,
                      "--no-store", "-j", "1", "-o", self.path("lut." + form))
            self.page("table-" + form, self.path("lut." + form))
            data = json.loads(pathlib.Path(self.path("lut.json")).read_text(encoding="utf-8")) if form == "json" else None
            self.assertEqual(16, len(self.column("rows", 0)))
            if data:
                self.assertEqual([r["block"] for r in data["rows"]], self.column("rows", 0))

    def test_a_model(self):
        model = made_model()
        self.page("fit", self.write("apm.yaml", model))
        points = self.browser.run("return document.querySelector('#parity').chart.data.datasets[0].data.map((p) => [p.x, p.y]);")
        judged = model["judged"]["cross_validation"]
        self.assertEqual([[s / 1e6, p / 1e6] for s, p in zip(judged["simulated_ns"], judged["predicted_ns"])], points)
        self.assertEqual([n["networks"] for n in model["learning"]], self.browser.run("return document.querySelector('#learning').chart.data.datasets[0].data.map((p) => p.x);"))
        del model["judged"], model["learning"]
        self.page("fit-without", self.write("bare.yaml", model))
        self.assertTrue(self.browser.run("return document.querySelector('#parity') === null && document.querySelector('#without') !== null;"))

    def test_a_search(self):
        search, table = made_search()
        self.write("search.json", search)
        pathlib.Path(self.path("evaluated.csv")).write_text(table, encoding="utf-8")
        self.page("search", self.folder)
        self.assertEqual([f["network"] for f in search["front"]], self.column("networks", 0))
        self.assertEqual([h["hypervolume"] for h in search["history"]], self.browser.run("return document.querySelector('#hypervolume').chart.data.datasets[0].data.map((p) => p.y);"))
        sets = self.browser.run("return document.querySelector('#front').chart.data.datasets.map((d) => [d.label, d.data.length]);")
        self.assertEqual([["evaluated", 177], ["beyond a limit", 23], ["the front", len(search["front"])]], sets)
        line = self.browser.run("return document.querySelector('#front').chart.data.datasets[2].data.map((p) => [p.x, p.y]);")
        self.assertEqual(sorted([f["chips"]["midap"]["latency_ms"], f["score"]] for f in search["front"]), line)

    def test_what_is_none_of_these_is_refused(self):
        def refused(*files):
            run = subprocess.run([self.npusim, "report", *files], capture_output=True, text=True, check=False)
            self.assertEqual(1, run.returncode)
            return run.stderr
        for text in ("", "a,b\n1,2\n", "{}", '{"schema": "npusim.diff/1"}', "[1]"):
            with open(self.path("bad"), "w", encoding="utf-8") as file:
                file.write(text)
            message = refused(self.path("bad"))
            self.assertIn(self.path("bad"), message)
            self.assertIn("npusim run --format json, sweep, table, fit or search", message)
        self.assertIn("No such file", refused(self.path("none")))
        with open(self.path("bad"), "w", encoding="utf-8") as file:
            file.write("hw,network,latency_ms,status\nascend310,resnet8,1\n")
        self.assertIn("row 2: 3 cells, expected 4", refused(self.path("bad")))
        search = self.write("s.json", made_search()[0])
        self.assertIn("expected several runs, or one other file", refused(search, search))
        self.assertIn("the field front is missing", refused(self.write("t.json", {k: v for k, v in made_search()[0].items() if k != "front"})))


if __name__ == "__main__":
    if not browser.programs():
        print("no Chromium or chromedriver on this machine: skipped")
        sys.exit(77)
    ReportPages.npusim = sys.argv.pop(1)
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        ReportPages.shots = sys.argv.pop(1)
        os.makedirs(ReportPages.shots, exist_ok=True)
    unittest.main()
