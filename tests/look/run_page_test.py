#!/usr/bin/env python3
"""npusim run --html in headless Chromium: numbers equal the JSON's; clicks, zoom, sort; no console errors.

Usage: run_page_test.py NPUSIM [FOLDER for screenshots]. Exit status 77: no Chromium or chromedriver here.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import browser


class RunPage(unittest.TestCase):
    npusim = ""
    shots = ""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.pages = {}
        for chip, network in (("ascend310", "resnet8"), ("edgetpu-coral-usb", "resnet8"), ("midap", "resnet8"),
                              ("vpu-meteorlake", "resnet8"), ("ascend310", "resnet50")):
            html = os.path.join(cls.folder.name, f"{chip}-{network}.html")
            run = subprocess.run([cls.npusim, "run", "--hw", chip, network, "--html", html, "--format", "json"],
                                 check=True, capture_output=True, text=True)
            cls.pages[chip, network] = html, json.loads(run.stdout)
        cls.browser = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.folder.cleanup()

    def show(self, chip, network):
        html, report = self.pages[chip, network]
        self.browser.open(html)
        self.assertEqual("yes", self.browser.run("return document.body.dataset.ready;"))
        return report

    def column(self, index):
        return self.browser.run(
            "return [...document.querySelectorAll('#layers tbody tr')].map((r) => r.cells[arguments[0]].textContent);", index)

    def view(self):
        return self.browser.run("return [npusim.timeline.view.from, npusim.timeline.view.to];")

    def test_numbers_equal_the_reports(self):
        for chip, network in self.pages:
            with self.subTest(chip=chip, network=network):
                report = self.show(chip, network)
                self.assertEqual([l["name"] for l in report["layers"]], self.column(1))
                self.assertEqual([f"{l['cycles']:,}" for l in report["layers"]], self.column(3))
                self.assertIn(f"{report['total_cycles']:,} cycles", self.browser.run("return document.querySelector('.tiles').textContent;"))
                # The packed spans give each engine's busy cycles again.
                busy = self.browser.run(
                    "return Object.fromEntries(npusim.timeline.engines.map((e) => [e.name, e.sums[0][e.count]]));")
                for engine in report["engines"]:
                    if engine["commands"] and engine["name"] in busy:
                        self.assertGreaterEqual(busy[engine["name"]], engine["busy_cycles"], engine["name"])
                bars = self.browser.run("return document.querySelector('#engines').chart.data.datasets.map((d) => d.data);")
                for i, engine in enumerate(report["engines"]):
                    self.assertAlmostEqual(100 * engine["busy_cycles"] / report["total_cycles"], bars[0][i])
                    self.assertAlmostEqual(100, sum(b[i] for b in bars))
                self.assertEqual([], self.browser.problems())

    def test_sorts_by_a_click_on_a_heading(self):
        report = self.show("ascend310", "resnet8")
        self.browser.click("#layers th:nth-child(4) button")
        cycles = sorted((l["cycles"] for l in report["layers"]), reverse=True)
        self.assertEqual([f"{c:,}" for c in cycles], self.column(3))
        self.browser.click("#layers th:nth-child(4) button")
        self.assertEqual([f"{c:,}" for c in reversed(cycles)], self.column(3))

    def test_searches(self):
        report = self.show("ascend310", "resnet8")
        self.browser.type("#search", "pool")
        self.assertEqual([l["name"] for l in report["layers"] if "pool" in (l["name"] + l["op"]).lower()], self.column(1))

    def test_a_layer_in_the_table_is_shown_in_the_timeline_with_its_program(self):
        report = self.show("ascend310", "resnet8")
        self.browser.click("#layers tbody tr:nth-child(3)")
        layer = report["layers"][2]
        start, end = self.view()
        self.assertLess(start, layer["start_cycle"])
        self.assertGreater(end, layer["end_cycle"])
        self.assertLess(end - start, 2 * layer["cycles"] + 100)
        program = self.browser.run("return document.querySelector('#program').textContent;")
        self.assertEqual(layer["name"], program.split(" op ")[0].removeprefix("task ").strip(chr(34)))

    def test_zooms_by_wheel_and_keys_and_names_what_is_under_the_mouse(self):
        report = self.show("ascend310", "resnet8")
        self.assertEqual([0, report["total_cycles"]], self.view())
        self.browser.wheel("#timeline", 600, 40, -300)
        start, end = self.view()
        self.assertLess(end - start, 0.5 * report["total_cycles"])
        self.browser.type("#timeline", "0")
        self.assertEqual([0, report["total_cycles"]], self.view())
        layer = report["layers"][4]
        x = self.browser.run("return npusim.timeline.x(arguments[0]);", (layer["start_cycle"] + layer["end_cycle"]) / 2)
        self.browser.move("#timeline", x, 35)
        self.assertIn(layer["name"], self.browser.run("return document.querySelector('.tip').textContent;"))

    def test_what_would_help_is_simulated(self):
        report = self.show("ascend310", "resnet8")
        rows = self.browser.run("return npusim.page.what_ifs;")
        launch = next(r for r in rows if r["label"] == "launches that cost nothing")
        again = subprocess.run([self.npusim, "run", "--hw", "ascend310", "resnet8", "--format", "json",
                                "--set", "launch.host_us=0", "--set", "launch.task_us=0"],
                               check=True, capture_output=True, text=True)
        self.assertEqual(json.loads(again.stdout)["total_cycles"], launch["cycles"])
        self.assertLess(launch["cycles"], report["total_cycles"])

    def test_a_page_is_one_small_file_without_network(self):
        html, _ = self.pages["ascend310", "resnet50"]
        self.assertLess(os.path.getsize(html), 5_000_000)
        self.show("ascend310", "resnet50")
        self.assertEqual(0, self.browser.run("return performance.getEntriesByType('resource').filter((r) => !r.name.startsWith('data:')).length;"))

    def test_screenshots(self):
        for chip, network in self.pages:
            self.show(chip, network)
            for theme in ("light", "dark"):
                self.browser.run("Npusim.setTheme(arguments[0]);", theme)
                height = self.browser.run("return document.documentElement.scrollHeight;")
                self.browser.command("POST", "/window/rect", {"width": 1400, "height": min(6000, height + 150)})
                path = os.path.join(self.shots or self.folder.name, f"{chip}-{network}-{theme}.png")
                self.browser.screenshot(path)
                self.assertGreater(os.path.getsize(path), 20_000)
            self.browser.command("POST", "/window/rect", {"width": 1400, "height": 1000})
        self.assertEqual([], self.browser.problems())


if __name__ == "__main__":
    if not browser.programs():
        print("no Chromium or chromedriver on this machine: skipped")
        sys.exit(77)
    RunPage.npusim = sys.argv.pop(1)
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        RunPage.shots = sys.argv.pop(1)
        os.makedirs(RunPage.shots, exist_ok=True)
    unittest.main()
