#!/usr/bin/env python3
"""Lists all 104,976 networks of mbconv-bench for `npusim search --compare`: latency as the sum of simulated blocks
(npusim table), and a stand-in for accuracy.

    npusim table --hw midap --space mbconv-bench --format csv -o blocks.csv
    scripts/mbconv_benchmark.py blocks.csv all.csv
    npusim search --compare all.csv --space mbconv-bench

The stand-in is no accuracy: log10(parameters) + log10(MACs), scaled to deviation 1, plus for each pair of stages and
choices a normal number of deviation 0.15 (seed 1), so that no sum over choices explains it.
"""
import csv
import itertools
import math
import random
import re
import sys

STAGES, CHOICES = 4, 18
DIGITS = "0123456789abcdefghi"


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


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], newline="") as file:
        rows = [row for row in csv.DictReader(line for line in file if not line.startswith("#"))]
    if len(rows) != 1 + STAGES * 2 * CHOICES + 3 or any(row["status"] != "ok" for row in rows):
        sys.exit(f"{sys.argv[1]}: expected the 148 blocks of mbconv-bench, all of them measured")
    blocks = [(float(r["latency_ms"]), float(r["macs"]), parameters(r["block"]) if "_o" in r["block"] else 0)
              for r in rows]
    fixed = [sum(b[k] for b in [blocks[0]] + blocks[-3:]) for k in range(3)]
    fixed[0] += float(rows[0]["fixed_cycles"]) / float(rows[0]["clock_mhz"]) / 1000
    stage = [[[blocks[1 + 2 * CHOICES * s + c][k] + blocks[1 + 2 * CHOICES * s + CHOICES + c][k] for k in range(3)]
              for c in range(CHOICES)] for s in range(STAGES)]
    draw = random.Random(1)
    pairs = {pair: [[draw.gauss(0, 0.15) for _ in range(CHOICES)] for _ in range(CHOICES)]
             for pair in itertools.combinations(range(STAGES), 2)}
    networks = []
    for genome in itertools.product(range(CHOICES), repeat=STAGES):
        total = [fixed[k] + sum(stage[s][c][k] for s, c in enumerate(genome)) for k in range(3)]
        networks.append((genome, total, math.log10(total[1]) + math.log10(total[2])))
    mean = sum(n[2] for n in networks) / len(networks)
    deviation = math.sqrt(sum((n[2] - mean) ** 2 for n in networks) / len(networks))
    with open(sys.argv[2], "w") as out:
        out.write("encoding,accuracy,latency_ms,macs\n")
        for genome, total, size in networks:
            score = (size - mean) / deviation + sum(pairs[a, b][genome[a]][genome[b]] for a, b in pairs) + 10
            out.write(f"{'-'.join(DIGITS[c] for c in genome)},{score:.5f},{total[0]:.6f},{total[1]:.0f}\n")


if __name__ == "__main__":
    main()
