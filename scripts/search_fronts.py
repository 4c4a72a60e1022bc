#!/usr/bin/env python3
"""Searches a space on chips at three latency limits and says what the fronts consist of.

Usage: scripts/search_fronts.py NPUSIM [--space mnasnet-edgetpu] [--budget 100] [--evaluator proxy:params]
                                [--chips a,b] [--store FILE] [-o FOLDER]

For each chip, a search without limit shows how latencies are spread; the limits are its lower quartile, median and
upper quartile. Every network of the three limited fronts is then run afresh from its ONNX file: the script fails when
one takes other cycles than the search says or exceeds its limit. Printed are Markdown tables: fronts, and the share
of fused blocks in the first and in the second half of the stages, of the fronts and of the networks that the limited
searches evaluated in their first round (which are random).
"""
import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import sys

CHIPS = "ascend310,midap,edgetpu-coral-usb,vpu-meteorlake"


def run(words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


class Space:
    """A space's genes, as `npusim spaces NAME` lists them: name, number of choices, choices."""

    def __init__(self, npusim, name):
        lines = run([npusim, "spaces", name]).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("gene"))
        self.genes = [(words[0], words[2:]) for words in (line.split() for line in lines[start + 1:]) if words]

    def blocks(self, encoding):
        """(stage, choice) of the blocks that the network has."""
        digits = encoding.replace("-", "")
        if any(len(choices) > 36 for _, choices in self.genes) or len(digits) != len(self.genes):
            sys.exit("a gene of more than 36 choices")
        picked = {name: choices[int(digit, 36)] for digit, (name, choices) in zip(digits, self.genes)}
        for name, choice in picked.items():
            stage, _, place = name.partition(".")
            depth = picked.get(stage + ".depth")
            if place.isdigit() and (depth is None or int(place) <= int(depth)):
                yield stage, choice


def fused_shares(space, encodings):
    """Shares of fused blocks among the blocks of early and of late stages, and mean blocks a network."""
    stages = sorted({name.split(".")[0] for name, _ in space.genes if "." in name})
    early = set(stages[:(len(stages) + 1) // 2])
    counts = {True: [0, 0], False: [0, 0]}
    for encoding in encodings:
        for stage, choice in space.blocks(encoding):
            count = counts[stage in early]
            count[0] += 1 if "fused" in choice or choice.startswith("f") else 0
            count[1] += 1
    share = lambda count: count[0] / count[1] if count[1] else 0
    total = counts[True][1] + counts[False][1]
    return share(counts[True]), share(counts[False]), total / max(len(encodings), 1)


def search(args, chip, folder, limit=None):
    words = [args.npusim, "search", "--hw", chip, "--space", args.space, "--evaluator", args.evaluator, "--budget",
             args.budget, "-o", folder]
    words += ["--store", args.store] if args.store else ["--no-store"]
    words += ["--latency-ms", limit] if limit else []
    run(words)
    with open(folder / "evaluated.csv", newline="") as file:
        return json.loads((folder / "search.json").read_text()), list(csv.DictReader(file))


def check_afresh(args, chip, folder, front, limit):
    # The Edge TPU computes in int8 only; fronts are files of floating-point networks.
    extra = ["--assume-int8"] if chip.startswith("edgetpu") else []
    for member in front:
        words = [args.npusim, "run", "--hw", chip, folder / member["onnx"], "--format", "json"]
        report = json.loads(run(words + extra))
        if report["total_cycles"] != member["chips"][chip]["cycles"]:
            sys.exit(f"{folder}/{member['onnx']}: {report['total_cycles']} cycles afresh")
        if report["latency_ms"] > limit:
            sys.exit(f"{folder}/{member['onnx']}: {report['latency_ms']} ms exceed {limit}")


def encoding_of(network):
    return network.rsplit(":", 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("npusim")
    parser.add_argument("--space", default="mnasnet-edgetpu")
    parser.add_argument("--budget", default=100, type=int)
    parser.add_argument("--evaluator", default="proxy:params")
    parser.add_argument("--chips", default=CHIPS)
    parser.add_argument("--store")
    parser.add_argument("-o", "--output", default="search_fronts", type=pathlib.Path)
    args = parser.parse_args()
    space = Space(args.npusim, args.space)
    print(f"`{args.space}`, {args.evaluator}, nsga2, {args.budget} evaluations a search\n")
    print("| chip | limit, ms | on the front | latencies, ms | fused early | fused late | blocks | "
          "random: fused early, late, blocks |\n|---|---|---|---|---|---|---|---|")
    for chip in args.chips.split(","):
        _, rows = search(args, chip, args.output / chip / "free")
        times = [float(row[f"latency_ms.{chip}"]) for row in rows if not row["failure"]]
        drawn = fused_shares(space, [encoding_of(row["network"]) for row in rows[:50]])
        for limit in statistics.quantiles(times, n=4):
            folder = args.output / chip / f"{limit:.3f}"
            found, _ = search(args, chip, folder, limit)
            front = found["front"]
            check_afresh(args, chip, folder, front, limit)
            taken = [member["chips"][chip]["latency_ms"] for member in front]
            early, late, blocks = fused_shares(space, [encoding_of(member["network"]) for member in front])
            print(f"| {chip} | {limit:.3f} | {len(front)} | {min(taken):.3f} to {max(taken):.3f} | {early:.0%} | "
                  f"{late:.0%} | {blocks:.1f} | {drawn[0]:.0%}, {drawn[1]:.0%}, {drawn[2]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
