// Operators that stream through the Unified Buffer: element-wise, pools, reductions, norms, softmax, layout
// changes and copies. Load a tile, pass over it with vector instructions, store the result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hw_models/ascend310/layout.h"
#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/stream_setting.h"
#include "hw_models/ascend310/timing.h"
#include "hw_models/mapping/emitter.h"
#include "workloads/ir/graph.h"

namespace npusim::ascend310 {

/// `count` dependent instructions of a class that each pass over the tile's widest operand (fp16).
struct Pass {
  VectorClass kind = kSimple;
  std::int64_t count = 1;
};

/// One input of a streaming operator.
struct StreamOperand {
  const DeviceTensor* tensor = nullptr;
  /// Bytes that lie together in memory when the operator walks its output in storage order; 0: the operand is
  /// read in storage order too. Shorter runs cost a DMA package each.
  std::int64_t run_bytes = 0;
  std::int64_t read_bytes = 0;  ///< bytes of it that are read (a slice, a gather); 0: all
  bool resident = false;  ///< small and loaded once per core (a broadcast vector, normalisation parameters)
  [[nodiscard]] std::int64_t bytes() const { return read_bytes > 0 ? read_bytes : tensor->bytes(); }
};

/// A streaming operator. With a window (pools) input rows are those the output rows need. Softmaxes and
/// normalisations are cut into tiles that hold all that is normalised together. Otherwise the output is cut
/// into chunks in storage order, and each loads the bytes that `meaning` needs. Without a meaning (addresses
/// depend on data, or no tile of the real bytes fits) every operand is read in the chunk's proportion, which
/// tells the time but computes nothing.
struct StreamLayer {
  std::string name;
  std::string op;
  std::vector<StreamOperand> operands;
  const DeviceTensor* out = nullptr;
  std::vector<Pass> passes;
  bool windowed = false;
  ir::Window window;
  std::optional<StreamSetting> meaning;  ///< its inputs are `operands`, in order
};

/// Emits the commands of all cores for one layer. Throws UserError naming the layer when UB cannot hold its
/// smallest tile, and how many bytes are missing. Returns whether the commands compute the layer's meaning:
/// false when they only tell its time.
bool emit_stream(const Spec& spec, const StreamLayer& layer, mapping::Emitter& emitter);

}  // namespace npusim::ascend310
