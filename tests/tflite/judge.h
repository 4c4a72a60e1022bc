// TFLite networks on real tensors, against what TensorFlow's interpreter computed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace npusim::tflite::testing {

/// How far a tensor is from the interpreter's.
struct Judgement {
  std::string tensor;
  std::string source_op;
  bool quantized = false;
  double most = 0;      ///< of a quantised tensor in steps of its scale, of another one relative to its peak
  double share = 0;     ///< of the elements that differ by more than half a step; 0 where it is not quantised
  bool result = false;  ///< of the network
};

enum class Operands : std::uint8_t {
  interpreter,  ///< every operator computes on what the interpreter computed: differences are its own
  own           ///< the whole network from its inputs: differences add up
};

/// Imports `model`, executes it with the reference executor and compares every tensor that both know.
/// `tensors`: the file that scripts/check_tflite.py writes, for each tensor a line "NAME COUNT" and COUNT
/// float32, real numbers in the file's order of axes; the network's inputs first. Throws UserError for a file
/// that is short or lacks an input.
std::vector<Judgement> judge(const std::string& model, const std::string& tensors, Operands operands);

/// The same of the network's results after the passes.
std::vector<Judgement> judge_passed(const std::string& model, const std::string& tensors);

}  // namespace npusim::tflite::testing
