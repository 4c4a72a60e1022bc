// What the chip runs, what it leaves to the host, what it refuses, where data goes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/timing.h"
#include "tests/catch.h"
#include "tests/edgetpu/chip.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::edgetpu;
using namespace npusim::edgetpu::test;

namespace {

/// Three convolutions, a swish that the chip lacks behind the second.
ir::Graph with_swish() {
  zoo::Builder b("with_swish", {1, 8, 16, 16});
  auto x = b.conv("first", b.input(), {.out = 64, .kernel = 3});
  x = b.conv("second", x, {.out = 64});
  x = b.act("swish", b.max_pool("pool", x, {}), zoo::Act::hard_swish);
  return b.finish(b.conv("third", x, {.out = 64, .kernel = 3}));
}

std::string note_with(const trace::Report& report, std::string_view part) {
  for (const auto& note : report.notes) {
    if (holds(note, part)) return note;
  }
  return "";
}

}  // namespace

TEST_CASE("behind the first operator that the chip lacks everything runs on the host, and is listed") {
  const auto report = run(with_swish());
  CHECK(layer(report, "second").engine == "op");
  CHECK(layer(report, "swish").engine == "host");
  CHECK(layer(report, "third").engine == "host");
  CHECK(report.coverage.host == 2);
  const auto note = note_with(report, "run on the host");
  CHECK(holds(note, "2 operators"));
  CHECK(holds(note, "hard_swish"));
  CHECK(report.macs == ir::macs(with_swish()).count() - 64 * 64 * 9 * 8 * 8);
}

TEST_CASE(
    "with mapping.allow_return only the operator itself leaves the chip, and coming back costs an entry") {
  const auto report = run(with_swish(), "edgetpu-coral-usb", {"mapping.allow_return=true"});
  CHECK(layer(report, "swish").engine == "host");
  CHECK(layer(report, "third").engine == "op");
  CHECK(report.coverage.host == 1);
  CHECK(layer(report, "third").cycles() > spec().host_entry_cycles);
}

TEST_CASE("a batch of 2 and tensors of 5 dimensions are errors that say what is expected") {
  CHECK(holds(error_of(zoo::build("mobilenet_v1_0_25_128", 2)), "batches of 1 only"));
  zoo::Builder b("five", {1, 2, 4, 4, 4});
  const auto x = b.reshape("flat", b.input(), {1, 8, 4, 4});
  const auto message = error_of(b.finish(b.conv("conv", x, {.out = 8})));
  CHECK(holds(message, "'input'"));
  CHECK(holds(message, "at most 4"));
}

TEST_CASE("a float network is taken as int8, and the report says so") {
  const auto graph = one_conv(8, 16, 16, 16, 1);
  CHECK(holds(note_with(run(graph), "taken as int8"), "--assume-int8"));
  const auto meant = run(graph, "edgetpu-coral-usb", {"mapping.assume_int8=true"});
  CHECK(!note_with(meant, "taken as int8").empty());
  CHECK(note_with(meant, "--assume-int8").empty());
}

TEST_CASE("a convolution's cycles are its FIFO's: the first fill, then the slower of ring and operation") {
  // 28 x 28 x 64 -> 64, 1x1: K = 16, one fill of 16 rows and a row of biases in one buffer, 49 positions.
  const auto report = run(one_conv(64, 28, 28, 64, 1));
  const auto& conv = layer(report, "conv");
  const std::int64_t ring = 17 * spec().row_cycles();
  const std::int64_t op = 16 * 49;
  CHECK(conv.busy_cycles == op);
  CHECK(conv.cycles() >= ring + op);
  CHECK(conv.cycles() <= ring + op + 4);  // flags
}

