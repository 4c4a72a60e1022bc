#!/usr/bin/env python3
"""The tables of docs/studies/nb201.md, from the accuracies and latencies that npusim ships.

    scripts/nb201_study.py [--published nb201_acc_lat.csv.gz]

The file of all twelve published latency columns (NASLib's accuracies, HELP's latencies: idx,e12..e34,val_c10,
val_c100,val_in16,lat_*) is not shipped; without it, the three columns are used that npusim has. Needs numpy, scipy.
"""
import argparse
import collections
import csv
import gzip
import pathlib

import numpy
from scipy import stats

DATA = pathlib.Path(__file__).resolve().parent.parent / "nas/search/data"
SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet16-120"}
SKIP, NONE, CONV3, CONV1, POOL = range(5)
EDGES = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]  # of a genome, in its order
QUANTILE = 0.3


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def clocks():
    """By chip, cycles per ms."""
    with open(DATA / "nb201_simulated.csv") as file:
        words = [line.split() for line in file if line.startswith("# chip ")]
    return {word[2]: float(word[4]) * 1000 for word in words}


def load(published):
    """Genomes, accuracies and published latencies by name, simulated ones in ms by chip."""
    genomes = numpy.array([[i // 5 ** edge % 5 for edge in range(6)] for i in range(5 ** 6)])
    table = rows_of(DATA / "nb201.csv")
    accuracy = {name: numpy.array([float(row[name]) for row in table]) for name in SETS}
    known = {name: numpy.array([float(row[name]) for row in table]) for name in table[0] if name not in SETS}
    if published:
        with gzip.open(published, "rt") as file:
            rows = {tuple(int(row[f"e{a + 1}{b + 1}"]) for a, b in EDGES): row for row in csv.DictReader(file)}
        names = [name for name in next(iter(rows.values())) if name.startswith("lat_")]
        known = {name[4:]: numpy.array([float(rows[tuple(genome)][name]) for genome in genomes]) for name in names}
    cycles = rows_of(DATA / "nb201_simulated.csv")
    chips = {chip: numpy.array([float(row[chip]) for row in cycles]) / per_ms for chip, per_ms in clocks().items()}
    return genomes, accuracy, known, chips


def live_edges(genome):
    """Of each edge, whether the output depends on it through data of the input."""
    here, back = {0}, {3}
    for edge, (a, b) in enumerate(EDGES):
        if a in here and genome[edge] != NONE:
            here.add(b)
    for edge, (a, b) in reversed(list(enumerate(EDGES))):
        if b in back and genome[edge] != NONE:
            back.add(a)
    return [genome[i] != NONE and a in here and b in back for i, (a, b) in enumerate(EDGES)]


def expression(genome):
    """The same text for cells of the same operations up to the order of sums and how they are bracketed. Behind it,
    how many operations there are: a result that is used twice is not computed twice."""
    nodes = [["x"]]
    for node in range(1, 4):
        terms = []
        for edge, (a, b) in enumerate(EDGES):
            if b == node and genome[edge] != NONE:
                terms += nodes[a] if genome[edge] == SKIP else [f"({'+'.join(nodes[a])}){genome[edge]}"]
        nodes.append(sorted(terms) or ["0"])
    live = live_edges(genome)
    return "+".join(nodes[3]) + str([sum(live[e] and genome[e] == op for e in range(6)) for op in (CONV3, CONV1, POOL)])


def additive(genomes, latency):
    """The least-squares sum over edges: its values, its share of the variance explained, and the mean over
    edges of what each operation costs more than `none`."""
    design = numpy.hstack([numpy.ones((len(genomes), 1))] + [(genomes == op).astype(float)
                                                             for op in (SKIP, CONV3, CONV1, POOL)])
    weights = numpy.linalg.lstsq(design, latency, rcond=None)[0]
    values = design @ weights
    costs = {op: weights[1 + 6 * k:7 + 6 * k].mean() for k, op in enumerate((SKIP, CONV3, CONV1, POOL))}
    return values, 1 - ((latency - values) ** 2).sum() / ((latency - latency.mean()) ** 2).sum(), costs


def limit_of(latency):
    """As npusim's: the latency that 30 % of the cells do not exceed."""
    ordered = numpy.sort(latency)
    return ordered[int(numpy.ceil(QUANTILE * len(ordered))) - 1]


def front_of(accuracy, latency):
    """Indices of cells that no other dominates."""
    front, best = [], -numpy.inf
    for i in numpy.lexsort((-accuracy, latency)):
        if accuracy[i] > best or (front and accuracy[i] == best and latency[i] == latency[front[-1]]):
            front.append(int(i))
            best = accuracy[i]
    return front


def hypervolume(accuracy, latency, cells, reference):
    """Of the cells' part that nothing in them dominates, from (least accuracy, largest latency)."""
    volume, edge = 0.0, reference[1]
    for i in reversed(front_of(accuracy[cells], latency[cells])):
        i = cells[i]
        if accuracy[i] > reference[0] and latency[i] < edge:
            volume += (edge - latency[i]) * (accuracy[i] - reference[0])
            edge = latency[i]
    return volume


def show(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def correlations(known, chips, connected):
    print("## Rank correlation (Spearman / Kendall), connected cells\n")
    rows = []
    for name, column in list(known.items()) + list(chips.items()):
        row = [name]
        for latency in chips.values():
            a, b = column[connected], latency[connected]
            row.append(f"{stats.spearmanr(a, b)[0]:.3f} / {stats.kendalltau(a, b)[0]:.3f}")
        rows.append(row)
    show(["column"] + list(chips), rows)


def additivity(genomes, columns, connected):
    print("## Sum over edges: share of the variance explained; cost of an operation more than `none`, conv3 = 1\n")
    rows = []
    for name, latency in columns.items():
        _, share, costs = additive(genomes[connected], latency[connected])
        rows.append([name, f"{share:.4f}"] + [f"{costs[op] / costs[CONV3]:.2f}" for op in (CONV1, POOL, SKIP)])
    show(["column", "explained", "conv1", "pool", "skip"], rows)


def choose(accuracy, by, latency):
    """The best cell by column `by` within its limit, on a chip of `latency`: its accuracy lost and latency over the
    chip's limit; of the best that keeps both limits, the accuracy lost and how many better ones had to be tried."""
    limit = limit_of(latency)
    best = accuracy[latency <= limit].max()
    order = numpy.argsort(-accuracy, kind="stable")
    order = order[by[order] <= limit_of(by)]
    fits = next(rank for rank, i in enumerate(order) if latency[i] <= limit)
    return best - accuracy[order[0]], latency[order[0]] / limit, best - accuracy[order[fits]], fits


def choices(genomes, accuracy, known, chips):
    for data_set, values in accuracy.items():
        print(f"## {SETS[data_set]}: the best cell within the 30 % quantile, chosen by a column\n")
        rows = []
        for name, column in list(known.items()) + [("own, additive", None)] + list(chips.items()):
            row = [name]
            for latency in chips.values():
                by = additive(genomes, latency)[0] if column is None else column
                lost, over, kept, tried = choose(values, by, latency)
                row.append(f"{lost:.2f}" if over <= 1 else f"{lost:+.2f} at {over:.2f}x: {kept:.2f} ({tried})")
            rows.append(row)
        show(["chosen by"] + list(chips), rows)
        rows = []
        for chip, latency in chips.items():
            ends = [choose(values, column, latency) for column in known.values()]
            kept = [end[2] for end in ends]
            rows.append([chip, f"{numpy.median(kept):.2f}", f"{max(kept):.2f}",
                         f"{sum(end[1] > 1 for end in ends)} of {len(ends)}", f"{max(end[1] for end in ends):.2f}x"])
        show([f"{SETS[data_set]}, published columns", "lost, median", "worst", "chose over the limit", "at most"], rows)


def fronts(accuracy, known, chips):
    for data_set, values in accuracy.items():
        print(f"## {SETS[data_set]}: fronts; cells in common, and the other front's share of hypervolume here\n")
        rows = [["(size of own front)"] + [str(len(front_of(values, latency))) for latency in chips.values()]]
        for name, column in list(known.items()) + list(chips.items()):
            other = front_of(values, column)
            row = [f"{name} ({len(other)})"]
            for latency in chips.values():
                own = front_of(values, latency)
                reference = (numpy.sort(values)[len(values) // 10], latency.max())
                share = (hypervolume(values, latency, numpy.array(other), reference)
                         / hypervolume(values, latency, numpy.array(own), reference))
                row.append(f"{len(set(own) & set(other))}, {share:.4f}")
            rows.append(row)
        show(["front of"] + list(chips), rows)


def anatomy(weights, genomes, live):
    """Weighted means over cells: live edges by operation, sums."""
    counts = numpy.array([(live & (genomes == op)).sum(axis=1) for op in (CONV3, CONV1, POOL, SKIP)])
    into = [[e for e, (_, b) in enumerate(EDGES) if b == node] for node in (1, 2, 3)]
    sums = sum(numpy.maximum(live[:, edges].sum(axis=1) - 1, 0) for edges in into)
    values = list(counts) + [6 - counts.sum(axis=0), sums]
    return [f"{numpy.average(value, weights=weights):.2f}" for value in values]


def cells(genomes, accuracy, chips):
    live = numpy.array([live_edges(genome) for genome in genomes])
    values = accuracy["cifar100"]
    print("## CIFAR-100: edges of a cell by what they do (of six), and sums\n")

    def row(name, weights):
        return [name] + anatomy(weights, genomes, live)
    rows = [row("all", numpy.ones(len(genomes))),
            row("the 5 % most accurate", values >= numpy.sort(values)[-len(values) // 20])]
    for chip, latency in chips.items():
        front = front_of(values, latency)
        near = [numpy.abs(values - values[i]) <= 0.25 for i in front]
        alike = sum(cells_near / cells_near.sum() for cells_near in near)
        within = latency <= limit_of(latency)
        best = within & (values >= numpy.sort(values[within])[-100])
        rows.append(row(f"{chip}: front ({len(front)})", numpy.isin(numpy.arange(len(genomes)), front)))
        rows.append(row(f"{chip}: all cells within 0.25 points of one on the front", alike))
        rows.append(row(f"{chip}: within the limit ({within.sum()})", within))
        rows.append(row(f"{chip}: the best 100 within the limit", best))
    show(["cells", "conv3", "conv1", "pool", "skip", "none or dead", "sums"], rows)
    for chip, latency in chips.items():
        print(f"{chip}, limit {limit_of(latency):.4g} ms; front: " + ", ".join(
            f"{''.join(map(str, genomes[i]))} ({values[i]:.2f} %, {latency[i]:.4g} ms)"
            for i in front_of(values, latency)) + "\n")


def same_cells(genomes, accuracy, chips):
    groups = collections.defaultdict(list)
    for i, genome in enumerate(genomes):
        groups[expression(genome)].append(i)
    print(f"## Cells that compute the same: {len(groups)} classes\n")
    rows = []
    members = [numpy.array(group) for group in groups.values()]
    for chip, latency in chips.items():
        spread = numpy.array([latency[group].max() / latency[group].min() - 1 for group in members])
        widest = members[int(spread.argmax())]
        ends = [widest[latency[widest].argmin()], widest[latency[widest].argmax()]]
        rows.append([chip, f"{(spread > 0).sum()}", f"{100 * spread.mean():.2f} %", f"{100 * spread.max():.1f} %",
                     " and ".join("".join(map(str, genomes[i])) for i in ends)])
    show(["chip", "classes of several latencies", "mean spread", "largest", "cells"], rows)
    for data_set, values in accuracy.items():
        good = [group for group in members if len(group) > 1 and values[group].min() > numpy.median(values)]
        variance = (sum(((values[group] - values[group].mean()) ** 2).sum() for group in good)
                    / sum(len(group) - 1 for group in good))
        print(f"{SETS[data_set]}: accuracy's standard deviation in such classes (above the median) "
              f"{variance ** 0.5:.2f} points\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", help="the file of all twelve published columns")
    genomes, accuracy, known, chips = load(parser.parse_args().published)
    connected = numpy.array([any(live_edges(genome)) for genome in genomes])
    print(f"{(~connected).sum()} of {len(genomes)} cells are disconnected; correlations leave them out\n")
    correlations(known, chips, connected)
    additivity(genomes, {**known, **chips}, connected)
    choices(genomes, accuracy, known, chips)
    fronts(accuracy, known, chips)
    cells(genomes, accuracy, chips)
    same_cells(genomes, accuracy, chips)


if __name__ == "__main__":
    main()
