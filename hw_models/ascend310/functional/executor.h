// What each command does to the bytes, from its regions, arguments and setting alone: a wrong address, a
// missing tile or a wrong order gives wrong numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hw_models/ascend310/spec.h"
#include "sim/program/program.h"
#include "sim/program/storage.h"

namespace npusim::ascend310 {

/// Executes commands on a storage. Numbers: fp16 operands, products and sums of a mad in fp32; bias in fp32;
/// every stage of a result computed in double precision and rounded once to fp16. int8: as
/// workloads/reference/quantize.h says, bit for bit.
class Executor {
 public:
  Executor();
  ~Executor();
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;
  /// Throws InternalError where regions, arguments and setting do not fit together.
  void execute(const program::Program& program, const program::Command& command, program::Storage& storage);

 private:
  struct Settings;  ///< decoded, by number
  std::unique_ptr<Settings> settings_;
};

}  // namespace npusim::ascend310
