#include "workloads/zoo/zoo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"

namespace npusim::zoo {

bool Figure::matches(std::int64_t actual) const {
  return value == 0 || 2 * std::abs(actual - value * unit) <= unit - unit % 2;
}

namespace {

struct Family {
  const char* name;
  std::vector<Recipe> (*networks)();
};

constexpr std::array kFamilies{
    Family{"ResNet", residual_networks},
    Family{"AlexNet, VGG, SqueezeNet", plain_networks},
    Family{"Inception", inception_networks},
    Family{"Inception, later versions", later_inception_networks},
    Family{"Keras", keras_networks},
    Family{"MobileNet", mobile_networks},
    Family{"EfficientNet", efficient_networks},
    Family{"ISyNet", isynet_networks},
    Family{"DenseNet", dense_networks},
    Family{"ShuffleNet", shuffle_networks},
    Family{"Transformers", transformer_networks},
    Family{"BERT", bert_networks},
    Family{"timm", timm_networks},
    Family{"poses, boxes, segments", dense_prediction_networks},
    Family{"YOLOv8", yolo_networks},
    Family{"super-resolution", super_resolution_networks},
    Family{"MIDAP and S3NAS", midap_networks},
};

constexpr std::array kParametric{block_networks,     pattern_networks,      edsr_networks,
                                 edsr_part_networks, isynet_block_networks, nb201_networks};

std::vector<Recipe> recipes() {
  std::vector<Recipe> all;
  for (const Family& family : kFamilies) {
    for (Recipe& recipe : family.networks()) {
      recipe.info.family = family.name;
      all.push_back(std::move(recipe));
    }
  }
  return all;
}

ir::Graph build(const Recipe& recipe, std::int64_t batch) {
  const NetInfo& info = recipe.info;
  if (recipe.tokens) {
    Builder builder(info.name, {batch, info.resolution.w}, ir::DType::i64);
    const Outputs outputs = recipe.body(builder);
    return builder.finish(outputs);
  }
  const Size& size = info.resolution;
  Builder builder(info.name, recipe.channels_last ? ir::Shape{batch, size.h, size.w, 3}
                                                  : ir::Shape{batch, 3, size.h, size.w});
  const Outputs outputs = recipe.body(builder);
  return builder.finish(outputs);
}

/// The parametric family of "<prefix>:...", if there is one.
std::optional<ParametricRecipe> parametric(const std::string& name) {
  const std::string prefix = name.substr(0, name.find(':'));
  if (prefix.size() == name.size()) return std::nullopt;
  for (const auto family : kParametric) {
    ParametricRecipe recipe = family();
    if (recipe.info.prefix == prefix) return recipe;
  }
  return std::nullopt;
}

}  // namespace

std::vector<NetInfo> networks() {
  std::vector<NetInfo> infos;
  for (Recipe& recipe : recipes()) infos.push_back(std::move(recipe.info));
  return infos;
}

std::vector<ParametricNet> parametric_networks() {
  std::vector<ParametricNet> infos;
  for (const auto family : kParametric) infos.push_back(family().info);
  return infos;
}

bool is_network(const std::string& name) {
  const std::vector<Recipe> all = recipes();
  return parametric(name).has_value() ||
         std::any_of(all.begin(), all.end(), [&](const Recipe& recipe) { return recipe.info.name == name; });
}

ir::Graph build(const std::string& name, std::int64_t batch) {
  if (batch < 1) throw UserError(fmt::format("network '{}': batch {} must be at least 1", name, batch));
  if (const auto family = parametric(name)) return family->build(name, batch);
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes()) {
    if (recipe.info.name == name) return build(recipe, batch);
    names.push_back(recipe.info.name);
  }
  throw UserError(fmt::format("no built-in network is called '{}'{}", name, suggestion(name, names)));
}

}  // namespace npusim::zoo
