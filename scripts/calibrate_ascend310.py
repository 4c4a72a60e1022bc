#!/usr/bin/env python3
"""Compares npusim's Ascend 310 with measured latencies and prints a Markdown table.

    scripts/calibrate_ascend310.py [--npusim build/release/bin/npusim] [--max-batch N] [-j 2] [--set key=value]...

Rows: tests/data/reference/ascend310_measured.csv. The table of docs/calibration/ascend310.md is this output.
"""
import csv
from concurrent.futures import ThreadPoolExecutor

from calibration import ROOT, parser, simulate, summary

ROWS = ROOT / "tests/data/reference/ascend310_measured.csv"


def arguments():
    options = parser(__doc__)
    options.add_argument("--max-batch", type=int, default=1 << 30, help="leave out rows of larger batches")
    return options.parse_args()


def main():
    options = arguments()
    with open(ROWS, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["batch"]) <= options.max_batch]
    runs = sorted({(row["zoo"], int(row["batch"])) for row in rows})
    with ThreadPoolExecutor(options.jobs) as pool:
        results = dict(zip(runs, pool.map(lambda run: simulate(options, "ascend310", *run), runs)))
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
