// What every chip offers, and the one way from a network to a report.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hw_models/api/functional.h"
#include "sim/base/config.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"
#include "sim/trace/report.h"
#include "sim/trace/shares.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/quantize.h"

namespace npusim::hw {

struct CompileOptions {
  ir::DType dtype = ir::DType::f16;
  /// Exponents of an int8 network whose numbers matter; they do not change cycles. Must outlive compile().
  const reference::Quantization* quantization = nullptr;
};

/// A program and what the report needs to know about how it came about.
struct Compiled {
  program::Program program;
  trace::Coverage coverage;
  std::vector<std::string> notes;
  /// Operators that cost nothing because they leave their data where it is (a reshape, a concatenation
  /// written in place).
  std::vector<std::string> views;
  /// Bytes on the chip that this network leaves for parameters. They are kept from inference to inference, an
  /// operator's all or none, in the order of execution as long as they fit. 0: the chip keeps none.
  std::int64_t parameter_room = 0;
  /// How the program computes with real numbers; null where the chip has no functional execution.
  std::shared_ptr<const Functional> functional;
};

/// A chip, built from its description. Immutable; it neither simulates nor keeps state between networks.
class Npu {
 public:
  virtual ~Npu() = default;
  [[nodiscard]] virtual const program::Target& target() const = 0;
  /// Engines, flags, dispatchers and memory for the kernel. Valid as long as the chip.
  [[nodiscard]] virtual const kernel::MachineSpec& machine() const = 0;
  /// Types the chip computes in, the default first.
  [[nodiscard]] virtual std::vector<ir::DType> dtypes() const = 0;
  /// Peak multiply-accumulates per main-clock cycle, all engines together.
  [[nodiscard]] virtual double peak_macs_per_cycle(ir::DType dtype) const = 0;
  /// Bytes of all on-chip memories together, for estimates of area. Unless a chip says otherwise: the bounded
  /// spaces that its programs know, and the SRAM of its memory domain.
  [[nodiscard]] virtual std::int64_t on_chip_bytes() const {
    std::int64_t bytes = machine().memory.sram.bytes;
    for (const program::Space& space : target().spaces) bytes += space.global ? 0 : space.bytes;
    return bytes;
  }
  /// What the report's time is divided into, the most telling first; none: it is not divided.
  [[nodiscard]] virtual std::vector<trace::TimeGroup> time_groups() const { return {}; }
  /// Legalises and maps a network. Throws UserError listing everything the chip cannot run, or naming the
  /// layer that fits no tiling and how many bytes short the buffer is.
  [[nodiscard]] virtual Compiled compile(const ir::Graph& graph, const CompileOptions& options) const = 0;
};

/// Names of the built-in chips.
std::vector<std::string> chip_names();
/// The description of a built-in chip ("ascend310") or of a YAML file (which may say `extends: ascend310`),
/// with `overrides` ("key=value") applied. Throws UserError for unknown names and keys.
Config describe(const std::string& name_or_file, const std::vector<std::string>& overrides = {});
/// Of the description and the contents of the DRAM timing table that it names: equal for equal hardware.
/// Throws UserError when there is no such table.
std::string hardware_hash(const Config& description);
/// Builds the chip that a description names. Throws UserError for missing, unknown or out-of-range keys.
std::unique_ptr<Npu> make_npu(const Config& description);

struct EvaluateOptions {
  ir::DType dtype = ir::DType::f16;
  kernel::KernelKind kernel = kernel::KernelKind::run_ahead;
  bool verify_program = false;
  bool spans = false;
  bool time_shares = true;  ///< of chips with time_groups(); they cost a record of every command
  /// Sees the compiled network before it is simulated.
  std::function<void(const Compiled&)> inspect = {};
};

/// What shares a chip's memory, or replaces it.
struct Surroundings {
  std::vector<mem::PortSpec> corunners;  ///< mem::corunner_port()
  /// Of MemorySpec::external: a memory in place of npusim's DRAM; empty: npusim's.
  std::function<std::unique_ptr<mem::LateTarget>(const mem::MemorySpec&)> memory;
  std::shared_ptr<std::vector<mem::TracedAccess>> dram_log;  ///< of MemorySpec::log
};

/// Compiles (after the common passes), simulates and reports. A machine elaborates once in a process:
/// evaluate() may be called any number of times with the same chip, and every call gives the same report.
class Evaluator {
 public:
  /// Clocked engines need KernelKind::systemc and a chip that has twins: throws UserError for one that has
  /// none.
  Evaluator(const Config& description, kernel::KernelKind kernel,
            kernel::EngineKind engines = kernel::EngineKind::fast, Surroundings surroundings = {});
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;
  /// `graph` as imported or generated; batch is the graph's own.
  trace::Report evaluate(const ir::Graph& graph, const EvaluateOptions& options);
  [[nodiscard]] const Npu& npu() const { return *npu_; }

 private:
  std::string name_;
  std::string hash_;
  std::string hardware_;
  std::unique_ptr<Npu> npu_;
  kernel::MachineSpec spec_;  ///< the chip's, with its surroundings
  std::unique_ptr<kernel::Machine> machine_;
};

}  // namespace npusim::hw
