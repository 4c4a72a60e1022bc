#!/usr/bin/env python3
"""Judges networks drawn from the search spaces with Python's onnx: check_space_exports.py NPUSIM [N [SPACE...]]

Draws N networks (2 unless given) of these spaces, or of all of `npusim spaces` and docs/spaces_example.yaml, as ONNX
files with random weights (isynet and isynet-full, whose networks have up to 65 billion parameters, without); runs onnx.checker with full (strict) shape inference; counts parameters and MACs once more from
the file alone against what npusim printed; and, with onnxruntime installed, runs each file on random input and asks
for finite numbers. Prints a line a space. Exits with 77, ctest's code for a skipped test, when onnx is missing.
"""
import glob
import os
import subprocess
import sys
import tempfile
import time

from check_exports import SKIPPED, counts, external_size

WITHOUT_WEIGHTS = {"isynet", "isynet-full"}


def draw(npusim, space, number, folder):
    """[(parameters in millions, MACs in billions)] as npusim prints them, by file."""
    command = [npusim, "spaces", space, "--sample", str(number), "--seed", "20", "-o", folder]
    if space not in WITHOUT_WEIGHTS:
        command.append("--weights")
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = {}
    for line in printed.splitlines():
        words = line.split()
        if len(words) == 3 and ":" in words[0]:
            rows[words[0].rsplit(":", 1)[1]] = words[1], words[2]
    return rows


def run(session_of, path):
    """Raises for an output that is not finite."""
    import numpy
    session = session_of(path)
    inputs = {value.name: numpy.random.default_rng(0).standard_normal(value.shape).astype(numpy.float32)
              for value in session.get_inputs()}
    for output in session.run(None, inputs):
        if not numpy.isfinite(output).all():
            raise ValueError(f"{path}: an output is not finite")


def all_spaces(npusim):
    listed = subprocess.run([npusim, "spaces"], check=True, capture_output=True, text=True).stdout.splitlines()
    # Large images run for long outside npusim, and prove no more.
    smaller = {"edsr": "edsr@45x80", "patterns": "patterns@32"}
    names = [smaller.get(line.split()[0], line.split()[0]) for line in listed[1:] if line.strip("- ")]
    return names + [os.path.join(os.path.dirname(__file__), "..", "docs", "spaces_example.yaml")]


def main():
    try:
        import onnx
    except ImportError:
        return SKIPPED
    try:
        import onnxruntime
        session_of = onnxruntime.InferenceSession
    except ImportError:
        session_of = None
    npusim, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    names = sys.argv[3:] or all_spaces(npusim)
    wrong = 0
    for space in names:
        start = time.time()
        with tempfile.TemporaryDirectory() as folder:
            rows = draw(npusim, space, number, folder)
            files = sorted(glob.glob(os.path.join(folder, "*.onnx")))
            if len(files) != len(rows):
                print(f"{space}: {len(rows)} networks, {len(files)} files")
                wrong += 1
            runs = session_of and space not in WITHOUT_WEIGHTS
            for path in files:
                model = onnx.load(path, load_external_data=False)
                if external_size(model):  # the checker insists on the file: give it one of holes
                    with open(path[:-len(".onnx")] + ".weights", "wb") as weights:
                        weights.truncate(external_size(model))
                onnx.checker.check_model(path, full_check=True)
                parameters, macs = counts(onnx, model)
                # The list has three digits of a million, four of a billion.
                encoding = os.path.basename(path)[:-len(".onnx")].split("_", 1)[1]
                expected = next(row for name, row in rows.items() if encoding.endswith(name))
                if (f"{parameters / 1e6:.3f}", f"{macs / 1e9:.4f}") != expected:
                    print(f"{path}: {parameters} parameters, {macs} MACs in the file, {expected} printed")
                    wrong += 1
                if runs:
                    run(session_of, path)
        print(f"{os.path.basename(space)}: {len(files)} networks checked{' and run' if runs else ''}, "
              f"{time.time() - start:.1f} s", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
