#!/usr/bin/env python3
"""An accuracy evaluator for `npusim search --evaluator command:...`: trains each network with PyTorch.

Usage: npusim search ... --evaluator "command:python3 scripts/search_evaluator_pytorch.py DATA [--epochs 5]"

DATA is a NumPy file (np.savez) with images [N,C,H,W], integer labels [N], and optionally test_images, test_labels
(else every fifth image tests). The protocol: for each line {"id": .., "onnx": path, "encoding": ..} on standard input
one line {"id": .., "accuracy": share} or {"id": .., "error": why} on standard output; everything for people goes to
standard error. Needs torch, numpy and onnx. Networks are built from the ONNX file's structure; its weights are
placeholders and are drawn anew.
"""
import argparse
import json
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


class OnnxNet(torch.nn.Module):
    """The operators that npusim's spaces export, trainable."""

    def __init__(self, model):
        super().__init__()
        self.nodes = list(model.graph.node)
        self.input, self.output = model.graph.input[0].name, model.graph.output[0].name
        self.constants, self.weights, self.norms = {}, torch.nn.ParameterDict(), torch.nn.ModuleDict()
        values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        learned = {name for node in self.nodes if node.op_type in ("Conv", "Gemm", "MatMul") for name in node.input[1:]}
        for name, value in values.items():
            if name in learned:
                weight = torch.empty(value.shape)
                if weight.dim() > 1:
                    torch.nn.init.kaiming_normal_(weight, mode="fan_out")
                else:
                    weight.zero_()
                self.weights[self.key(name)] = torch.nn.Parameter(weight)
            else:
                self.constants[name] = torch.tensor(value)
        for node in self.nodes:
            if node.op_type == "BatchNormalization":
                self.norms[self.key(node.output[0])] = torch.nn.BatchNorm2d(len(values[node.input[1]]))

    @staticmethod
    def key(name):
        return name.replace(".", "|")

    def operand(self, known, name):
        if name in known:
            return known[name]
        return self.weights[self.key(name)] if self.key(name) in self.weights else self.constants[name]

    def forward(self, x):
        known = {self.input: x}
        for node in self.nodes:
            inputs = [self.operand(known, name) for name in node.input if name and node.op_type != "BatchNormalization"]
            if node.op_type == "BatchNormalization":
                known[node.output[0]] = self.norms[self.key(node.output[0])](known[node.input[0]])
            else:
                known[node.output[0]] = self.apply_node(node, attributes(node), inputs)
        return known[self.output]

    @staticmethod
    def apply_node(node, a, x):
        if node.op_type == "Conv":
            top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
            return F.conv2d(F.pad(x[0], (left, right, top, bottom)), x[1], x[2] if len(x) > 2 else None,
                            stride=a.get("strides", [1, 1]), dilation=a.get("dilations", [1, 1]),
                            groups=a.get("group", 1))
        if node.op_type == "Gemm":
            return x[0] @ (x[1].T if a.get("transB", 0) else x[1]) + (x[2] if len(x) > 2 else 0)
        if node.op_type in ("AveragePool", "MaxPool"):
            top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
            kind = F.avg_pool2d if node.op_type == "AveragePool" else F.max_pool2d
            fill = 0.0 if node.op_type == "AveragePool" else float("-inf")
            if node.op_type == "AveragePool" and any([top, left, bottom, right]) and not a.get("count_include_pad", 0):
                ones = F.pad(torch.ones_like(x[0][:1, :1]), (left, right, top, bottom))
                shares = F.avg_pool2d(ones, a["kernel_shape"], a.get("strides", [1, 1]))
                return F.avg_pool2d(F.pad(x[0], (left, right, top, bottom)), a["kernel_shape"],
                                    a.get("strides", [1, 1])) / shares
            return kind(F.pad(x[0], (left, right, top, bottom), value=fill), a["kernel_shape"], a.get("strides", [1, 1]))
        simple = {
            "Relu": lambda: F.relu(x[0]), "Clip": lambda: torch.clamp(x[0], float(x[1]), float(x[2])),
            "Add": lambda: x[0] + x[1], "Mul": lambda: x[0] * x[1], "Div": lambda: x[0] / x[1],
            "Sigmoid": lambda: torch.sigmoid(x[0]),
            "HardSigmoid": lambda: torch.clamp(x[0] * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1),
            "HardSwish": lambda: F.hardswish(x[0]), "LeakyRelu": lambda: F.leaky_relu(x[0], a.get("alpha", 0.01)),
            "Concat": lambda: torch.cat(x, a["axis"]), "Flatten": lambda: x[0].flatten(a.get("axis", 1)),
            "GlobalAveragePool": lambda: x[0].mean((2, 3), keepdim=True), "Identity": lambda: x[0],
            "ReduceMean": lambda: x[0].mean(tuple(a["axes"]), keepdim=bool(a.get("keepdims", 1))),
            "MatMul": lambda: x[0] @ x[1], "Softmax": lambda: F.softmax(x[0], a.get("axis", -1)),
            "Reshape": lambda: x[0].reshape([x[0].shape[0]] + [int(n) for n in x[1][1:]]),
        }
        if node.op_type not in simple:
            raise ValueError(f"operator {node.op_type} is not in this example")
        return simple[node.op_type]()


def accuracy(path, data, epochs, device):
    torch.manual_seed(1)
    net = OnnxNet(onnx.load(path)).to(device)
    net.constants = {name: value.to(device) for name, value in net.constants.items()}
    images, labels, test_images, test_labels = (part.to(device) for part in data)
    steps = epochs * max(1, len(images) // 128)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    net.train()
    for _ in range(steps):
        batch = torch.randint(len(images), (128,), device=device)
        optimiser.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimiser.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        hits = sum((net(x).argmax(1) == y).sum().item() for x, y in zip(test_images.split(256), test_labels.split(256)))
    return hits / len(test_labels)


def load(path):
    file = np.load(path)
    images, labels = file["images"].astype(np.float32), file["labels"].astype(np.int64)
    if "test_images" in file:
        parts = images, labels, file["test_images"].astype(np.float32), file["test_labels"].astype(np.int64)
    else:
        held = np.arange(len(images)) % 5 == 0
        parts = images[~held], labels[~held], images[held], labels[held]
    return [torch.from_numpy(part) for part in parts]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = load(args.data)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"id": asked["id"], "accuracy": accuracy(asked["onnx"], data, args.epochs, device)}
        except Exception as error:  # the search goes on without this network
            answer = {"id": asked["id"], "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
