#!/usr/bin/env python3
"""Judges npusim's reference executor by onnxruntime.

  check_reference.py REFERENCE_RUN --folder DIR [NAME...]    the ONNX files of a folder; weights that are external and
                                                             absent become random (He's variance)
  check_reference.py REFERENCE_RUN --zoo EXPORT_NETWORKS NAME...    built-in networks, exported with random weights

Both run the same file on the same random input (batch 1). Prints, of each network, the largest difference of any output
relative to that output's peak, the executor's own figures (see tests/reference/reference_run.cpp), and fails beyond
1e-4. Exits with 77, ctest's code for a skipped test, without the packages numpy, onnx and onnxruntime.
"""
import glob
import math
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-4


def fill(onnx, numpy, model, rng):
    """Gives every external weight values: of He's variance, and positive where a variance or a scale is."""
    roles = {}
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            roles.setdefault(name, (node.op_type, i))
    for tensor in model.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        dims = list(tensor.dims)
        op, position = roles.get(tensor.name, ("", 0))
        if op == "BatchNormalization":
            values = rng.uniform(0.5, 1.5, dims) if position in (1, 4) else rng.uniform(-0.1, 0.1, dims)
        elif len(dims) < 2:
            values = rng.uniform(-0.1, 0.1, dims)
        else:
            fan_in = math.prod(dims[1:]) if op in ("Conv", "Gemm") else dims[-2]
            values = rng.standard_normal(dims) * math.sqrt(1.5 / fan_in)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        filled = onnx.numpy_helper.from_array(numpy.asarray(values).astype(dtype), tensor.name)
        tensor.CopyFrom(filled)


def make_inputs(onnx, numpy, model, rng):
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = {}
    for value in model.graph.input:
        if value.name in weights:
            continue
        shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        inputs[value.name] = rng.uniform(-1, 1, shape).astype(numpy.float32)
    return inputs


def judge(packages, run, name, model, folder):
    onnx, onnxruntime, numpy = packages
    path = os.path.join(folder, "model.onnx")
    onnx.save(model, path)
    inputs = make_inputs(onnx, numpy, model, numpy.random.default_rng(2))
    with open(os.path.join(folder, "inputs"), "wb") as file:
        for array in inputs.values():
            file.write(array.tobytes())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    expected = session.run(None, inputs)
    done = subprocess.run([run, path, os.path.join(folder, "inputs"), os.path.join(folder, "outputs")],
                          capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{name}: {done.stderr.strip()}")
        return False
    computed = numpy.fromfile(os.path.join(folder, "outputs"), numpy.float32)
    worst = 0.0
    for array in expected:
        own, computed = computed[:array.size].astype(numpy.float64), computed[array.size:]
        error = numpy.abs(own - array.reshape(-1)).max() / numpy.abs(array).max()
        worst = max(worst, float("inf") if math.isnan(error) else error)
    figures = ", ".join(done.stdout.split("\n")[:-1])
    print(f"{name}: onnxruntime {worst:.3g}, {figures}", flush=True)
    return worst <= TOLERANCE and computed.size == 0


def main():
    try:
        import numpy
        import onnx
        import onnxruntime
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    packages, run, mode, place, names = (onnx, onnxruntime, numpy), sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    good = True
    with tempfile.TemporaryDirectory() as folder:
        if mode == "--zoo":
            exported = os.path.join(folder, "zoo")
            os.mkdir(exported)
            subprocess.run([place, exported, "--with-weights", *names], check=True, stdout=subprocess.DEVNULL)
            place = exported
        for path in sorted(glob.glob(os.path.join(place, "*.onnx"))):
            name = os.path.splitext(os.path.basename(path))[0]
            if mode == "--folder" and names and name not in names:
                continue
            model = onnx.load(path, load_external_data=False)
            fill(onnx, numpy, model, numpy.random.default_rng(1))
            good = judge(packages, run, name, model, folder) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
