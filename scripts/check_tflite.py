#!/usr/bin/env python3
"""Judges npusim's reading of TFLite files by TensorFlow's own packages.

  check_tflite.py TFLITE_RUN FILE...    executes each file with npusim's reference executor (the build's tflite_run) and
                                        with the interpreter of ai-edge-litert on the same random input, and prints how
                                        far the tensors are apart
  check_tflite.py --schema              compares workloads/tflite/schema.fbs with the schema that ai-edge-litert installs

Of a quantised tensor differences are in steps of its scale: the share of elements that differ, and the most. "alone" is an
operator on the interpreter's own operands, "whole run" the network from its inputs. Exits with 77, ctest's code for a
skipped test, without the packages numpy and ai-edge-litert.
"""
import os
import re
import subprocess
import sys
import tempfile

SKIPPED = 77


def real(numpy, array, detail):
    """An array as the real numbers that it stands for."""
    scales = detail["quantization_parameters"]["scales"]
    if len(scales) != 1 or array.dtype.kind not in "iu":
        return array.astype(numpy.float32)
    zero = detail["quantization_parameters"]["zero_points"][0]
    return ((array.astype(numpy.float64) - zero) * numpy.float64(scales[0])).astype(numpy.float32)


def write_tensors(numpy, litert, model, rng, path):
    """Runs a model (bytes) on random input; writes inputs and all results of operators as tests/tflite/judge.h says."""
    runner = litert.Interpreter(model_content=model, experimental_preserve_all_tensors=True,
                                experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    runner.allocate_tensors()
    details = {detail["index"]: detail for detail in runner.get_tensor_details()}
    wanted = [detail["index"] for detail in runner.get_input_details()]
    for index in wanted:
        kind, shape = numpy.dtype(details[index]["dtype"]), details[index]["shape"]
        if kind.kind == "f":
            array = rng.uniform(-1, 1, shape).astype(kind)
        else:
            low, high = (0, 2) if kind.itemsize > 1 else (numpy.iinfo(kind).min, numpy.iinfo(kind).max + 1)
            array = rng.integers(low, high, shape).astype(kind)
        runner.set_tensor(index, array)
    runner.invoke()
    for op in runner._get_ops_details():
        wanted += [index for index in op["outputs"] if index in details and details[index]["name"]]
    with open(path, "wb") as file:
        for index in wanted:
            array = real(numpy, runner.get_tensor(index), details[index])
            file.write(f"{details[index]['name']} {array.size}\n".encode() + array.tobytes())


def judge(numpy, litert, run, path):
    with tempfile.TemporaryDirectory() as folder, open(path, "rb") as file:
        tensors = os.path.join(folder, "tensors")
        write_tensors(numpy, litert, file.read(), numpy.random.default_rng(1), tensors)
        print(path, flush=True)
        return subprocess.run([run, path, tensors], check=False).returncode == 0


def names_of(module, table):
    """The fields of a table by slot, from the code that flatc generates for Python."""
    slots = {}
    source = open(module.__file__, encoding="utf-8").read()
    for match in re.finditer(rf"^def {table}Add(\w+)\(builder, .*?\):\n?\s*builder\.Prepend\w+?Slot\((\d+),", source, re.M):
        slots[int(match[2])] = match[1].lower()
    return slots


def check_schema():
    from ai_edge_litert import schema_py_generated as module
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    text = open(os.path.join(folder, "workloads/tflite/schema.fbs"), encoding="utf-8").read()
    text = re.sub(r"//.*", "", text)
    faults, unions = [], {}
    for kind, name, body in re.findall(r"(enum|union|table) (\w+)[^{]*{([^}]*)}", text):
        if kind != "table":
            numbers = {entry.split("=")[0].strip(): int(entry.split("=")[1]) for entry in body.split(",") if "=" in entry}
            theirs = getattr(module, name)
            faults += [f"{name}.{key} is {value}, theirs is {getattr(theirs, key, None)}" for key, value in numbers.items()
                       if getattr(theirs, key, None) != value]
            unions.update({name: True} if kind == "union" else {})
            continue
        slots, slot = names_of(module, name), 0
        for field, kind_of_field in re.findall(r"(\w+):\s*(\[?\w+\]?)[^;]*;", body):
            if kind_of_field in unions:
                slot += 1  # the union's type comes first
            own = field.replace("_", "").lower()
            deprecated = re.search(rf"\b{field}:[^;]*deprecated", body)
            if not deprecated and slots.get(slot) != own:
                faults.append(f"{name}.{field} is field {slot}, which is theirs '{slots.get(slot)}'")
            slot += 1
    print("\n".join(faults) if faults else "the schema agrees")
    return not faults


def main():
    try:
        import numpy
        from ai_edge_litert import interpreter as litert
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    if sys.argv[1:] == ["--schema"]:
        return 0 if check_schema() else 1
    results = [judge(numpy, litert, sys.argv[1], path) for path in sys.argv[2:]]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
