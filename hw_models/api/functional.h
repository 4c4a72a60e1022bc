// What a chip offers so that a program's numbers can be compared with the reference executor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/program/program.h"
#include "sim/program/storage.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/value.h"

namespace npusim::hw {

/// A copy of a graph tensor in a program's memory: a mapper may keep several, in different layouts.
struct Holding {
  ir::TensorId tensor = ir::kNoTensor;
  std::size_t copy = 0;  ///< the chip's number for it
};

/// How one compiled program computes with real numbers. Made by compile(); knows which bytes hold which
/// tensors. Immutable but for caches.
class Functional {
 public:
  Functional() = default;
  virtual ~Functional() = default;
  Functional(const Functional&) = delete;
  Functional& operator=(const Functional&) = delete;

  /// Writes everything that is in memory before the program starts: inputs and weights, packed as the chip
  /// wants them. `values` by tensor id of the compiled graph, as reference::execute() leaves them.
  virtual void fill(const reference::Values& values, program::Storage& storage) const = 0;
  /// What a command does to the bytes, from its regions, arguments and setting alone.
  virtual void execute(const program::Program& program, const program::Command& command,
                       program::Storage& storage) const = 0;
  /// Whether the task's commands compute its result (else their time is known, but not their addresses: the
  /// task's results must be write()n after it).
  [[nodiscard]] virtual bool computes(std::uint32_t task) const = 0;
  /// The tensors that are complete when the task is.
  [[nodiscard]] virtual std::vector<Holding> results(std::uint32_t task) const = 0;
  /// The real numbers of a tensor, row-major (of an int8 tensor, what its integers stand for).
  [[nodiscard]] virtual std::vector<double> read(const Holding& holding, program::Storage& storage) const = 0;
  virtual void write(const Holding& holding, const std::vector<double>& numbers,
                     program::Storage& storage) const = 0;
  /// The first byte of an element.
  struct Address {
    program::SpaceId space = 0;
    std::int64_t offset = 0;
  };
  [[nodiscard]] virtual Address address(const Holding& holding, std::int64_t element) const = 0;
  /// The most products that the task adds up for one result; 0 where it multiplies nothing.
  [[nodiscard]] virtual std::int64_t accumulations(std::uint32_t task) const = 0;
};

}  // namespace npusim::hw
