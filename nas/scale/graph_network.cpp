// Scaling of a network of which nothing is known but its graph.
#include <fmt/format.h>

#include <utility>

#include "nas/scale/residual.h"
#include "nas/scale/resize.h"
#include "nas/scale/scalable.h"
#include "sim/base/error.h"

namespace npusim::scale {
namespace {

class GraphNetwork : public Scalable {
 public:
  GraphNetwork(std::string name, ir::Graph graph)
      : Scalable(std::move(name)), graph_(std::move(graph)), plan_(residual_stages(graph_)) {
    for (const ResidualStage& stage : plan_) {
      base_.depths.push_back(static_cast<std::int64_t>(stage.blocks.size()));
      stages_.push_back(stage.name);
    }
    if (plan_.empty()) fixed_.depth = "it has no block that adds its own input and could be repeated";
    const std::size_t height = height_axis(graph_);
    if (height == 0) {
      fixed_.width = fixed_.image = "its input is not one image";
      return;
    }
    const ir::Shape input = graph_.shape(graph_.inputs.front());
    base_.image = {input[height], input[height + 1]};
    const ir::Hw twice{2 * base_.image.h, 2 * base_.image.w};
    fixed_.image = refusal(1, twice);
    fixed_.width =
        ir::is_quantized(graph_) ? "its quantisation belongs to its channels" : refusal(2, base_.image);
  }

  [[nodiscard]] ir::Graph build(const Extent& extent, std::int64_t divisor) const override {
    std::vector<std::vector<std::size_t>> times;
    for (std::size_t s = 0; s < plan_.size(); ++s) {
      std::vector<std::int64_t> parameters;
      for (const ResidualBlock& block : plan_[s].blocks) parameters.push_back(block.parameters);
      times.emplace_back(parameters.size(), 0);
      for (const std::size_t block : blocks_at_depth(parameters, extent.depths.at(s))) ++times.back()[block];
    }
    ir::Graph graph = with_repeats(graph_, plan_, times);
    if (extent.width != 1 || !(extent.image == base_.image)) {
      graph = resized(graph, extent.width, divisor, extent.image);
    }
    if (!(extent == base_)) graph.name = fmt::format("{} {}", name_, to_string(extent));
    return graph;
  }

 private:
  /// Why the graph cannot have this width and image; "" when it can.
  [[nodiscard]] std::string refusal(double width, ir::Hw image) const {
    try {
      static_cast<void>(resized(graph_, width, 1, image));
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  ir::Graph graph_;
  std::vector<ResidualStage> plan_;
};

}  // namespace

std::unique_ptr<Scalable> scalable_of_graph(std::string name, ir::Graph graph, bool as_it_is) {
  auto network = std::make_unique<GraphNetwork>(std::move(name), std::move(graph));
  const Scalable::Fixed& fixed = network->fixed();
  if (!as_it_is && !fixed.depth.empty() && !fixed.width.empty() && !fixed.image.empty()) {
    throw UserError(
        fmt::format("{} cannot be scaled. Depth: {}. Width: {}. Image: {}. What can be: networks of the "
                    "spaces with stages "
                    "(npusim spaces), and networks of convolutions on one image",
                    network->name(), fixed.depth, fixed.width, fixed.image));
  }
  return network;
}

}  // namespace npusim::scale
