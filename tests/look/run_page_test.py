#!/usr/bin/env python3
"""npusim run --html in headless Chromium: numbers equal the JSON's; clicks, zoom, sort; no console errors.

Usage: run_page_test.py NPUSIM [FOLDER for screenshots]. Exit status 77: no Chromium or chromedriver here.
"""

import base64
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
                    "return Object.fromEntries(npusim.timeline.engines.map((e) => [e.name, e.whole(0)]));")
                launch = self.browser.run(
                    "return Object.fromEntries(npusim.timeline.engines.map((e) => [e.name, e.whole(1 + Npusim.STALLS.indexOf('launch'))]));")
                for engine in report["engines"]:
                    if engine["commands"] and engine["name"] in busy:
                        self.assertGreaterEqual(busy[engine["name"]], engine["busy_cycles"], engine["name"])
                        self.assertEqual(engine["stalls"]["launch"], launch[engine["name"]], engine["name"])
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

    def test_the_launch_at_the_start_is_shown_as_one(self):
        report = self.show("edgetpu-coral-usb", "resnet8")
        middle = report["layers"][0]["engines"][0]["stalls"]["launch"] / 2
        self.assertGreater(middle, 1000)
        x = self.browser.run("return npusim.timeline.x(arguments[0]);", middle)
        self.browser.move("#timeline", x, 24 + 22 * 1.5)
        self.assertIn("launch of a task", self.browser.run("return document.querySelector('.tip').textContent;"))

    def test_keys_alone_reach_and_work_everything(self):
        self.show("ascend310", "resnet8")
        reached = []
        for _ in range(25):
            self.press("\ue004")
            reached.append(self.browser.run("const e = document.activeElement, s = getComputedStyle(e); return [e.id || e.tagName, s.outlineStyle !== 'none' || e.tagName === 'SUMMARY'];"))
        names = [name for name, _ in reached]
        order = [names.index(n) for n in ("theme", "timeline", "search", "TR", "SUMMARY")]
        self.assertEqual(sorted(order), order)
        self.assertTrue(all(visible for name, visible in reached if name != "BODY"), reached)
        self.assertEqual(1, names[:names.index("SUMMARY")].count("TR"))
        # Sorts by Enter on a heading; selects a layer with Enter on its row, the next one with an arrow.
        self.browser.run("document.querySelector('#layers th:nth-child(4) button').focus();")
        self.press("\ue007")
        self.assertEqual("descending", self.browser.run("return document.querySelector('#layers th:nth-child(4)').getAttribute('aria-sort');"))
        self.browser.run("document.querySelector('#layers tbody tr').focus();")
        self.press("\ue015")
        self.press("\ue007")
        self.assertTrue(self.browser.run("return document.querySelector('#layers tbody tr:nth-child(2)').getAttribute('aria-selected') === 'true';"))
        before = self.view()
        self.browser.run("document.querySelector('#timeline').focus();")
        self.press("-")
        self.assertGreater(self.view()[1] - self.view()[0], before[1] - before[0])

    def press(self, key):
        self.browser.command("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def test_prints_every_layer_and_no_buttons(self):
        report = self.show("ascend310", "resnet8")
        self.browser.run("Npusim.setTheme('dark');")
        pdf = base64.b64decode(self.browser.devtools("Page.printToPDF", printBackground=True)["data"])
        self.assertTrue(pdf.startswith(b"%PDF"))
        with open(os.path.join(self.shots or self.folder.name, "print.pdf"), "wb") as file:
            file.write(pdf)
        self.browser.devtools("Emulation.setEmulatedMedia", media="print")
        hidden = self.browser.run("return [...document.querySelectorAll('.bar button, #theme, #search')].every((e) => getComputedStyle(e).display === 'none');")
        rows = self.browser.run("const b = document.querySelector('#layers').parentElement; return [b.scrollHeight <= b.clientHeight + 1, document.querySelectorAll('#layers tbody tr').length];")
        self.browser.devtools("Emulation.setEmulatedMedia", media="")
        self.assertTrue(hidden)
        self.assertEqual([True, len(report["layers"])], rows)

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
