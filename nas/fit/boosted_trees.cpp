// Gradient-boosted trees by xgboost, where that was found.
#include <fmt/format.h>

#include <cmath>

#include "nas/fit/learned.h"
#include "sim/base/error.h"

#ifdef NPUSIM_XGBOOST
#include <xgboost/c_api.h>
#endif

namespace npusim::fit {

#ifdef NPUSIM_XGBOOST

bool has_xgboost() { return true; }

namespace {

void must(int status, const char* what) {
  if (status != 0) throw InternalError(fmt::format("xgboost: {}: {}", what, XGBGetLastError()));
}

/// Rows for xgboost, which wants floats in row order.
class Rows {
 public:
  explicit Rows(const Matrix& features) {
    std::vector<float> values;
    for (Eigen::Index i = 0; i < features.rows(); ++i) {
      for (Eigen::Index j = 0; j < features.cols(); ++j) values.push_back(static_cast<float>(features(i, j)));
    }
    must(XGDMatrixCreateFromMat(values.data(), static_cast<bst_ulong>(features.rows()),
                                static_cast<bst_ulong>(features.cols()), NAN, &handle_),
         "rows");
  }
  ~Rows() { XGDMatrixFree(handle_); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  [[nodiscard]] DMatrixHandle get() const { return handle_; }

 private:
  DMatrixHandle handle_ = nullptr;
};

}  // namespace

struct BoostedTrees::Booster {
  BoosterHandle handle = nullptr;
  explicit Booster(const Rows* rows) {
    const DMatrixHandle data = rows == nullptr ? nullptr : rows->get();
    must(XGBoosterCreate(&data, rows == nullptr ? 0 : 1, &handle), "create");
    must(XGBoosterSetParam(handle, "nthread", "1"), "nthread");
    must(XGBoosterSetParam(handle, "verbosity", "0"), "verbosity");
  }
  ~Booster() { XGBoosterFree(handle); }
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
};

BoostedTrees BoostedTrees::train(const Matrix& features, const Vector& targets, std::uint64_t seed) {
  constexpr int kTrees = 400;
  if (targets.minCoeff() <= 0) throw UserError("model xgb predicts logarithms: targets must be positive");
  const Rows rows(features);
  std::vector<float> labels;
  for (const double target : targets) labels.push_back(static_cast<float>(std::log(target)));
  must(XGDMatrixSetFloatInfo(rows.get(), "label", labels.data(), labels.size()), "labels");
  BoostedTrees trees;
  trees.booster_ = std::make_shared<Booster>(&rows);
  const BoosterHandle handle = trees.booster_->handle;
  double mean = 0;
  for (const float label : labels) mean += label / static_cast<double>(labels.size());
  const std::vector<std::pair<const char*, std::string>> options{{"objective", "reg:squarederror"},
                                                                 {"tree_method", "exact"},
                                                                 {"max_depth", "4"},
                                                                 {"eta", "0.05"},
                                                                 {"subsample", "0.8"},
                                                                 {"base_score", fmt::format("{}", mean)},
                                                                 {"seed", fmt::format("{}", seed)}};
  for (const auto& [key, value] : options) must(XGBoosterSetParam(handle, key, value.c_str()), key);
  for (int i = 0; i < kTrees; ++i) must(XGBoosterUpdateOneIter(handle, i, rows.get()), "boost");
  bst_ulong size = 0;
  const char* text = nullptr;
  must(XGBoosterSaveModelToBuffer(handle, R"({"format": "json"})", &size, &text), "save");
  trees.json_.assign(text, size);
  return trees;
}

BoostedTrees BoostedTrees::from(const std::string& json) {
  BoostedTrees trees;
  trees.booster_ = std::make_shared<Booster>(nullptr);
  if (XGBoosterLoadModelFromBuffer(trees.booster_->handle, json.data(), json.size()) != 0) {
    throw UserError("its trees are not what xgboost writes");
  }
  trees.json_ = json;
  return trees;
}

double BoostedTrees::operator()(const Vector& features) const {
  const Rows row(features.transpose());
  bst_ulong count = 0;
  const float* out = nullptr;
  must(XGBoosterPredict(booster_->handle, row.get(), 0, 0, 0, &count, &out), "predict");
  return std::exp(static_cast<double>(out[0]));
}

#else

struct BoostedTrees::Booster {};

bool has_xgboost() { return false; }

namespace {
[[noreturn]] void refuse() {
  throw UserError("this npusim was built without xgboost (libxgboost-dev): no model xgb");
}
}  // namespace

BoostedTrees BoostedTrees::train(const Matrix&, const Vector&, std::uint64_t) { refuse(); }
BoostedTrees BoostedTrees::from(const std::string&) { refuse(); }
double BoostedTrees::operator()(const Vector&) const { refuse(); }

#endif

}  // namespace npusim::fit
