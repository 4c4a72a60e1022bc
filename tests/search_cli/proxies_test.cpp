#include <cmath>

#include "nas/search/evaluators_proxies.h"
#include "nas/space/space.h"
#include "tests/catch.h"
#include "tests/search_cli/errors.h"
#include "workloads/reference/seeded.h"
#include "workloads/zoo/builder.h"

namespace npusim::search {
namespace {

using test::error_of;
using test::says;

/// Sum of |w| of the weight of that name.
double weight_sum(const ir::Graph& graph, const std::string& name) {
  const reference::Values values = reference::seeded_values(graph, 1);
  for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
    if (graph.tensors[i].name != name) continue;
    double sum = 0;
    for (const double w : values[i]->doubles()) sum += std::abs(w);
    return sum;
  }
  FAIL("no weight " << name);
  return 0;
}

TEST_CASE("Synflow of two 1x1 convolutions of one channel is twice the product of their weights, a pixel") {
  zoo::Builder b("chain", {1, 1, 4, 4});
  zoo::TensorId x = b.conv_act("a", b.input(), {.out = 1});
  x = b.conv("b", x, {.out = 1});
  const ir::Graph graph = b.finish(x);
  // R = 16 a b; a dR/da + b dR/db = 32 a b.
  const double product = weight_sum(graph, "a.weight") * weight_sum(graph, "b.weight");
  CHECK(synflow(graph, 1) == Approx(std::log(32 * product)));
}

TEST_CASE("A path that skips a layer of weight w adds to the flow but not to the layer's share") {
  zoo::Builder b("residual", {1, 1, 2, 2});
  const zoo::TensorId x = b.conv("a", b.input(), {.out = 1}, false);
  const zoo::TensorId y = b.add("sum", x, b.conv_bn_act("b", x, {.out = 1}, zoo::Act::relu6));
  const ir::Graph graph = b.finish(y);
  // R = 4 a (1 + b); a dR/da = 4 a (1 + b), b dR/db = 4 a b.
  const double a = weight_sum(graph, "a.weight"), w = weight_sum(graph, "b.weight");
  CHECK(synflow(graph, 1) == Approx(std::log(4 * a * (1 + w) + 4 * a * w)));
}

TEST_CASE("A maximum over equal numbers has the derivative of one of them, a mean of all") {
  zoo::Builder b("pools", {1, 1, 4, 4});
  zoo::TensorId x = b.conv("a", b.input(), {.out = 1}, false);
  x = b.max_pool("max", x, {.kernel = 2, .stride = 2});
  x = b.classifier(x, 3);
  const ir::Graph graph = b.finish(x);
  // Each class is a times its weight.
  const double product = weight_sum(graph, "a.weight") * weight_sum(graph, "fc.weight");
  CHECK(synflow(graph, 1) == Approx(std::log(2 * product)));
}

TEST_CASE("A product of two paths follows the product rule") {
  zoo::Builder b("product", {1, 1, 1, 1});
  const zoo::TensorId x = b.conv("a", b.input(), {.out = 1}, false);
  const zoo::TensorId y = b.conv("b", b.input(), {.out = 1}, false);
  const ir::Graph graph = b.finish(b.mul("times", x, y));
  // R = a b, of degree 2.
  const double product = weight_sum(graph, "a.weight") * weight_sum(graph, "b.weight");
  CHECK(synflow(graph, 1) == Approx(std::log(2 * product)));
}

TEST_CASE("NASWOT of 16 images that one rectifier tells apart has a singular kernel and is refused") {
  zoo::Builder b("one", {1, 1, 1, 1});
  const ir::Graph graph = b.finish(b.conv_act("a", b.input(), {.out = 1}));
  CHECK(says(error_of([&] { static_cast<void>(naswot(graph, 1)); }), {"all alike"}));
}

TEST_CASE("NASWOT grows with the number of rectifiers: 256 units of 16 images by at most 16 ln 256") {
  zoo::Builder b("wide", {1, 3, 4, 4});
  const ir::Graph graph = b.finish(b.conv_act("a", b.input(), {.out = 16, .kernel = 3}));
  const double score = naswot(graph, 1);
  CHECK(score < 16 * std::log(256.0));  // Hadamard: a determinant is at most the product of the diagonal
  CHECK(score > 16 * std::log(16.0));
  CHECK(naswot(graph, 1) == score);
}

TEST_CASE("A network for 224 pixels is judged at 32, and one with a flattened image at its own size") {
  const ir::Graph graph = space::make_space("s3nas")->build(space::make_space("s3nas")->largest());
  const ir::Graph small = resized(graph, 2, 32);
  CHECK(small.tensor(small.inputs.at(0)).shape == ir::Shape{2, 3, 32, 32});
  CHECK(small.tensor(small.outputs.at(0)).shape == ir::Shape{2, 1000});
  zoo::Builder b("flat", {1, 3, 64, 64});
  const ir::Graph flat = b.finish(b.linear("fc", b.flatten("flatten", b.input()), 10));
  const ir::Graph kept = resized(flat, 2, 32);
  CHECK(kept.tensor(kept.inputs.at(0)).shape == ir::Shape{2, 3, 64, 64});
}

TEST_CASE("An unknown proxy is refused with the nearest name") {
  zoo::Builder b("one", {1, 1, 1, 1});
  const ir::Graph graph = b.finish(b.conv("a", b.input(), {.out = 1}));
  CHECK(says(error_of([&] { static_cast<void>(proxy_score("sinflow", graph, 1)); }),
             {"did you mean 'synflow'"}));
  CHECK(proxy_score("params", graph, 1) == 2);
  CHECK(proxy_score("macs", graph, 1) == 1);
}

}  // namespace
}  // namespace npusim::search
