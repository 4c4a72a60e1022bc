#!/usr/bin/env python3
"""Copies ONNX's own operator tests into tests/data/onnx_node: update_onnx_node_tests.py WHEEL_OR_FOLDER [OUT]

WHEEL_OR_FOLDER is the wheel of the Python package onnx (1.17.0 was used: later ones no longer ship the data), or a
folder onnx/backend/test/data/node. A test there is a model of one operator (or of the operators that ONNX defines it
with), inputs and expected outputs. Of each, one model is written: the test's, with the inputs as initializers of their
own names and the expected outputs as initializers "expected:NAME". All are in one file, tests.bin: for each test a line
"NAME BYTES" and then the serialised model. Taken are the tests whose operators workloads/onnx imports, of at most 24 KB.
"""
import os
import sys
import zipfile

import onnx

SUPPORTED = set("""
Abs Add And AveragePool BatchNormalization Cast CastLike Clip Concat Constant ConstantOfShape Conv ConvTranspose
DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm
GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity InstanceNormalization
LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mish Mul Neg Not Or PRelu Pad Pow
QuantizeLinear Range Reciprocal ReduceMax ReduceMean ReduceSum Relu Reshape Resize Round Shape Sigmoid Size Slice
Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze Upsample Where
""".split())
TYPES = {getattr(onnx.TensorProto, name)
         for name in "FLOAT DOUBLE FLOAT16 UINT8 INT8 INT16 INT32 INT64 BOOL".split()}
MOST_BYTES = 24 * 1024
LEFT_OUT = [
    "_3d_dilations", "convtranspose_3d",  # three spatial dimensions
    "averagepool_3d", "tf_crop_and_resize", "wrap_pad", "argmax_2d", "einsum_batch_diagonal",  # refused by import
    "quantizelinear_blocked",  # scales by blocks: refused by the executor
    "empty_set", "zero_size", "allowzero", "range_",  # empty tensors; a range of run-time length
    "not_2d", "not_3d", "not_4d",  # opset 1
    "training_",
    # ONNX divides by scale * size - 1 here; PyTorch, TensorFlow and onnxruntime by the output's size - 1, as we do.
    "resize_downsample_scales_cubic_align_corners", "resize_downsample_scales_linear_align_corners",
]


class Folder:
    def __init__(self, path):
        self.path = path

    def names(self):
        return sorted(name for name in os.listdir(self.path) if name.startswith("test_"))

    def read(self, name):
        path = os.path.join(self.path, name)
        return open(path, "rb").read() if os.path.exists(path) else None


class Wheel:
    PREFIX = "onnx/backend/test/data/node/"

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        self.files = set(self.zip.namelist())

    def names(self):
        return sorted({name[len(self.PREFIX):].split("/")[0] for name in self.files
                       if name.startswith(self.PREFIX + "test_")})

    def read(self, name):
        name = self.PREFIX + name
        return self.zip.read(name) if name in self.files else None


def tensors(source, name, kind, values):
    """The test's tensors by value name; None when one is no plain tensor."""
    result = []
    for i, value in enumerate(values):
        data = source.read(f"{name}/test_data_set_0/{kind}_{i}.pb")
        if data is None or not value.type.HasField("tensor_type"):
            return None
        tensor = onnx.TensorProto()
        tensor.ParseFromString(data)
        tensor.name = value.name
        result.append(tensor)
    return result


def typed(model):
    """Whether all tensors have types that npusim represents: no strings, and nothing unsigned beyond 8 bits, below 8
    bits or of float8."""
    tensors = list(model.graph.initializer) + [a.t for node in model.graph.node for a in node.attribute if a.type == 4]
    types = {v.type.tensor_type.elem_type for v in list(model.graph.input) + list(model.graph.output)}
    return types | {tensor.data_type for tensor in tensors} <= TYPES


def keep_first_output(graph):
    """Drops the second and later results of operators whose first one is all that inference needs."""
    for node in graph.node:
        if node.op_type in ("LayerNormalization", "Dropout", "MaxPool"):
            dropped = set(node.output[1:])
            del node.output[1:]
            kept = [value for value in graph.output if value.name not in dropped]
            del graph.output[:]
            graph.output.extend(kept)


def pack(source, name):
    """The test as one serialised model; None when it is not one of ours."""
    model = onnx.load_model_from_string(source.read(f"{name}/model.onnx"))
    graph = model.graph
    if {node.op_type for node in graph.node} - SUPPORTED or any(node.domain not in ("", "ai.onnx")
                                                                for node in graph.node):
        return None
    if any(node.op_type == "BatchNormalization" and len(node.output) > 1 for node in graph.node):
        return None  # training
    if not typed(model) or any(part in name for part in LEFT_OUT):
        return None
    given, expected = (tensors(source, name, "input", graph.input), tensors(source, name, "output", graph.output))
    if given is None or expected is None:
        return None
    keep_first_output(graph)
    expected = expected[:len(graph.output)]
    for tensor in expected:
        tensor.name = "expected:" + tensor.name
    graph.initializer.extend(given + expected)
    graph.doc_string = ""
    model.producer_name = "onnx backend test " + name
    data = model.SerializeToString()
    return data if len(data) <= MOST_BYTES else None


def main():
    source = Wheel(sys.argv[1]) if sys.argv[1].endswith(".whl") else Folder(sys.argv[1])
    out = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "../tests/data/onnx_node")
    os.makedirs(out, exist_ok=True)
    count = 0
    path = os.path.join(out, "tests.bin")
    with open(path, "wb") as file:
        for name in source.names():
            data = pack(source, name)
            if data is None:
                continue
            file.write(f"{name[len('test_'):]} {len(data)}\n".encode() + data)
            count += 1
    print(f"{count} tests, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
