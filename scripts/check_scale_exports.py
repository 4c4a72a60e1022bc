#!/usr/bin/env python3
"""Judges networks that `npusim scale` writes with Python's onnx: check_scale_exports.py NPUSIM

Scales and finishes a few small networks, with random weights. Of every file: onnx.checker with full (strict) shape
inference, parameters and MACs counted from the file alone against scale.json, and a run in onnxruntime on random input
that must give finite numbers. Then measures a network's gates (squeeze_activations.py), has npusim take half of them
out, and compares: the file without them must still run. Exits with 77, ctest's code for a skipped test, when onnx or
onnxruntime is missing.
"""
import json
import os
import subprocess
import sys
import tempfile

from check_exports import SKIPPED, counts
from check_space_exports import run
from squeeze_activations import deviations, gates_of

OURS_M = "s3nas@64:488-9999-9889941-b838-cdddddddddd"
TARGETS = [
    ("midap", [OURS_M, "--latency-ms", "1", "--how", "s3nas", "--coefficients", "1.1,1.1,1.2", "--h-swish",
               "--squeeze-excite"]),
    ("midap", ["resnet8", "--latency-ms", "0.2", "--coefficients", "1.2,1.1,1.15"]),
    ("ascend310", ["--how", "depth", "resnet8", "--latency-ms", "0.5"]),
    ("midap", ["mobilenet_v2", "--how", "none", "--squeeze-excite"]),
]


def scale(npusim, chip, words, folder):
    command = [npusim, "scale", "--hw", chip, *words, "--evaluator", "proxy:params", "--weights", "--no-store",
               "-j", "2", "-o", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    with open(os.path.join(folder, "scale.json"), encoding="utf-8") as file:
        return json.load(file)


def check(onnx, session_of, folder, scaled):
    """How many files, and what was wrong."""
    wrong, front = [], [one for one in scaled["variants"] if one["rank"] > 0]
    for one in front:
        path = os.path.join(folder, one["onnx"])
        onnx.checker.check_model(path, full_check=True)
        counted = counts(onnx, onnx.load(path))
        if counted != (one["params"], one["macs"]):
            wrong.append(f"{path}: {counted} in the file, {one['params'], one['macs']} in scale.json")
        run(session_of, path)
    return len(front), wrong


def main():
    try:
        import numpy
        import onnx
        import onnxruntime
    except ImportError:
        return SKIPPED
    npusim, wrong = sys.argv[1], []
    for chip, words in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            number, found = check(onnx, onnxruntime.InferenceSession, folder, scale(npusim, chip, words, folder))
            wrong += found
            print(f"{' '.join(words)}: {number} networks checked and run", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        scale(npusim, "midap", [OURS_M, "--squeeze-excite"], folder)
        gates = gates_of(os.path.join(folder, "scale.json"))
        images = numpy.random.default_rng(0).standard_normal((8, 3, 64, 64)).astype(numpy.float32)
        path = os.path.join(folder, "1.onnx")
        measured = deviations(onnx, onnxruntime, numpy, onnx.load(path), gates, images, 1)
        table = os.path.join(folder, "activations.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("block,std\n" + "".join(f"{block},{value:.6g}\n" for block, value in measured.items()))
        less = scale(npusim, "midap", [path, "--activations", table, "--keep-share", "0.5"], folder)
        wrong += check(onnx, onnxruntime.InferenceSession, folder, less)[1]
        ranked = sorted(measured, key=measured.get)[:len(less["finish"]["removed"])]
        if set(ranked) != set(less["finish"]["removed"]) or len(ranked) != len(gates) // 2:
            wrong.append(f"removed {less['finish']['removed']}, expected {ranked}")
        print(f"{len(gates)} gates measured, {len(ranked)} removed")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
