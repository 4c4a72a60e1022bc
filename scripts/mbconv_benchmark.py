#!/usr/bin/env python3
"""Lists all 104,976 networks of mbconv-bench for `npusim search --compare`: latency, and a stand-in for accuracy.

    npusim table --hw midap --space mbconv-bench --format csv -o blocks.csv
    npusim fit --hw midap --space mbconv-bench --model additive -n 200 -o model.json        or: apm (docs/fits.md)
    npusim predict --model model.json --space mbconv-bench --all -o latencies.csv
    scripts/mbconv_benchmark.py blocks.csv all.csv --latencies latencies.csv
    npusim search --compare all.csv --space mbconv-bench --hw midap

Without --latencies a latency is the sum of simulated blocks, which is good on some chips only.

The stand-in is no accuracy. --score says what it is made of, scaled to deviation 1:
    size    log10(parameters) + log10(MACs)
    macs    log10(MACs): networks of equal MACs are equal
    shape   as `size`, but of the network with MBConv in place of every fused block: kernels and expansions count, kinds do not
To each is added for each pair of stages and choices (of `shape`: kernels and expansions) a normal number of deviation
0.15 (seed 1), so that no sum over choices explains it.
"""
import argparse
import csv
import itertools
import math
import random
import re
import sys

STAGES, CHOICES, FUSED = 4, 18, 9  # choices from FUSED on are the fused ones, in the order of the others
DIGITS = "0123456789abcdefgh"


def parameters(name):
    """Weights of a block, by its name."""
    number = {k: int(v) for k, v in re.findall(r"([kseioc])(\d+)", name.split(":")[1].split("@")[0])}
    inputs, outputs = number["i"], number["o"]
    if "e" not in number:
        return number.get("k", 1) ** 2 * inputs * outputs
    expanded = number["e"] * inputs
    if number["c"] == 15:  # fused: a full convolution, then 1x1
        return number["k"] ** 2 * inputs * expanded + expanded * outputs
    return inputs * expanded + number["k"] ** 2 * expanded + expanded * outputs


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blocks", help="CSV of npusim table, one context")
    parser.add_argument("output")
    parser.add_argument("--latencies", help="CSV of npusim predict --all or of npusim sweep (network, latency_ms)")
    parser.add_argument("--score", choices=["size", "macs", "shape"], default="size")
    options = parser.parse_args()
    rows = rows_of(options.blocks)
    if len(rows) != 1 + STAGES * 2 * CHOICES + 3 or any(row["status"] != "ok" for row in rows):
        sys.exit(f"{options.blocks}: expected the 148 blocks of mbconv-bench, all of them measured")
    blocks = [(float(r["latency_ms"]), float(r["macs"]), parameters(r["block"]) if "_o" in r["block"] else 0)
              for r in rows]
    fixed = [sum(b[k] for b in [blocks[0]] + blocks[-3:]) for k in range(3)]
    fixed[0] += float(rows[0]["fixed_cycles"]) / float(rows[0]["clock_mhz"]) / 1000
    stage = [[[blocks[1 + 2 * CHOICES * s + c][k] + blocks[1 + 2 * CHOICES * s + CHOICES + c][k] for k in range(3)]
              for c in range(CHOICES)] for s in range(STAGES)]
    known = None
    if options.latencies:
        known = {r["network"].split(":")[1]: r["latency_ms"] for r in rows_of(options.latencies)}
    draw = random.Random(1)
    pairs = {pair: [[draw.gauss(0, 0.15) for _ in range(CHOICES)] for _ in range(CHOICES)]
             for pair in itertools.combinations(range(STAGES), 2)}
    networks = []
    for genome in itertools.product(range(CHOICES), repeat=STAGES):
        total = [fixed[k] + sum(stage[s][c][k] for s, c in enumerate(genome)) for k in range(3)]
        judged = [c % FUSED for c in genome] if options.score == "shape" else genome
        macs, weights = (fixed[k] + sum(stage[s][c][k] for s, c in enumerate(judged)) for k in (1, 2))
        size = math.log10(macs) + (0 if options.score == "macs" else math.log10(weights))
        networks.append((genome, judged, total, size))
    mean = sum(n[3] for n in networks) / len(networks)
    deviation = math.sqrt(sum((n[3] - mean) ** 2 for n in networks) / len(networks))
    with open(options.output, "w") as out:
        out.write("encoding,accuracy,latency_ms,macs\n")
        for genome, judged, total, size in networks:
            score = (size - mean) / deviation + sum(pairs[a, b][judged[a]][judged[b]] for a, b in pairs) + 10
            encoding = "-".join(DIGITS[c] for c in genome)
            if known is not None and encoding not in known:
                sys.exit(f"{options.latencies}: network {encoding} is missing")
            latency = f"{total[0]:.6f}" if known is None else known[encoding]
            out.write(f"{encoding},{score:.5f},{latency},{total[1]:.0f}\n")


if __name__ == "__main__":
    main()
