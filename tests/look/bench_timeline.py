#!/usr/bin/env python3
"""How fast a page with a million spans opens and pans, in headless Chromium.

Usage: bench_timeline.py NPUSIM [SPANS] [SCREENSHOT]. A page of npusim run --html gets spans made here: ten
engines, back to back with waits of all reasons. Prints the milliseconds until the page has drawn and the frames
per second of pans and zooms by script.
"""

import base64
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import browser

STALLS = 6


def packed(count, seed, layers, opcodes):
    """(bytes, last cycle): `count` spans as sim/look/run_page.cpp packs them."""
    dice = random.Random(seed)
    out = bytearray()

    def put(value):
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)

    now = task = 0
    for i in range(count):
        wait = dice.randrange(0, 300) if dice.random() < 0.6 else 0
        length = dice.randrange(20, 400)
        mine = i * layers // count
        put(2 * wait)                       # start after the last end, zigzag
        put(length)
        put(wait)
        put(dice.randrange(STALLS))
        put(2 * (mine - task))
        put(dice.randrange(opcodes))
        put(dice.randrange(0, 5000) if seed % 2 else 0)
        now += wait + length
        task = mine
    return bytes(out), now


def page_of(npusim, spans, path):
    small = path + ".small"
    subprocess.run([npusim, "run", "--hw", "ascend310", "resnet8", "--html", small, "-o", os.devnull], check=True)
    html = open(small, encoding="utf-8").read()
    found = re.search(r'id="data">(.*?)</script>', html, re.S)
    data = json.loads(found.group(1))
    layers = len(data["report"]["layers"])
    engines, total = 10, 0
    data["spans"] = []
    for e in range(engines):
        raw, end = packed(spans // engines, e, layers, len(data["opcodes"]))
        total = max(total, end)
        data["spans"].append({"name": f"engine{e}", "count": spans // engines, "data": base64.b64encode(raw).decode()})
    scale = total / data["report"]["total_cycles"]
    data["report"]["total_cycles"] = total
    for layer in data["report"]["layers"]:
        for edge in ("start_cycle", "end_cycle", "cycles"):
            layer[edge] = round(layer[edge] * scale)
    text = json.dumps(data).replace("<", "\\u003c")
    with open(path, "w", encoding="utf-8") as file:
        file.write(html[:found.start(1)] + text + html[found.end(1):])
    return os.path.getsize(path)


# Each frame moves or zooms a little and waits for the next; the answer is what requestAnimationFrame allowed.
FRAMES = """
const [how, frames, done] = arguments;
const t = npusim.timeline, times = [];
if (how === "pan") t.show(0, t.total / 20); else t.all();
let i = 0;
function step(now) {
  times.push(now);
  if (i++ === frames) { const d = times.slice(1).map((x, k) => x - times[k]).sort((a, b) => a - b);
    return done([1000 * frames / (times[times.length - 1] - times[0]), d[Math.floor(d.length * 0.95)]]); }
  if (how === "pan") t.move(0.06); else if (how === "wide") t.show(t.total * 0.001 * i, t.total * (0.8 + 0.001 * i)); else t.zoom(0.93);
  requestAnimationFrame(step);
}
requestAnimationFrame(step);
"""
DRAW = "const t = npusim.timeline; t.all(); const from = performance.now(); for (let i = 0; i < 20; ++i) { t.view = {from: i, to: t.total}; t.draw(); } return (performance.now() - from) / 20;"


def main():
    npusim = sys.argv[1]
    spans = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "big.html")
        size = page_of(npusim, spans, path)
        with browser.Browser() as window:
            start = time.monotonic()
            window.open(path)
            window.run("return document.body.dataset.ready;")
            print(f"{spans:,} spans, {size / 1e6:.1f} MB: opened in {time.monotonic() - start:.2f} s; "
                  f"by the browser's clock {window.run('return performance.timing.loadEventEnd - performance.timing.navigationStart;')} ms")
            def busy():
                return next(m["value"] for m in window.devtools("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")

            window.devtools("Performance.enable", timeDomain="threadTicks")
            print(f"one drawing of everything: {window.run(DRAW):.1f} ms")
            for how, what in (("pan", "pans at 5 % of the run"), ("wide", "pans at 80 %"), ("zoom", "zooms from all to 0.1 %")):
                before = busy()
                rate, slow = window.command("POST", "/execute/async", {"script": FRAMES, "args": [how, 100]})
                print(f"{what}: {rate:.0f} frames/s, 95 % of frames within {slow:.0f} ms; "
                      f"{1000 * (busy() - before) / 100:.1f} ms of the page's processor time a frame")
            if len(sys.argv) > 3:
                window.run("npusim.timeline.all();")
                window.screenshot(sys.argv[3])
            print("console:", window.problems() or "clean")


if __name__ == "__main__":
    main()
