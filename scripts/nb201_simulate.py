#!/usr/bin/env python3
"""Simulates all 15,625 cells of NAS-Bench-201 on chips: CSV files that `npusim search --compare` takes.

    scripts/nb201_simulate.py build/release/bin/npusim midap vpu-keembay -o cells/     a file a chip: cells/midap.csv, ...
    npusim search --compare cells/vpu-keembay.csv --space nb201
    scripts/nb201_simulate.py build/release/bin/npusim --approve                       what npusim ships, made anew

One image, the chip's default type. Columns: encoding, accuracy (that of --data-set), cifar10, cifar100, imagenet16,
latency_ms, cycles; an empty latency where the chip refuses the cell. What was simulated is kept in the store (-o's
cells.db unless --store names another): a run that was killed goes on where it was. About two minutes a chip on one
idle core. --approve writes nas/search/data/nb201_simulated.csv, which `--compare nb201:cifar100:midap` reads and
test_search_nb201_chips holds against simulations of 30 cells; needed when a chip's model has changed.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "nas/search/data/nb201.csv"
SHIPPED = ROOT / "nas/search/data/nb201_simulated.csv"
SHIPPED_CHIPS = ["ascend310", "midap", "edgetpu-coral-usb", "vpu-meteorlake"]
CELLS = 5 ** 6


def encoding(index):
    """Of the index-th cell: the edge 1-2 changes fastest."""
    return "".join(str(index // 5 ** edge % 5) for edge in range(6))


def accuracies():
    """By cell, a dictionary with the three data sets."""
    with open(PUBLISHED, newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def identity(npusim, chip):
    """The report of one cell: names the type, clock and hardware hash."""
    text = subprocess.run([npusim, "run", "--hw", chip, "nb201:222222", "--format", "json"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return json.loads(text)


def simulate(npusim, chip, folder, store, workers):
    """Cycles by encoding; None where the chip refuses the cell."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        subprocess.run([npusim, "search", "--hw", chip, "--space", "nb201", "--strategy", "random", "--budget",
                        str(CELLS), "--round", "1000", "--evaluator", "proxy:macs", "--store", store, "-o", out]
                       + (["-j", str(workers)] if workers else []), check=True, stdout=subprocess.DEVNULL)
        cycles = {}
        with open(pathlib.Path(out) / "evaluated.csv", newline="") as file:
            for row in csv.DictReader(line for line in file if not line.startswith("#")):
                value = next(text for column, text in row.items() if column.startswith("cycles."))
                refused = row["failure"] or float(value) <= 0
                cycles[row["network"].split(":")[1]] = None if refused else int(value)
    if len(cycles) != CELLS:
        raise SystemExit(f"{chip}: {len(cycles)} cells were simulated, expected {CELLS}")
    return cycles


def write_chip(path, report, cycles, data_set):
    known = accuracies()
    with open(path, "w") as out:
        out.write(f"# {report['hw']}, {report['dtype']}, batch 1, hardware {report['hw_hash']}\n")
        out.write("encoding,accuracy,cifar10,cifar100,imagenet16,latency_ms,cycles\n")
        for index, row in enumerate(known):
            count = cycles[encoding(index)]
            latency = "" if count is None else f"{count / report['clock_mhz'] / 1000:.9g}"
            out.write(",".join([encoding(index), row[data_set], row["cifar10"], row["cifar100"], row["imagenet16"],
                                latency, "" if count is None else str(count)]) + "\n")


def write_shipped(version, reports, columns):
    for chip, cycles in columns.items():
        if None in cycles.values():
            raise SystemExit(f"{chip} refuses cells: what is shipped has no place for that")
    with open(SHIPPED, "w") as out:
        out.write("# NAS-Bench-201 (arXiv 2001.00326): cycles of one image through all cells, row n the n-th network of\n"
                  f"# the space nb201 (edge 1-2 changes fastest), simulated by {version}.\n"
                  "# Made by scripts/nb201_simulate.py --approve; a chip's name, type, clock in MHz, hardware hash:\n")
        for chip, report in reports.items():
            out.write(f"# chip {chip} {report['dtype']} {report['clock_mhz']:g} {report['hw_hash']}\n")
        out.write(",".join(columns) + "\n")
        for index in range(CELLS):
            out.write(",".join(str(cycles[encoding(index)]) for cycles in columns.values()) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("npusim", help="the program")
    parser.add_argument("chips", nargs="*", help=f"default: {', '.join(SHIPPED_CHIPS)}")
    parser.add_argument("-o", "--output", default="cells", help="folder; default: cells")
    parser.add_argument("--store", help="results store; default: cells.db in the folder")
    parser.add_argument("--data-set", default="cifar100", choices=["cifar10", "cifar100", "imagenet16"],
                        help="whose accuracy is the column 'accuracy'; default: cifar100")
    parser.add_argument("-j", "--workers", type=int, help="worker processes; default: all cores")
    parser.add_argument("--approve", action="store_true", help="write what npusim ships, too (its four chips)")
    args = parser.parse_args()
    chips = args.chips or SHIPPED_CHIPS
    if args.approve and set(chips) != set(SHIPPED_CHIPS):
        parser.error("--approve: expected no chips, or all of " + ", ".join(SHIPPED_CHIPS))
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    reports, columns = {}, {}
    for chip in chips:
        reports[chip] = identity(args.npusim, chip)
        columns[chip] = simulate(args.npusim, chip, folder, args.store or str(folder / "cells.db"), args.workers)
        write_chip(folder / f"{reports[chip]['hw']}.csv", reports[chip], columns[chip], args.data_set)
    if args.approve:
        version = subprocess.run([args.npusim, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
        write_shipped(version.strip(), reports, columns)


if __name__ == "__main__":
    main()
