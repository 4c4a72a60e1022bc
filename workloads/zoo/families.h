// The catalog's rows, one function a family of networks. Figures of torchvision are the documented
// `num_params` and `GFLOPS` (which are MACs) of its weights, torchvision 0.17.
#pragma once

#include <functional>
#include <vector>

#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

namespace npusim::zoo {

/// A network: what is published and how to build its body from image to logits.
struct Recipe {
  NetInfo info;
  std::function<TensorId(Builder&)> body;
};

inline constexpr std::int64_t kClasses = 1000;  ///< ImageNet
inline constexpr const char* kTorchvision = "torchvision";

/// An exactly known count.
constexpr Figure exactly(std::int64_t count) { return {count, 1}; }
/// A figure printed in millions, or in billions with three digits.
constexpr Figure millions(std::int64_t count) { return {count, 1'000'000}; }
/// A figure printed in millions with three digits.
constexpr Figure thousands(std::int64_t count) { return {count, 1'000}; }

/// A row for each network of a table of torchvision's, whose rows have `name`, `parameters` and
/// `macs_millions`, built by `body` at 224x224.
template <class Table, class Net>
void add_torchvision(std::vector<Recipe>& rows, const Table& table, const char* description,
                     TensorId (*body)(Builder&, const Net&)) {
  for (const Net& net : table) {
    rows.push_back(
        {{net.name, description, kTorchvision, 224, exactly(net.parameters), millions(net.macs_millions)},
         [&net, body](Builder& b) { return body(b, net); }});
  }
}

std::vector<Recipe> plain_networks();        ///< AlexNet, VGG, SqueezeNet
std::vector<Recipe> residual_networks();     ///< ResNet, ResNeXt, Wide ResNet, ResNet-8
std::vector<Recipe> inception_networks();    ///< GoogLeNet, Inception v3
std::vector<Recipe> dense_networks();        ///< DenseNet
std::vector<Recipe> shuffle_networks();      ///< ShuffleNet v2
std::vector<Recipe> mobile_networks();       ///< MobileNet v1 to v3, MNASNet
std::vector<Recipe> efficient_networks();    ///< EfficientNet, Lite, EdgeTPU
std::vector<Recipe> isynet_networks();       ///< ISyNet
std::vector<Recipe> transformer_networks();  ///< ViT

}  // namespace npusim::zoo