TEST_CASE("a ring twice as fast halves the time of a layer that is bound by it") {
  const auto graph = one_conv(512, 4, 4, 512, 1);  // one position a tile: 1024 rows, 1024 steps
  const auto slow_report = run(graph);
  const auto& slow = layer(slow_report, "conv");
  const auto fast_report = run(graph, "edgetpu-coral-usb", {"ring.bytes_per_cycle=16"});
  const auto& fast = layer(fast_report, "conv");
  CHECK(holds(slow.mapping, "ring-bound"));
  CHECK(slow.cycles() > 1024 * 32);
  CHECK(slow.cycles() < 1032 * 32 + 200);
  CHECK(fast.cycles() > 1024 * 16);
  CHECK(fast.cycles() < 1032 * 16 + 200);
}

TEST_CASE("parameters beyond the cache are streamed: VGG16 takes what its link needs for them") {
  const auto graph = zoo::build("vgg16");
  const Network net = compiled(graph);
  CHECK(net.cached_bytes <= net.cache_bytes);
  CHECK(net.cached_bytes + net.streamed_bytes >= ir::parameters(graph));
  CHECK(net.streamed_bytes > 125'000'000);
  const auto report = run(graph);
  const double link_ms = static_cast<double>(net.streamed_bytes) / 460e3;
  CHECK(report.latency_ms() > link_ms);
  CHECK(report.latency_ms() < 1.04 * link_ms);
  CHECK(holds(layer(report, "fc6").mapping, "link-bound"));
  CHECK(!note_with(report, "streamed at every inference").empty());
}

TEST_CASE("maps that do not fit narrow memory are made in bands, whose weights pass the ring anew") {
  const auto report = run(zoo::build("posenet_481x641"));
  const auto& depthwise = layer(report, "block1.depthwise");
  CHECK(holds(depthwise.mapping, "bands of"));
  CHECK(layer(report, "input").cycles() > 481 * 641 * 3);  // more than a byte a cycle's worth: the link
}

TEST_CASE("instructions, input and output cross the link at every inference") {
  const auto report = run(one_conv(64, 28, 28, 64, 1));
  REQUIRE(report.links.size() == 1);
  const Network net = compiled(one_conv(64, 28, 28, 64, 1));
  std::int64_t instructions = 0;
  for (const auto& phase : net.phases) instructions += instruction_bytes(spec(), net, phase);
  CHECK(report.links[0].read.bytes == instructions + 28 * 28 * 64);
  CHECK(report.links[0].write.bytes == 28 * 28 * 64);
}

TEST_CASE("a maximum's instructions are an operation, the copy that lays out its block and the move of it") {
  zoo::Builder b("pool", {1, 64, 16, 16});
  const Network pool = compiled(b.finish(b.max_pool("pool", b.input(), {.kernel = 2, .stride = 2})));
  const Phase& phase = pool.phases.at(1);
  REQUIRE(phase.kind == Kind::max_pool);  // one kind of tile, no borders: a copy, a move and the operation
  CHECK(instruction_bytes(spec(), pool, phase) == spec().phase_bytes + 2 * spec().op_bytes + 7 * 16);
}

