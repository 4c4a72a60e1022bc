#include "tests/vpu/chip.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/evaluated.h"

namespace npusim::vpu::test {

namespace {

std::int64_t valid_taps(std::int64_t outputs, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                        std::int64_t extent) {
  std::int64_t valid = 0;
  for (std::int64_t i = 0; i < outputs; ++i) {
    for (std::int64_t tap = 0; tap < kernel; ++tap) {
      const std::int64_t at = i * stride - pad + tap;
      if (at >= 0 && at < extent) ++valid;
    }
  }
  return valid;
}

}  // namespace

Spec spec(const std::string& name, const std::vector<std::string>& overrides) {
  return read_spec(hw::describe(name, overrides));
}

trace::Report run(const ir::Graph& graph, const std::string& name, const std::vector<std::string>& overrides,
                  ir::DType dtype) {
  trace::Report report = npusim::test::verified_run(npusim::test::evaluator(name, overrides), graph, dtype);
  CHECK(report.macs == ir::macs(graph).count());
  return report;
}

std::string error_of(const ir::Graph& graph, const std::vector<std::string>& overrides) {
  try {
    run(graph, "vpu-meteorlake", overrides);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::vector<Row> table(const std::string& file) {
  std::ifstream in(std::string(NPUSIM_SOURCE_DIR) + "/tests/data/vpu/" + file);
  REQUIRE(in.good());
  std::vector<std::string> columns;
  std::vector<Row> rows;
  for (std::string line; std::getline(in, line);) {
    std::istringstream cells(line);
    Row row;
    std::size_t index = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++index) {
      if (rows.empty() && columns.size() == index) {
        columns.push_back(cell);
      } else {
        row[columns.at(index)] = cell;
      }
    }
    if (!row.empty()) rows.push_back(row);
  }
  return rows;
}

std::int64_t number(const Row& row, const std::string& column) {
  return std::llround(std::stod(row.at(column)));
}

Workload workload(const Spec& spec, const Row& row) {
  const auto n = [&](const char* column) { return number(row, column); };
  Workload work;
  work.op = row.at("op") == "CONVOLUTION"      ? DpuOp::conv
            : row.at("op") == "DW_CONVOLUTION" ? DpuOp::depthwise
                                               : DpuOp::eltwise;
  for (std::size_t i = 0; i < spec.modes.size(); ++i) {
    if (spec.modes[i].name == row.at("mode")) work.mode = i;
  }
  work.bytes = row.at("in_dtype") == "FLOAT16" ? 2 : 1;
  work.width = n("out_w");
  work.height = n("out_h");
  work.channels = n("out_c");
  work.in_channels = n("in_c");
  work.taps = n("kw") * n("kh");
  work.stride = n("sw");
  work.valid = valid_taps(work.width, n("kw"), n("sw"), n("pad_l"), n("in_w")) *
               valid_taps(work.height, n("kh"), n("sh"), n("pad_t"), n("in_h"));
  const double sparse = std::stod(row.at("weight_sparsity"));
  if (sparse > 0) work.density = std::llround((1 - sparse) * 1000);
  return work;
}

double mean_error(const std::vector<double>& model, const std::vector<double>& measured) {
  double sum = 0;
  for (std::size_t i = 0; i < model.size(); ++i) sum += std::abs(model[i] / measured[i] - 1);
  return sum / static_cast<double>(model.size());
}

}  // namespace npusim::vpu::test
