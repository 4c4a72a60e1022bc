#!/usr/bin/env python3
"""Compares npusim's synflow with PyTorch's autograd on the same networks and weights.

Usage: scripts/search_synflow_pytorch.py NPUSIM [--spaces nb201,proxyless@32] [--networks 3]

npusim scores networks of each space with `search --evaluator proxy:synflow` and exports them. Here each is built from
its ONNX file with the weights that npusim drew (splitmix64, seeded by the tensor's name; workloads/reference/seeded.cpp),
their magnitudes, no BatchNorm, in double precision. The image is all ones, R the sum of the outputs, and the score
ln(sum of |w dR/dw|) by backward(). Needs torch, numpy and onnx. Exit code 1 when two scores differ by more than 1e-5.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from search_evaluator_pytorch import OnnxNet

ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "HardSwish", "Sigmoid", "HardSigmoid", "Tanh")


def splitmix64(seed, count):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def uniform(name, shape, bound, seed=1):
    unit = (splitmix64(seed ^ fnv1a(name), int(np.prod(shape))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (-bound + unit * 2 * bound).astype(np.float32).reshape(shape)


def scale_of(nodes, node, constants):
    """What npusim's bound of a weight is multiplied by. The first reader of a tensor counts."""
    reader = {}
    for other in reversed(nodes):
        reader.update({name: other for name in other.input})
    after = reader.get(node.output[0])
    branch = after is not None and after.op_type == "Add" and not any(name in constants for name in after.input)
    if after is not None and after.op_type == "BatchNormalization":
        after = reader.get(after.output[0])
    rectified = after is not None and after.op_type in ACTIVATIONS
    return (0.5 if branch else 1) * np.sqrt(2 if rectified else 1)


class Flow(OnnxNet):
    def operand(self, known, name):
        value = super().operand(known, name)
        return value.double() if value.is_floating_point() else value

    @staticmethod
    def apply_node(node, a, x):
        """Functions at their limits for large arguments, as npusim's synflow takes them."""
        if node.op_type in ("Clip", "HardSwish"):
            return x[0]
        if node.op_type in ("Sigmoid", "HardSigmoid"):
            return torch.ones_like(x[0])
        return OnnxNet.apply_node(node, a, x)


def synflow(path):
    model = onnx.load(str(path))
    nodes = list(model.graph.node)
    shapes = {tensor.name: numpy_helper.to_array(tensor).shape for tensor in model.graph.initializer}
    net = Flow(model).double()
    for norm in net.norms:
        net.norms[norm] = torch.nn.Identity()
    learned = []
    for node in nodes:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        shape = shapes[node.input[1]]
        inputs = int(np.prod(shape[1:])) if node.op_type == "Conv" else shape[1] if node.op_type == "Gemm" else shape[0]
        bound = scale_of(nodes, node, shapes) * np.sqrt(3 / inputs)
        weight = net.weights[net.key(node.input[1])]
        drawn = uniform(node.input[1], shape, bound)
        weight.data = torch.from_numpy(np.abs(drawn)).double()
        learned.append(weight)
        for bias in node.input[2:]:
            net.weights[net.key(bias)].data.zero_()
    size = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    net(torch.ones(size, dtype=torch.float64)).sum().backward()
    return float(sum((w * w.grad).abs().sum() for w in learned if w.grad is not None).log())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("npusim")
    parser.add_argument("--spaces", default="nb201,proxyless@32")
    parser.add_argument("--networks", default=3, type=int)
    args = parser.parse_args()
    worst = 0
    print("| network | npusim | PyTorch | difference |\n|---|---|---|---|")
    for space in args.spaces.split(","):
        with tempfile.TemporaryDirectory() as folder:
            words = [args.npusim, "search", "--hw", "vpu-meteorlake", "--space", space, "--strategy", "random",
                     "--budget", 10 * args.networks, "--no-store", "--weights", "-o", folder]
            subprocess.run([str(word) for word in words], check=True, capture_output=True)
            front = json.loads((pathlib.Path(folder) / "search.json").read_text())["front"]
            for member in front[:args.networks]:
                theirs = synflow(pathlib.Path(folder) / member["onnx"])
                difference = abs(theirs - member["score"])
                worst = max(worst, difference)
                print(f"| {member['network']} | {member['score']:.9f} | {theirs:.9f} | {difference:.1e} |", flush=True)
    sys.exit(1 if worst > 1e-5 else 0)


if __name__ == "__main__":
    main()
