#!/usr/bin/env python3
"""Judges exported networks with Python's onnx: check_exports.py EXPORT_NETWORKS_PROGRAM

Exports every built-in network, and then, for each file, runs onnx.checker with full (strict) shape inference, and
counts parameters and MACs once more from the ONNX file alone. Exits with 77, ctest's code for a skipped test, when
the package onnx is missing. With onnxruntime installed it also runs a few networks with embedded random weights.
"""
import csv
import io
import math
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
RUN = ["resnet8", "squeezenet1_1", "googlenet", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_lite0",
       "isynet_n1", "mnasnet0_5", "vit_b_32"]


def external_size(model):
    """Bytes that the external data file would have."""
    size = 0
    for tensor in model.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if entries:
            size = max(size, int(entries["offset"]) + int(entries["length"]))
    return size


def counts(onnx, model):
    """Parameters and MACs, from the file alone."""
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    integers = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT64}
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    for value in list(inferred.graph.value_info) + list(inferred.graph.input) + list(inferred.graph.output):
        shapes[value.name] = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    statistics = {name for node in model.graph.node if node.op_type == "BatchNormalization" for name in node.input[3:]}
    parameters = sum(math.prod(tensor.dims) for tensor in model.graph.initializer
                     if tensor.dims and tensor.name not in statistics | integers)
    macs = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            macs += math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "ConvTranspose":  # every input element meets every tap of its group's outputs
            macs += math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul"):
            macs += math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return parameters, macs


def check(onnx, folder, row):
    path = os.path.join(folder, row["name"] + ".onnx")
    model = onnx.load(path, load_external_data=False)
    size = external_size(model)
    if size:  # the checker insists on the file: give it one of holes
        with open(path.replace(".onnx", ".weights"), "wb") as weights:
            weights.truncate(size)
    onnx.checker.check_model(path, full_check=True)
    expected = int(row["parameters"]), int(row["macs"])
    assert counts(onnx, model) == expected, f"{row['name']}: counts {counts(onnx, model)}, expected {expected}"
    assert model.opset_import[0].version == 13 and model.ir_version == 7, row["name"]
    return path


def run(folder, name):
    import numpy
    import onnxruntime
    session = onnxruntime.InferenceSession(os.path.join(folder, name + ".onnx"), providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    image = numpy.random.default_rng(1).standard_normal(given.shape).astype(numpy.float32)
    (result,) = session.run(None, {given.name: image})
    assert list(result.shape) == session.get_outputs()[0].shape and numpy.isfinite(result).all(), name
    assert result.std() > 0, f"{name}: all outputs are equal"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        import onnx
    except ImportError:
        print("skipped: Python has no package onnx")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        listing = subprocess.run([sys.argv[1], folder], check=True, capture_output=True, text=True).stdout
        rows = list(csv.DictReader(io.StringIO(listing)))
        for row in rows:
            check(onnx, folder, row)
        print(f"{len(rows)} networks accepted by onnx {onnx.__version__}, with equal parameters and MACs")
        try:
            import onnxruntime
        except ImportError:
            return 0
        subprocess.run([sys.argv[1], folder, "--with-weights", *RUN], check=True, capture_output=True)
        for name in RUN:
            onnx.checker.check_model(os.path.join(folder, name + ".onnx"), full_check=True)
            run(folder, name)
        print(f"{len(RUN)} networks run by onnxruntime {onnxruntime.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
