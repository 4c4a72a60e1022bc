// Random DPU workloads, with what the fast engine says they take and what they compute.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_models/vpu/clocked/dpu.h"
#include "hw_models/vpu/target.h"
#include "hw_models/vpu/timing.h"
#include "hw_models/vpu/workload_setting.h"
#include "sim/base/rng.h"
#include "tests/kernel/clocked_bench.h"

namespace npusim::vpu::test {

using kernel::test::Bench;

/// A chip and its twin's bench; every twin made of the same structure.
class Chip {
 public:
  explicit Chip(const std::string& name, const std::vector<std::string>& overrides = {});
  /// A bench whose twin is made of `structure` and is timed by `twin`'s constants.
  Chip(const Chip& as, const Spec& twin, const clocked::Structure& structure);
  [[nodiscard]] const Spec& spec() const { return spec_; }
  [[nodiscard]] const program::Target& target() const { return *target_; }
  Bench& bench() { return *bench_; }

 private:
  Spec spec_;
  std::shared_ptr<program::Target> target_;
  std::shared_ptr<Bench> bench_;
};

/// One workload whose operands and result lie in the first tile's CMX. Their bytes are seeded.
class Trial {
 public:
  /// Of random operator, mode, type and geometry, at most about `most_macs` products.
  Trial(const Spec& spec, std::uint64_t seed, std::int64_t most_macs = 200'000);
  /// Runs it on the chip's twin, with numbers or without. Returns what is wrong, in words; "" for the same
  /// cycles as the fast engine's and, with numbers, a loop nest's results.
  std::string run(Chip& chip, bool numbers);
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] const Workload& work() const { return work_; }
  /// Workload and geometry, to be changed before run().
  Workload& work() { return work_; }
  void count_valid();

 private:
  void choose_window(Rng& rng);
  void choose_channels(Rng& rng, const Spec& spec, std::int64_t most_macs);
  void choose_mode(Rng& rng, const Spec& spec);
  [[nodiscard]] program::Program program(const Chip& chip, bool numbers) const;
  void fill(program::Storage& storage) const;
  [[nodiscard]] std::string compare(program::Storage& storage) const;
  [[nodiscard]] std::int64_t map_bytes() const { return s_.in_w * s_.in_h * s_.in_c * work_.bytes; }
  [[nodiscard]] std::int64_t row_bytes() const;
  [[nodiscard]] std::int64_t weight_bytes() const;
  [[nodiscard]] std::int64_t result_at() const { return 2 * map_bytes() + weight_bytes(); }

  std::uint64_t seed_;
  Workload work_;
  WorkloadSetting s_;
  std::int64_t real_channels_ = 16;  ///< of an image
  bool full_ = false;                ///< whole blocks, so that the array rather than the reads may bind
};

}  // namespace npusim::vpu::test
