// The order in which nodes can be computed.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <string>
#include <vector>

namespace npusim::onnx {

/// Indices of the graph's nodes such that every node follows those it reads from; the file's own order where
/// that is one. Throws UserError naming `file` and the nodes for a value that nothing produces, that two
/// nodes produce, or that depends on itself.
std::vector<std::size_t> topological_order(const ::onnx::GraphProto& graph, const std::string& file);

}  // namespace npusim::onnx
