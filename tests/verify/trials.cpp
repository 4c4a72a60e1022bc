#include "tests/verify/trials.h"

#include <map>
#include <memory>

#include "tests/catch.h"
#include "workloads/reference/seeded.h"

namespace npusim::verify_test {

hw::Trial prepare(const ir::Graph& graph, ir::DType dtype, const std::vector<std::string>& overrides) {
  static std::map<std::vector<std::string>, std::unique_ptr<hw::Npu>> chips;  // programs point to them
  auto& npu = chips[overrides];
  if (npu == nullptr) npu = hw::make_npu(hw::describe("ascend310", overrides));
  return hw::prepare_trial(*npu, graph, reference::seeded_values(graph, 7), dtype);
}

void require_right(const ir::Graph& graph, const std::vector<std::string>& overrides) {
  for (const auto dtype : {ir::DType::f16, ir::DType::i8}) {
    INFO(graph.name << " in " << ir::to_string(dtype));
    const hw::Verdict verdict = hw::run_trial(prepare(graph, dtype, overrides));
    if (verdict.mismatch) {
      FAIL(verdict.mismatch->task << ": " << verdict.mismatch->element << " is " << verdict.mismatch->actual
                                  << ", expected " << verdict.mismatch->expected << "; "
                                  << verdict.mismatch->where);
    }
    CHECK(verdict.not_computed.empty());
    CHECK(verdict.checks.size() >= 3);
  }
}

}  // namespace npusim::verify_test
