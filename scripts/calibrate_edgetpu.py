#!/usr/bin/env python3
"""Compares npusim's Edge TPUs with measured latencies and prints a Markdown table.

    scripts/calibrate_edgetpu.py [--npusim build/release/bin/npusim] [-j 2] [--set key=value]... [--all]

Rows: tests/data/reference/edgetpu_measured.csv, whole networks on Coral's USB stick at a desktop and on its Dev
Board; --all adds other hosts and the stick's lower clock, whose links differ, for orientation. The table of
docs/calibration/edgetpu.md is this output.
"""
import csv
from concurrent.futures import ThreadPoolExecutor

from calibration import ROOT, parser, simulate, summary

ROWS = ROOT / "tests/data/reference/edgetpu_measured.csv"
NETWORKS = {
    ("inception_v1", "224x224"): "inception_v1",
    ("mobilenet_v1_1.0", "224x224"): "mobilenet_v1_tf",
    ("mobilenet_v1_0.25", "128x128"): "mobilenet_v1_0_25_128_tf",
    ("mobilenet_v2_1.0", "224x224"): "mobilenet_v2_tf",
    ("vgg16", "224x224"): "vgg16",
    ("efficientnet_edgetpu_S", "224x224"): "efficientnet_edgetpu_s",
    ("posenet_mobilenet_v1_0.75", "353x481"): "posenet_353x481",
    ("posenet_mobilenet_v1_0.75", "481x641"): "posenet_481x641",
    ("mobilenet_edgetpu_0.75", "224x224"): "mobilenet_edgetpu_0_75",
}
CALIBRATION = {
    "coral_usb3_desktop": "edgetpu-coral-usb",
    "coral_usb3_x86": "edgetpu-coral-usb",
    "coral_devboard_pcie": "edgetpu-coral-pcie",
}
OTHERS = {
    "coral_usb3_m1_libedgetpu_500MHz": "edgetpu-coral-usb",
    "coral_usb3_m1_libedgetpu_250MHz": "edgetpu-coral-usb-250mhz",
    "coral_usb3_i9_250MHz": "edgetpu-coral-usb-250mhz",
    "pixel4_edgetpu": "edgetpu-pixel4",
}


def arguments():
    options = parser(__doc__)
    options.add_argument("--all", action="store_true", help="other hosts, too")
    return options.parse_args()


def main():
    options = arguments()
    devices = {**CALIBRATION, **(OTHERS if options.all else {})}
    with open(ROWS, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file)
                if row["device"] in devices and (row["network"], row["resolution"]) in NETWORKS]
    for row in rows:
        row["run"] = (devices[row["device"]], NETWORKS[row["network"], row["resolution"]])
    runs = sorted({row["run"] for row in rows})
    with ThreadPoolExecutor(options.jobs) as pool:
        results = dict(zip(runs, pool.map(lambda run: simulate(options, *run), runs)))
    print("| network | device | measured ms | simulated ms | error |")
    print("|---|---|---:|---:|---:|")
    for row in rows:
        measured, simulated = float(row["latency_ms"]), results[row["run"]]
        error = 100 * (simulated - measured) / measured
        print(f"| {row['run'][1]} | {row['device']} | {measured:.2f} | {simulated:.2f} | {error:+.1f} % |")
    print("\n| rows | n | MAPE | mean error | worst | Spearman |")
    print("|---|---:|---:|---:|---:|---:|")
    for title, keep in (("calibration", set(CALIBRATION)), ("USB 3", {"coral_usb3_desktop", "coral_usb3_x86"}),
                        ("Dev Board", {"coral_devboard_pcie"})):
        chosen = [row for row in rows if row["device"] in keep]
        measured = [float(row["latency_ms"]) for row in chosen]
        simulated = [results[row["run"]] for row in chosen]
        summary(title, measured, simulated)


if __name__ == "__main__":
    main()
