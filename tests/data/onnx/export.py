"""Makes mobilenet_v3_small_bn.onnx and shufflenet_v2_dynamic.onnx with Debian 12's python3-torch (1.13) and
python3-torchvision (0.14): batch norms kept, and a batch that stays open. Weights are left out: values of more than
256 bytes are marked as external data in a file that does not exist."""
import os
import sys

import torch
import torchvision


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytearray([value]))


def fields(message):
    """(number, wire type, raw field, contents) of each field of a protobuf message."""
    at = 0
    while at < len(message):
        start, tag, shift = at, 0, 0
        while True:
            byte = message[at]
            at += 1
            tag |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        kind = tag & 7
        if kind == 2:
            size, shift = 0, 0
            while True:
                byte = message[at]
                at += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            contents = message[at:at + size]
            at += size
        else:
            contents = b""
            if kind == 0:
                while message[at] >= 0x80:
                    at += 1
                at += 1
            else:
                at += 8 if kind == 1 else 4
        yield tag >> 3, kind, message[start:at], contents


def field(number, contents):
    return varint(number << 3 | 2) + varint(len(contents)) + contents


def strip_tensor(tensor):
    out, raw = b"", None
    for number, _, whole, contents in fields(tensor):
        if number == 9 and len(contents) > 256:
            raw = contents
        else:
            out += whole
    if raw is None:
        return tensor
    for key, value in (("location", "weights.bin"), ("length", str(len(raw)))):
        out += field(13, field(1, key.encode()) + field(2, value.encode()))
    return out + varint(14 << 3) + varint(1)


def strip(model):
    out = b""
    for number, _, whole, contents in fields(model):
        if number != 7:
            out += whole
            continue
        graph = b""
        for inner, _, part, body in fields(contents):
            graph += field(5, strip_tensor(body)) if inner == 5 else part
        out += field(7, graph)
    return out


def export(name, model, **options):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    torch.onnx.export(model.eval(), torch.randn(1, 3, 224, 224), path, input_names=["input"], output_names=["logits"],
                      **options)
    with open(path, "rb") as file:
        model = file.read()
    with open(path, "wb") as file:
        file.write(strip(model))
    print(path, os.path.getsize(path), file=sys.stderr)


torch.manual_seed(1)
export("mobilenet_v3_small_bn.onnx", torchvision.models.mobilenet_v3_small(weights=None), opset_version=11,
       training=torch.onnx.TrainingMode.PRESERVE)
export("shufflenet_v2_dynamic.onnx", torchvision.models.shufflenet_v2_x1_0(weights=None), opset_version=13,
       dynamic_axes={"input": {0: "batch"}})
