// The profiled software operators of Meteor Lake's SHAVEs: microseconds = launch + rate * bytes, one SHAVE at
// 975 MHz. Source: intel/npu-nn-cost-model, src/shave/shave_layers_vpu_2_7.csv.
#pragma once

#include <array>

#include "hw_models/vpu/spec.h"

namespace npusim::vpu {

struct ShaveRow {
  const char* name = nullptr;
  ShaveCost cost;
};

inline constexpr std::array<ShaveRow, 49> kShaveTable = {{
    {"abs", {2.72501, 0.000176761}},       {"sigmoid", {3.15942, 0.000148469}},
    {"clamp", {2.88561, 0.0270966}},       {"cos", {2.16498, 0.0225557}},
    {"cumsum", {3.47019, 0.00359833}},     {"hsigmoid", {3.22734, 0.000642923}},
    {"elu", {2.96259, 0.000459561}},       {"mish", {2.91829, 0.00125281}},
    {"floor", {2.24365, 0.0051412}},       {"erf", {6.5381, 0.01645}},
    {"exp", {2.73601, 0.000417882}},       {"sqrt", {2.87802, 0.000417944}},
    {"ceiling", {4.10789, 0.00506041}},    {"logicalnot", {13.3653, 0.0141806}},
    {"log", {2.54865, 0.000417452}},       {"acos", {7.44428, 0.156918}},
    {"acosh", {8.15591, 0.114555}},        {"asin", {7.67525, 0.180585}},
    {"asinh", {8.55191, 0.207577}},        {"atan", {2.23443, 0.0915045}},
    {"atanh", {3.17751, 0.0770903}},       {"tan", {2.73376, 0.111954}},
    {"sin", {7.49897, 0.0912408}},         {"sinh", {2.62754, 0.000899276}},
    {"cosh", {2.46105, 0.000899321}},      {"selu", {2.58858, 0.0011726}},
    {"tanh", {2.97376, 0.00029934}},       {"round", {2.90377, 0.00268263}},
    {"swish", {3.19888, 0.000648402}},     {"hswish", {3.95383, 0.000724656}},
    {"hardswish", {3.93413, 0.000725195}}, {"hardsigmoid", {4.12905, 0.000745113}},
    {"sign", {4.53301, 0.0224905}},        {"gelu", {4.26147, 0.00160425}},
    {"div", {8.83586, 0.0658015}},         {"equal", {4.23796, 0.075055}},
    {"less", {8.58707, 0.150108}},         {"max", {8.16831, 0.136743}},
    {"greater", {8.71317, 0.150108}},      {"power", {13.0703, 0.363491}},
    {"floormod", {5.58393, 0.160246}},     {"greatereq", {8.66315, 0.15011}},
    {"logicaland", {7.57163, 0.156278}},   {"logicalor", {7.48539, 0.156278}},
    {"logicalxor", {7.50597, 0.156279}},   {"lesseq", {7.4252, 0.150111}},
    {"min", {7.07446, 0.12749}},           {"notequal", {7.41448, 0.150109}},
    {"select", {14.5357, 0.140855}},
}};

/// VPUNN's cost of an operator it has no profile of: an fp16 element a DPU cycle of 1300 MHz.
inline constexpr ShaveCost kShaveDefault = {0, 0.000384615};

}  // namespace npusim::vpu
