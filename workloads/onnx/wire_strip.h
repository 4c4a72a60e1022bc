// The protobuf wire format, walked once: an ONNX model without its weights.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace npusim::onnx {

/// A copy of a serialised ModelProto without tensor payloads of more than kMaxPayload bytes, documentation,
/// stored shapes, functions and training graphs. Payloads are skipped, not read. Throws UserError naming
/// `file` and the byte offset when the bytes are not a well-formed message.
std::string strip_weights(std::span<const std::uint8_t> model, const std::string& file);

/// The largest payload kept: ir::kMaxConstant elements of 8 bytes.
inline constexpr std::size_t kMaxPayload = 8192;

}  // namespace npusim::onnx
