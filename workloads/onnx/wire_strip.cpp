#include "workloads/onnx/wire_strip.h"

#include <fmt/format.h>

#include "sim/base/error.h"
#include "workloads/ir/graph.h"

namespace npusim::onnx {

static_assert(kMaxPayload == ir::kMaxConstant * 8);

namespace {

using Bytes = std::span<const std::uint8_t>;

/// The messages that the walk descends into (onnx.proto).
enum class Message { model, graph, node, attribute, tensor, sparse_tensor };

/// What to do with a field.
enum class Action { copy, drop, payload, descend };
struct Rule {
  Action action = Action::copy;
  Message child = Message::model;
};

constexpr int kMaxDepth = 64;  ///< of nested messages; protobuf itself stops at 100

enum WireType : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

Rule model_rule(std::uint32_t field) {
  switch (field) {
    case 7:
      return {Action::descend, Message::graph};
    case 6:   // doc_string
    case 14:  // metadata_props
    case 20:  // training_info
    case 25:  // functions
      return {Action::drop};
    default:
      return {};
  }
}

Rule graph_rule(std::uint32_t field) {
  switch (field) {
    case 1:
      return {Action::descend, Message::node};
    case 5:
      return {Action::descend, Message::tensor};
    case 15:
      return {Action::descend, Message::sparse_tensor};
    case 10:  // doc_string
    case 13:  // value_info: shapes are inferred
    case 14:  // quantization_annotation
    case 16:  // metadata_props
      return {Action::drop};
    default:
      return {};
  }
}

Rule attribute_rule(std::uint32_t field) {
  switch (field) {
    case 5:
    case 10:
      return {Action::descend, Message::tensor};
    case 6:
    case 11:
      return {Action::descend, Message::graph};
    case 22:
    case 23:
      return {Action::descend, Message::sparse_tensor};
    case 7:  // floats
    case 8:  // ints
    case 9:  // strings
      return {Action::payload};
    case 13:  // doc_string
      return {Action::drop};
    default:
      return {};
  }
}

Rule tensor_rule(std::uint32_t field) {
  switch (field) {
    case 4:   // float_data
    case 5:   // int32_data
    case 6:   // string_data
    case 7:   // int64_data
    case 9:   // raw_data
    case 10:  // double_data
    case 11:  // uint64_data
      return {Action::payload};
    case 12:  // doc_string
      return {Action::drop};
    default:
      return {};
  }
}

Rule rule(Message message, std::uint32_t field) {
  switch (message) {
    case Message::model:
      return model_rule(field);
    case Message::graph:
      return graph_rule(field);
    case Message::node:
      if (field == 5) return {Action::descend, Message::attribute};
      return {field == 6 ? Action::drop : Action::copy};
    case Message::attribute:
      return attribute_rule(field);
    case Message::tensor:
      return tensor_rule(field);
    case Message::sparse_tensor:
      if (field == 1 || field == 2) return {Action::descend, Message::tensor};
      return {};
  }
  throw InternalError("unknown message");
}

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80U) {
    out.push_back(static_cast<char>((value & 0x7FU) | 0x80U));
    value >>= 7U;
  }
  out.push_back(static_cast<char>(value));
}

void append(std::string& out, Bytes bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

class Stripper {
 public:
  Stripper(Bytes file, const std::string& name) : file_(file), name_(name) {}

  void strip(Message message, std::size_t begin, std::size_t end, std::string& out, int depth) {
    if (depth > kMaxDepth) fail(begin, fmt::format("more than {} nested messages", kMaxDepth));
    std::size_t payload = 0;  // of this message so far
    std::size_t at = begin;
    while (at < end) {
      const std::size_t start = at;
      const std::uint64_t tag = read_varint(at, end);
      const auto field = static_cast<std::uint32_t>(tag >> 3U);
      if (field == 0 || (tag >> 3U) > kMaxField) fail(start, fmt::format("field number {}", tag >> 3U));
      const std::size_t tag_end = at;
      const std::size_t value = skip_value(static_cast<std::uint32_t>(tag & 7U), start, at, end);
      const Rule what = rule(message, field);
      if (what.action == Action::drop) continue;
      if (what.action == Action::payload) {
        if (at - value > kMaxPayload - payload) continue;
        payload += at - value;
      }
      if (what.action == Action::descend && (tag & 7U) == WireType::bytes) {
        std::string child;
        strip(what.child, value, at, child, depth + 1);
        append(out, file_.subspan(start, tag_end - start));
        append_varint(out, child.size());
        out += child;
      } else {
        append(out, file_.subspan(start, at - start));
      }
    }
  }

 private:
  static constexpr std::uint64_t kMaxField = (1U << 29U) - 1;

  [[noreturn]] void fail(std::size_t offset, const std::string& what) const {
    throw UserError(fmt::format("{}: not an ONNX model, or a damaged one: {} at byte {} of {}", name_, what,
                                offset, file_.size()));
  }

  std::uint64_t read_varint(std::size_t& at, std::size_t end) const {
    const std::size_t start = at;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at >= end) fail(start, "an integer is cut off");
      const std::uint8_t byte = file_[at++];
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    fail(start, "an integer of more than 64 bits");
  }

  /// Moves `at` past a value; returns where its contents begin.
  std::size_t skip_value(std::uint32_t type, std::size_t start, std::size_t& at, std::size_t end) const {
    std::uint64_t size = 0;
    std::size_t value = at;
    if (type == WireType::varint) {
      read_varint(at, end);
      return value;
    }
    if (type == WireType::bytes) {
      size = read_varint(at, end);
      value = at;
    } else if (type == WireType::fixed64) {
      size = 8;
    } else if (type == WireType::fixed32) {
      size = 4;
    } else {
      fail(start, fmt::format("wire type {}", type));
    }
    if (size > end - at) {
      fail(start, fmt::format("a field of {} bytes with {} left (truncated?)", size, end - at));
    }
    at += static_cast<std::size_t>(size);
    return value;
  }

  Bytes file_;
  const std::string& name_;
};

}  // namespace

std::string strip_weights(std::span<const std::uint8_t> model, const std::string& file) {
  std::string out;
  Stripper(model, file).strip(Message::model, 0, model.size(), out, 0);
  return out;
}

}  // namespace npusim::onnx
