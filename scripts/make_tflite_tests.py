#!/usr/bin/env python3
"""Makes the TFLite files of tests/data/tflite: small networks, converted by TensorFlow and run by its interpreter.

  make_tflite_tests.py FOLDER        needs the PyPI packages tensorflow-cpu and ai-edge-litert; not run by tests or CI

For each network NAME it writes NAME.tflite and NAME.tensors: a random input, and what the interpreter computes of it
(tests/tflite/judge.h). The files there are of TensorFlow 2.21 and ai-edge-litert 2.3.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import check_tflite  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from ai_edge_litert import interpreter as litert  # noqa: E402

rng = np.random.default_rng(1)


def weight(*shape):
    fan_in = np.prod(shape[:-1]) if len(shape) != 4 or shape[2] != 1 else shape[0] * shape[1]
    return tf.constant(rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32))


def bias(channels):
    return tf.constant(rng.uniform(-0.1, 0.1, channels).astype(np.float32))


def conv(x, out, kernel, stride=1, padding="SAME", dilation=1):
    w = weight(kernel, kernel, x.shape[-1], out)
    return tf.nn.bias_add(tf.nn.conv2d(x, w, stride, padding, dilations=dilation), bias(out))


def depthwise(x, kernel, stride=1, multiplier=1, padding="SAME"):
    channels = x.shape[-1]
    w = weight(kernel, kernel, channels, multiplier)
    y = tf.nn.depthwise_conv2d(x, w, [1, stride, stride, 1], padding)
    return tf.nn.bias_add(y, bias(channels * multiplier))


def classifier(x):
    """Separable convolutions, a residual, both pools: odd and even sizes under strides of 2."""
    x = tf.nn.relu6(conv(x, 8, 3, 2))
    y = tf.nn.relu6(depthwise(x, 3))
    y = conv(y, 8, 1)
    x = tf.nn.relu(x + y)
    x = tf.nn.relu6(depthwise(x, 5, 2, 2))
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    x = tf.nn.relu(conv(x, 24, 3, 1, "VALID"))
    x = tf.reduce_mean(x, [1, 2])
    return tf.nn.softmax(tf.matmul(x, weight(24, 10)) + bias(10))


def decoder(x):
    """What dense prediction is made of."""
    low = tf.nn.relu(conv(x, 8, 3, 2))
    x = tf.nn.relu6(conv(low, 12, 3, 2))
    x = x * tf.nn.sigmoid(conv(tf.reduce_mean(x, [1, 2], keepdims=True), 12, 1))
    x = tf.nn.avg_pool2d(x, 3, 1, "SAME")
    shape = [1, low.shape[1], low.shape[2], 8]
    up = tf.nn.conv2d_transpose(x, weight(3, 3, 8, 12), shape, 2, "SAME")
    x = tf.concat([tf.image.resize(x, low.shape[1:3]), up, low], -1)
    first, second = tf.split(x, 2, -1)
    x = tf.nn.leaky_relu(conv(first, 16, 1), 0.2) + tf.nn.tanh(conv(second, 16, 1))
    x = tf.nn.depth_to_space(x, 2)
    return tf.image.resize(conv(x, 3, 1), [16, 20], "nearest")


def views(x):
    """Operators that move elements, and those of a transformer."""
    x = tf.pad(x, [[0, 0], [1, 0], [0, 2], [0, 0]])
    x = tf.nn.relu(conv(x, 8, 3, 1, "VALID"))
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    x = tf.nn.space_to_depth(x[:, :8, 1:9:1, :], 2)
    tokens = tf.reshape(x, [1, 16, 32])
    tokens = tf.nn.l2_normalize(tokens, -1, epsilon=1e-12)
    query = tf.reshape(tf.tensordot(tokens, weight(32, 32), 1), [1, 16, 4, 8])
    query = tf.transpose(query, [0, 2, 1, 3])
    scores = tf.nn.softmax(tf.matmul(query, query, transpose_b=True) * 0.35)
    y = tf.transpose(tf.matmul(scores, query), [0, 2, 1, 3])
    y = tf.nn.gelu(tf.reshape(y, [1, 4, 4, 32]) + x)
    y = conv(y, 16, 3)
    return tf.stack([y[:, 0, ::2, :], y[:, -1, ::-2, :]], 1)


def convert(function, shape, kind):
    concrete = tf.function(function).get_concrete_function(tf.TensorSpec([1, *shape], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if kind.startswith("int8"):
        samples = [rng.uniform(-1, 1, (1, *shape)).astype(np.float32) for _ in range(20)]
        converter.representative_dataset = lambda: ([sample] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if kind == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, function, shape, kind in [("classifier_int8", classifier, (33, 32, 3), "int8"),
                                        ("classifier_float_io_int8", classifier, (33, 32, 3), "int8-float-io"),
                                        ("classifier_float", classifier, (33, 32, 3), "float"),
                                        ("classifier_fp16", classifier, (33, 32, 3), "fp16"),
                                        ("classifier_weights_int8", classifier, (33, 32, 3), "weights"),
                                        ("decoder_int8", decoder, (18, 16, 3), "int8"),
                                        ("decoder_float", decoder, (18, 16, 3), "float"),
                                        ("views_int8", views, (9, 9, 3), "int8"),
                                        ("views_float", views, (9, 9, 3), "float")]:
        model = convert(function, shape, kind)
        with open(os.path.join(folder, f"{name}.tflite"), "wb") as file:
            file.write(model)
        check_tflite.write_tensors(np, litert, model, rng, os.path.join(folder, f"{name}.tensors"))
        print(f"{name}: {len(model)} bytes", flush=True)


if __name__ == "__main__":
    main()
