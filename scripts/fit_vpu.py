#!/usr/bin/env python3
"""Fits the constants of the VPU's DPU and DMA timing on the calibration rows and prints them with their errors.

usage: fit_vpu.py DIR      the directory with vpu_dpu_measured.csv and vpu_dma_measured.csv

The formulas are those of hw_models/vpu/timing.cpp, without its rounding to whole words and clocks and
without the write port's bound on depthwise workloads, which no row meets; docs/calibration/vpu.md is the
ledger.
"""
import csv
import sys

import numpy as np
from scipy.optimize import minimize

CMX = 1300 / 975  # DPU cycles a CMX clock
MODES = {"CUBOID_16x16": (16, 16, 64), "CUBOID_8x16": (16, 8, 128), "CUBOID_4x16": (8, 8, 256)}


def up(a, b):
    return -(-a // b) * b


def valid(outputs, kernel, stride, pad, extent):
    return sum(1 for o in range(outputs) for t in range(kernel) if 0 <= o * stride - pad + t < extent)


class Row:
    def __init__(self, r):
        n = lambda key: int(float(r[key]))
        self.op, self.mode = r["op"], r["mode"]
        self.b = 2 if r["in_dtype"] == "FLOAT16" else 1
        self.w, self.h, self.c, self.ci = n("out_w"), n("out_h"), n("out_c"), n("in_c")
        self.k, self.s, self.owt = n("kw") * n("kh"), n("sw"), n("owt")
        self.kw = n("kw")
        self.valid = valid(self.w, n("kw"), n("sw"), n("pad_l"), n("in_w")) * valid(
            self.h, n("kh"), n("sh"), n("pad_t"), n("in_h"))
        self.vf = self.valid / (self.w * self.h * self.k)
        self.blocks = up(self.w, 4) * up(self.h, 4)
        self.measured = float(r["measured_gt_cycles"])
        ws = r["weight_sparsity"]
        self.density = 1 - max(0.0, float(ws)) if ws else 1.0


def rows(folder, device="VPU_2_7"):
    with open(folder + "/vpu_dpu_measured.csv") as f:
        return [Row(r) for r in csv.DictReader(f) if r["device"] == device and r["measured_gt_cycles"]]


def parts(x):
    gx, gy, gz = MODES[x.mode]
    depth = up(max(x.ci, 16) * x.b, 32)
    outs = up(x.c, 16)
    mac = x.blocks * outs * x.k * depth / x.b * x.density / (2048 / x.b)
    act = x.blocks * x.vf * x.k * depth * -(-x.c // gz) / 128 * CMX
    wt = -(-x.w // gx) * -(-x.h // gy) * outs * depth * x.k / 128 * CMX
    out = x.w * x.h * x.c * x.b / 64 * CMX
    return mac, act, wt, out


def conv(p, x):
    over, m, a, w, o, tail = p
    mac, act, wt, out = parts(x)
    return over + max(m * mac, a * act + w * wt, o * out) + tail * out


def window_class(x):
    wide = x.c * x.b > (32 if x.s > 1 else 16)
    return (1 if x.s > 1 else 0) * 2 + wide


def window(p, x):
    return p[0] + CMX * x.blocks * x.vf * x.k * -(-x.c * x.b // 32) * p[1 + window_class(x)] / 16


def eltwise(p, x):
    return p[0] + p[1] * x.w * x.h * x.c * x.b / 64 * CMX


def mape(model, p, data):
    return float(np.mean([abs(model(p, x) / x.measured - 1) for x in data]))


def fit(name, model, start, data):
    best = minimize(lambda p: np.mean([(model(p, x) / x.measured - 1) ** 2 for x in data]) + 1e3 * (min(p) < 0), start,
                    method="Nelder-Mead", options={"maxiter": 20000, "maxfev": 20000, "xatol": 1e-4, "fatol": 1e-9})
    print(f"{name}: {len(data)} rows, MAPE {100 * mape(model, best.x, data):.2f} %, max "
          f"{100 * max(abs(model(best.x, x) / x.measured - 1) for x in data):.1f} %:", np.round(best.x, 3))
    return best.x


def main():
    data = rows(sys.argv[1])
    of = lambda op, b: [x for x in data if x.op == op and (b == 0 or x.b == b)]
    for b in (1, 2):
        fit(f"depthwise {b} B", window, [210, 4, 4.45, 4.6, 4.5], of("DW_CONVOLUTION", b))
    fit("depthwise", window, [210, 4, 4.45, 4.6, 4.5], of("DW_CONVOLUTION", 0))
    fit("conv u8", conv, [118, 0.99, 1.22, 1.75, 0.91, 0.45], of("CONVOLUTION", 1))
    fit("conv fp16", conv, [180, 0.95, 1.41, 1.67, 1.36, 0.76], of("CONVOLUTION", 2))
    for b in (1, 2):
        if of("ELTWISE", b):
            fit(f"eltwise {b} B", eltwise, [230, 1.43], of("ELTWISE", b))


if __name__ == "__main__":
    main()
