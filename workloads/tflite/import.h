// TFLite files as networks: shapes, types and quantisation, never weights.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "workloads/importing/options.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/value.h"

namespace npusim::tflite {

using importing::ImportOptions;

/// Whether a file with these first bytes is a TFLite model: it has the identifier "TFL3" at byte 4.
bool is_tflite(std::span<const std::uint8_t> first_bytes);

/// Reads a TFLite model (schema version 3) into a graph with static shapes: its first subgraph.
///
/// Images are [N,H,W,C] in the file and [N,C,H,W] in the graph; a transposition is added only where an
/// operator needs the file's order, such as a reshape that moves channels. One TFLite operator becomes one
/// ir::Op named "<operator>_<index>" ("CONV_2D_0"), or a few, "CONV_2D_0/relu6" for a fused activation. A
/// quantised tensor is fp32 with ir::Tensor::storage, its scales and zero points; operators are on real
/// numbers. Weights are never read, but for constants of at most ir::kMaxConstant elements. Tensor names are
/// the file's.
///
/// Throws UserError, always naming the file: not a TFLite model or a damaged one, an index, shape or
/// quantisation that does not fit, operators that are not supported (all of them, by number and name), a
/// dimension without a value, a batch that cannot be changed.
ir::Graph import_tflite(const std::string& path, const ImportOptions& options = {});

/// The values of the weights of `graph` that are neither constant nor prepared, from the model `path` that it
/// was imported from, by name; dequantised where they have storage.
///
/// Throws UserError naming the file and the tensor: one that the file does not have, that is sparse or has
/// too few bytes.
reference::Values load_weights(const std::string& path, const ir::Graph& graph);

/// Names of the tensors of the graph whose axes are [N,C,H,W], but [N,H,W,C] in the file: for who feeds a
/// network or reads its results in the file's order.
std::set<std::string> images(const std::string& path);

}  // namespace npusim::tflite
