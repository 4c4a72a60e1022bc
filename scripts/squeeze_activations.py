#!/usr/bin/env python3
"""Measures how much each Squeeze-and-Excitation of a trained network does, for `npusim scale --activations`:

    squeeze_activations.py SCALE_JSON NET.onnx IMAGES.npy [BATCH] > activations.csv

SCALE_JSON is what `npusim scale` wrote beside the network: it names every block's gate. NET.onnx is that network,
trained (the same tensor names). IMAGES.npy is a float32 array [images, C, H, W], normalised as in training; S3NAS took
10,000 training images. For every channel of a gate the standard deviation of its values over the images is taken, and
of these the mean over channels. BATCH (1 unless given) images run at once, if the file's input allows it. Needs onnx,
onnxruntime and numpy.
"""
import json
import sys


def deviations(onnx, onnxruntime, numpy, model, gates, images, batch):
    """By block, the mean over channels of the standard deviation over images."""
    known = {output.name for output in model.graph.output}
    for gate in gates.values():
        if gate not in known:
            model.graph.output.append(onnx.helper.make_tensor_value_info(gate, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    name = session.get_inputs()[0].name
    rows = {block: [] for block in gates}
    for start in range(0, len(images), batch):
        values = session.run(list(gates.values()), {name: images[start:start + batch]})
        for block, value in zip(gates, values):
            rows[block].append(value.reshape(value.shape[0], -1))
    return {block: float(numpy.concatenate(parts).std(axis=0).mean()) for block, parts in rows.items()}


def gates_of(path):
    with open(path, encoding="utf-8") as file:
        finish = json.load(file).get("finish", {})
    return {one["block"]: one["gate"] for one in finish.get("excitations", []) if one["kept"]}


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    import numpy
    import onnx
    import onnxruntime
    gates = gates_of(sys.argv[1])
    if not gates:
        sys.exit(f"{sys.argv[1]}: no Squeeze-and-Excitation: expected scale.json of --squeeze-excite")
    batch = int(sys.argv[4]) if len(sys.argv) == 5 else 1
    images = numpy.load(sys.argv[3]).astype(numpy.float32)
    print("block,std")
    for block, value in deviations(onnx, onnxruntime, numpy, onnx.load(sys.argv[2]), gates, images, batch).items():
        print(f"{block},{value:.6g}")


if __name__ == "__main__":
    main()
