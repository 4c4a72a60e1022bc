"""What the calibration scripts share: running npusim, and the rows of their summaries."""
import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def parser(description):
    """The options that all of them take."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--npusim", default=str(ROOT / "build/release/bin/npusim"), help="the binary to run")
    options.add_argument("-j", "--jobs", type=int, default=2, help="simulations at a time")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to npusim")
    return options


def simulate(options, chip, network, batch=1):
    """Milliseconds of one batch."""
    command = [options.npusim, "run", "--hw", chip, network, "--batch", str(batch), "--format", "json"]
    for assignment in options.set:
        command += ["--set", assignment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)["latency_ms"]


def ranks(values):
    """Ranks from 1, ties at their mean."""
    ordered = sorted(values)
    return [ordered.index(v) + (ordered.count(v) + 1) / 2 for v in values]


def correlation(x, y):
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    spread = sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)
    return covariance / spread**0.5


def summary(title, measured, simulated):
    errors = [(s - m) / m for m, s in zip(measured, simulated)]
    mape = 100 * sum(abs(e) for e in errors) / len(errors)
    bias = 100 * sum(errors) / len(errors)
    worst = 100 * max(errors, key=abs)
    spearman = correlation(ranks(measured), ranks(simulated))
    print(f"| {title} | {len(errors)} | {mape:.1f} % | {bias:+.1f} % | {worst:+.1f} % | {spearman:.4f} |")
