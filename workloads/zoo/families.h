// The catalog's rows, one function a family of networks. Figures of torchvision are the documented
// `num_params` and `GFLOPS` (which are MACs) of its weights, torchvision 0.17.
#pragma once

#include <functional>
#include <initializer_list>
#include <vector>

#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

namespace npusim::zoo {

/// The network's outputs; one tensor converts.
struct Outputs : std::vector<TensorId> {
  Outputs() = default;
  Outputs(std::initializer_list<TensorId> all) : std::vector<TensorId>(all) {}
  Outputs(TensorId only) : std::vector<TensorId>{only} {}  // NOLINT(google-explicit-constructor)
};

/// A network: what is published and how to build its body from image to outputs.
struct Recipe {
  NetInfo info;
  std::function<Outputs(Builder&)> body;
  bool tokens = false;  ///< the input is [batch, width] of integers instead of an image of three channels
  bool channels_last = false;  ///< the image is [batch, height, width, 3], as TensorFlow has it
};

inline constexpr std::int64_t kClasses = 1000;            ///< ImageNet
inline constexpr std::int64_t kTensorFlowClasses = 1001;  ///< ImageNet and a class for the background
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

std::vector<Recipe> plain_networks();               ///< AlexNet, VGG, SqueezeNet
std::vector<Recipe> residual_networks();            ///< ResNet, ResNeXt, Wide ResNet, ResNet-8
std::vector<Recipe> inception_networks();           ///< GoogLeNet, Inception v3
std::vector<Recipe> later_inception_networks();     ///< Inception v2 and v4, Inception-ResNet v2
std::vector<Recipe> keras_networks();               ///< ResNet v1 and v2, Xception
std::vector<Recipe> dense_prediction_networks();    ///< PoseNet, BodyPix, SSD, DeepLab, U-Net, YOLO
std::vector<Recipe> super_resolution_networks();    ///< EDSR
std::vector<Recipe> timm_networks();                ///< MNASNet-A1, MixNet, RepVGG, VoVNet
std::vector<Recipe> bert_networks();                ///< BERT
std::vector<Recipe> yolo_networks();                ///< YOLOv8
std::vector<Recipe> dense_networks();               ///< DenseNet
std::vector<Recipe> shuffle_networks();             ///< ShuffleNet v2
std::vector<Recipe> mobile_networks();              ///< MobileNet v1 to v3, MNASNet
std::vector<Recipe> efficient_networks();           ///< EfficientNet, Lite, EdgeTPU
std::vector<Recipe> isynet_networks();              ///< ISyNet
std::vector<Recipe> transformer_networks();         ///< ViT
std::vector<Recipe> midapsim_efficient_networks();  ///< EfficientNet and Lite as MidapSim builds them
std::vector<Recipe> midap_networks();               ///< as MidapSim builds them; S3NAS

/// A family with parameters: `build` takes the whole name.
struct ParametricRecipe {
  ParametricNet info;
  ir::Graph (*build)(const std::string& name, std::int64_t batch);
};
ParametricRecipe pattern_networks();       ///< six macro-architectures in pure form
ParametricRecipe edsr_networks();          ///< EDSR
ParametricRecipe edsr_part_networks();     ///< parts of EDSR
ParametricRecipe isynet_block_networks();  ///< blocks of ISyNet's space
ParametricRecipe nb201_networks();         ///< cells of NAS-Bench-201
ParametricRecipe block_networks();         ///< blocks of S3NAS and EfficientNet, from their strings

}  // namespace npusim::zoo
