// For scripts/check_tflite.py: a TFLite file against what TensorFlow's interpreter computed.
//   tflite_run MODEL.tflite TENSORS    TENSORS: see judge.h
// Prints a line for each tensor: its difference as the work of its own operator, and of the whole run up to
// there.
#include <fmt/format.h>

#include <cstdio>

#include "sim/base/error.h"
#include "tests/tflite/judge.h"

namespace {

using namespace npusim::tflite::testing;

std::string text(const Judgement& one) {
  if (one.quantized) return fmt::format("{:5.1f} % differ, by {:.0f} at most", 100 * one.share, one.most);
  return fmt::format("{:.2g} of its peak", one.most);
}

void run(const std::string& model, const std::string& tensors) {
  const auto alone = judge(model, tensors, Operands::interpreter),
             whole = judge(model, tensors, Operands::own);
  fmt::print("{:<24} {:<28} {:<28} {}\n", "operator", "alone", "whole run", "tensor");
  for (std::size_t i = 0; i < alone.size(); ++i) {
    fmt::print("{:<24} {:<28} {:<28} {}{}\n", alone[i].source_op, text(alone[i]), text(whole[i]),
               alone[i].result ? "RESULT " : "", alone[i].tensor);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw npusim::UserError("usage: tflite_run MODEL.tflite TENSORS");
    run(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
