#!/usr/bin/env python3
"""What a search with --screen loses and gains against simulating every network.

Usage: scripts/search_cascade.py NPUSIM [--hw midap] [--space s3nas] [--screen additive] [--strategy nsga2]
                                 [--budget 600] [--seeds 5] [--evaluator proxy:params] [-o FOLDER]

For each seed, two searches without a store: one simulates every network, one screens. Two runs of a strategy that
learns differ by luck, as it is told slightly different latencies. So the screened run is also held against itself:
every network that it asked for and did not simulate is simulated (npusim sweep), and the hypervolume of its front is
set against that of the front of all its candidates. That is what the screen lost. Hypervolumes are of score over
latency, below the worst of all that was seen with the seed. Printed is a Markdown table and medians.
"""
import argparse
import csv
import io
import pathlib
import re
import statistics
import subprocess
import sys


def run(words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words[:12]))} ...\n{done.stderr}")
    return done.stdout


def search(args, seed, screen, folder):
    words = [args.npusim, "search", "--hw", args.hw, "--space", args.space, "--strategy", args.strategy, "--budget",
             args.budget, "--seed", seed, "--evaluator", args.evaluator, "--no-store", "-o", folder]
    text = run(words + (["--screen", screen] if screen else []))
    with open(folder / "evaluated.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["failure"]]
    pace = float(re.search(r"(\d+) networks a minute; (\d+) simulations", text).group(1))
    simulations = int(re.search(r"(\d+) simulations \(", text).group(1))
    table = re.search(r"table of blocks: (\d+) simulations", text)
    return rows, pace, simulations + (int(table.group(1)) if table else 0)


def points(args, rows, latencies=None):
    """(score, latency) of rows that were simulated, or whose latency is given."""
    found = []
    for row in rows:
        simulated = row[f"simulated.{args.hw}"] == "1"
        if simulated or latencies:
            latency = float(row[f"latency_ms.{args.hw}"]) if simulated else latencies[row["network"]]
            found.append((float(row[args.evaluator]), latency))
    return found


def simulated_afresh(args, networks):
    latencies = {}
    for first in range(0, len(networks), 200):
        part = networks[first:first + 200]
        table = run([args.npusim, "sweep", "--hw", args.hw, "--no-store", *part])
        for row in csv.DictReader(io.StringIO(table)):
            latencies[row["network"]] = float(row["latency_ms"])
    return latencies


def hypervolume(found, score, latency):
    """Of points above `score` and below `latency`."""
    volume, best = 0.0, score
    for s, t in sorted(found, key=lambda point: (point[1], -point[0])):
        if s > best and t < latency:
            volume += (s - best) * (latency - t)
            best = s
    return volume


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("npusim")
    parser.add_argument("--hw", default="midap")
    parser.add_argument("--space", default="s3nas")
    parser.add_argument("--screen", default="additive")
    parser.add_argument("--strategy", default="nsga2")
    parser.add_argument("--evaluator", default="proxy:params")
    parser.add_argument("--budget", default=600, type=int)
    parser.add_argument("--seeds", default=5, type=int)
    parser.add_argument("-o", "--output", default="search_cascade", type=pathlib.Path)
    args = parser.parse_args()
    print(f"`{args.space}` on {args.hw}, {args.evaluator}, {args.strategy}, {args.budget} networks, "
          f"--screen {args.screen}\n")
    print("| seed | networks a minute, all simulated | with the screen | simulated | lost, % | against the other run, % |"
          "\n|---|---|---|---|---|---|")
    figures = []
    for seed in range(1, args.seeds + 1):
        every, pace, _ = search(args, seed, "", args.output / f"{seed}-all")
        screened, faster, simulations = search(args, seed, args.screen, args.output / f"{seed}-{args.screen}")
        missing = [row["network"] for row in screened if row[f"simulated.{args.hw}"] != "1"]
        whole = points(args, screened, simulated_afresh(args, missing) or {"": 0})
        front, other = points(args, screened), points(args, every)
        corner = min(s for s, _ in whole + other), max(t for _, t in whole + other)
        volume = hypervolume(front, *corner)
        lost = 100 * (1 - volume / hypervolume(whole, *corner))
        against = 100 * (volume / hypervolume(other, *corner) - 1)
        figures.append((pace, faster, simulations, lost, against))
        print(f"| {seed} | {pace:.0f} | {faster:.0f} | {simulations} | {lost:.4f} | {against:+.2f} |", flush=True)
    middle = [statistics.median(column) for column in zip(*figures)]
    print(f"| median | {middle[0]:.0f} | {middle[1]:.0f} | {middle[2]:.0f} | {middle[3]:.4f} | {middle[4]:+.2f} |")


if __name__ == "__main__":
    main()
