#!/usr/bin/env python3
"""Compares npusim's Ascend 310 with measured latencies and prints a Markdown table.

    scripts/calibrate_ascend310.py [--npusim build/release/bin/npusim] [--max-batch N] [-j 2] [--set key=value]...

Rows: tests/data/reference/ascend310_measured.csv. The table of docs/calibration/ascend310.md is this output.
"""
import argparse
import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "tests/data/reference/ascend310_measured.csv"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npusim", default=str(ROOT / "build/release/bin/npusim"), help="the binary to run")
    parser.add_argument("--max-batch", type=int, default=1 << 30, help="leave out rows of larger batches")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="simulations at a time")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to npusim")
    return parser.parse_args()


def simulate(options, network, batch):
    """Milliseconds of one batch."""
    command = [options.npusim, "run", "--hw", "ascend310", network, "--batch", str(batch), "--format", "json"]
    for assignment in options.set:
        command += ["--set", assignment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)["latency_ms"]


def ranks(values):
    """Ranks from 1, ties at their mean."""
    ordered = sorted(values)
    return [ordered.index(v) + (ordered.count(v) + 1) / 2 for v in values]


def correlation(x, y):
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    spread = sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)
    return covariance / spread**0.5


def summary(title, measured, simulated):
    errors = [(s - m) / m for m, s in zip(measured, simulated)]
    mape = 100 * sum(abs(e) for e in errors) / len(errors)
    bias = 100 * sum(errors) / len(errors)
    worst = 100 * max(errors, key=abs)
    spearman = correlation(ranks(measured), ranks(simulated))
    print(f"| {title} | {len(errors)} | {mape:.1f} % | {bias:+.1f} % | {worst:+.1f} % | {spearman:.4f} |")


def main():
    options = arguments()
    with open(ROWS, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["batch"]) <= options.max_batch]
    runs = sorted({(row["zoo"], int(row["batch"])) for row in rows})
    with ThreadPoolExecutor(options.jobs) as pool:
        results = dict(zip(runs, pool.map(lambda run: simulate(options, *run), runs)))
    print("| network | batch | measured ms | simulated ms | error |")
    print("|---|---:|---:|---:|---:|")
    measured, simulated = [], []
    for row in rows:
        m = float(row["latency_ms"])
        s = results[row["zoo"], int(row["batch"])]
        measured.append(m)
        simulated.append(s)
        print(f"| {row['network']} | {row['batch']} | {m:.3f} | {s:.3f} | {100 * (s - m) / m:+.1f} % |")
    print("\n| rows | n | MAPE | mean error | worst | Spearman |")
    print("|---|---:|---:|---:|---:|---:|")
    summary("all", measured, simulated)
    for title, keep in (("batch 1", lambda b: b == 1), ("batch 4 to 16", lambda b: 1 < b <= 16),
                        ("batch 32 and 64", lambda b: b > 16)):
        chosen = [i for i, row in enumerate(rows) if keep(int(row["batch"]))]
        if len(chosen) > 1:
            summary(title, [measured[i] for i in chosen], [simulated[i] for i in chosen])


if __name__ == "__main__":
    main()