TEST_CASE("bands send their instructions anew: PoseNet's grow more than fivefold from 353x481 to 721x1281") {
  const auto instructions = [](const char* name) {
    const Network net = compiled(zoo::build(name));
    std::int64_t bytes = 0;
    for (const Phase& phase : net.phases) bytes += instruction_bytes(spec(), net, phase);
    return bytes;
  };
  CHECK(instructions("posenet_721x1281") > 5 * instructions("posenet_353x481"));
  CHECK(instructions("posenet_721x1281") < 960'000 * 1.1);  // as decoded from the vendor's compiled model
}

TEST_CASE("PoseNet 481x641 exchanges borders for 79,000 cycles within 5 %, as compiled, and spills nothing") {
  const Network net = compiled(zoo::build("posenet_481x641"));
  std::int64_t cycles = 0;
  for (const Phase& phase : net.phases) cycles += phase.bands * halo_of(spec(), net, phase).cycles;
  CHECK(cycles > 0.95 * 79'000);
  CHECK(cycles < 1.05 * 79'000);
  CHECK(net.spilled_maps == 0);
}

TEST_CASE("over PCIe an invocation maps the pages of instructions, input and result, over USB none") {
  const auto graph = one_conv(64, 28, 28, 64, 1);  // 13 pages each way
  const auto with = [&](const std::string& us) {
    return run(graph, "edgetpu-coral-pcie", {"link.page_us=" + us}).total_cycles;
  };
  const std::int64_t page = 500;  // cycles of a microsecond
  CHECK(with("2") - with("1") == (13 + 13 + 1) * page);
  CHECK(run(graph, "edgetpu-coral-usb").total_cycles ==
        run(graph, "edgetpu-coral-usb", {"link.page_us=0"}).total_cycles);
}

TEST_CASE("halving the clock leaves the link's time and doubles the tiles'") {
  const auto graph = zoo::build("mobilenet_v1");
  const double fast = run(graph).latency_ms();
  const double slow = run(graph, "edgetpu-coral-usb-250mhz").latency_ms();
  CHECK(slow - fast > 1.45);  // measured: 1.51 to 1.54 ms
  CHECK(slow - fast < 1.62);
}

TEST_CASE("an operator that takes the host longer than 2^31 cycles takes them all, in commands of 32 bits") {
  zoo::Builder b("huge", {1, 8, 32, 32});
  auto x = b.act("swish", b.conv("first", b.input(), {.out = 64, .kernel = 3}), zoo::Act::hard_swish);
  x = b.conv("wide", x, {.out = 4096});
  const ir::Graph graph = b.finish(b.conv("huge", x, {.out = 4096, .kernel = 7}));
  const std::int64_t macs = std::int64_t{4096} * 4096 * 49 * 32 * 32;
  const std::int64_t bytes = macs / (32 * 32) + 2 * 4096 * 32 * 32;
  const std::int64_t expected = host_cycles(spec(), macs, bytes);
  REQUIRE(expected > std::int64_t{1} << 32);
  const auto report = run(graph);
  const auto cycles = layer(report, "huge").cycles();
  CAPTURE(cycles, expected);
  CHECK(std::abs(static_cast<double>(cycles - expected)) < 0.01 * static_cast<double>(expected));
  CHECK(report.total_cycles > expected);
}

TEST_CASE("an operator whose maps fit no memory is the host's; an input that fits none is an error") {
  const auto report = run(zoo::build("unet_camvid"));
  CHECK(layer(report, "down64.1").engine == "host");
  CHECK(holds(note_with(report, "run on the host"), "wide memory by"));
  const auto message = error_of(zoo::build("edsr3"));
  CHECK(holds(message, "its input fits no memory"));
}

TEST_CASE("a large resize at the end is left to the host, as the vendor's compiler does") {
  const auto report = run(zoo::build("deeplab_v3_mobilenet_v2"));
  CHECK(report.coverage.host == 1);
  CHECK(layer(report, "resize").engine == "host");
  CHECK(report.macs == ir::macs(zoo::build("deeplab_v3_mobilenet_v2")).count());
}

TEST_CASE("a network with many operators that the chip lacks comes back to it every time, verified") {
  const auto graph = zoo::build("mobilenet_v3_small");
  const auto back = run(graph, "edgetpu-coral-usb", {"mapping.allow_return=true"});
  CHECK(back.coverage.host > 5);
  CHECK(back.coverage.host < run(graph).coverage.host);
}

TEST_CASE("Coral's larger networks fit, stream what they must and take longer the more they stream") {
  double last = 0;
  for (const char* name : {"inception_v2", "resnet50_v1", "inception_v4", "resnet152_v2", "vgg19"}) {
    INFO(name);
    const auto report = run(zoo::build(name));
    CHECK(report.coverage.host == 0);
    CHECK(report.latency_ms() > last);
    last = report.latency_ms();
  }
}
