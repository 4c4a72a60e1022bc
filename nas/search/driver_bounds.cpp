#include "nas/search/driver_bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "hw_models/api/npu.h"
#include "nas/search/driver_least.h"
#include "nas/table/form.h"
#include "sim/base/error.h"

namespace npusim::search {
namespace {

/// Taps of a window that lie on the input rather than on its padding, over all places of the output.
double taps_inside(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                   std::int64_t dilation, std::int64_t before) {
  double taps = 0;
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::int64_t at = o * stride - before + k * dilation;
      taps += at >= 0 && at < in ? 1 : 0;
    }
  }
  return taps;
}

/// A convolution's multiply-accumulates without those on padding, which a chip may skip; 0 of grouped ones,
/// which a chip may give to another unit than the one its peak counts.
double dense_macs(const ir::Graph& graph, const ir::Op& op) {
  if (op.kind == ir::OpKind::matmul) return static_cast<double>(ir::macs(graph, op).count());
  if (op.kind != ir::OpKind::conv) return 0;
  const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
  const ir::Shape in = graph.shape(op.inputs.at(0)), out = graph.shape(op.outputs.at(0));
  if (attrs.groups != 1 || in.size() != 4) return 0;
  const ir::Window& w = attrs.window;
  const double rows = taps_inside(in[2], out[2], w.kernel.h, w.stride.h, w.dilation.h, w.pad.top);
  const double columns = taps_inside(in[3], out[3], w.kernel.w, w.stride.w, w.dilation.w, w.pad.left);
  return rows * columns * static_cast<double>(in[0] * in[1] * out[1]);
}

bool is_parameter(const ir::Graph& graph, ir::TensorId id) {
  return id != ir::kNoTensor && graph.tensor(id).role == ir::TensorRole::weight;
}

/// Bytes a main-clock cycle that a chip reads at most, and how much of the parameters it may keep.
struct Reading {
  double bytes_per_cycle = 0;
  double kept_bytes = 0;
};

Reading reading_of(const hw::Npu& npu) {
  const mem::MemorySpec& memory = npu.machine().memory;
  Reading reading;
  if (!memory.links.empty()) {
    for (const mem::HostLinkSpec& link : memory.links) {
      reading.bytes_per_cycle +=
          static_cast<double>(link.read.rate_num) / static_cast<double>(link.read.rate_den);
    }
    reading.kept_bytes = static_cast<double>(npu.on_chip_bytes());
    return reading;
  }
  double ports = 0;
  for (const mem::PortSpec& port : memory.ports) {
    if (port.write || port.traffic != nullptr) continue;
    ports += static_cast<double>(port.request_bytes * port.issue_den) / static_cast<double>(port.issue_num);
  }
  const mem::DramTiming& timing = memory.dram.timing;
  const double bus = static_cast<double>(memory.dram.channels * timing.burst_bytes) *
                     static_cast<double>(timing.clock_hz) / static_cast<double>(timing.burst_clocks) /
                     static_cast<double>(npu.machine().clock_hz);
  reading.bytes_per_cycle = memory.make ? ports : std::min(ports, bus);
  return reading;
}

std::string ms_text(double ms) { return fmt::format("{:.4g} ms", ms); }

}  // namespace

Needs needs_of(const ir::Graph& graph) {
  Needs needs;
  for (const ir::Op& op : graph.ops) {
    if (op.kind != ir::OpKind::conv && op.kind != ir::OpKind::matmul) continue;
    needs.dense_macs += dense_macs(graph, op);
    const ir::TensorId weight = op.inputs.at(1);
    if (!is_parameter(graph, weight)) continue;
    double elements = 1;
    for (const std::int64_t size : graph.shape(weight)) elements *= static_cast<double>(size);
    needs.weights += elements;
  }
  for (const ir::TensorId input : graph.inputs) {
    double elements = 1;
    for (const std::int64_t size : graph.shape(input)) elements *= static_cast<double>(size);
    needs.image += elements;
  }
  return needs;
}

Floor floor_of(const SearchChip& chip, const Needs& needs) {
  const std::unique_ptr<hw::Npu> npu = hw::make_npu(*chip.description);
  const double cycles_per_ms = static_cast<double>(npu->machine().clock_hz) / 1e3;
  const Reading reading = reading_of(*npu);
  const auto size = static_cast<double>(ir::size_of(chip.dtype));
  Floor floor;
  floor.link = !npu->machine().memory.links.empty();
  floor.compute_ms = needs.dense_macs / npu->peak_macs_per_cycle(chip.dtype) / cycles_per_ms;
  // An image may be of 8 bits whatever the network computes in.
  const double bytes = std::max(0.0, needs.weights * size - reading.kept_bytes) + needs.image;
  if (reading.bytes_per_cycle > 0) floor.transfer_ms = bytes / reading.bytes_per_cycle / cycles_per_ms;
  return floor;
}

Bounds::Bounds(std::shared_ptr<const space::Space> space) : space_(std::move(space)) {
  tables_ = fit::BlockTables::build(*space_);
  if (!tables_) return;
  const std::string first = space_->blocks(space_->largest()).front().place;
  std::vector<double> dense, weights, image, macs, params;
  for (const space::Block& block : tables_->blocks()) {
    const ir::Graph graph = table::network_of(block, 1);
    const Needs needs = needs_of(graph);
    dense.push_back(needs.dense_macs);
    weights.push_back(needs.weights);
    image.push_back(block.place == first ? needs.image : 0);
    macs.push_back(static_cast<double>(ir::macs(graph).count()));
    params.push_back(static_cast<double>(ir::parameters(graph)));
  }
  known_ = true;
  const auto least = [&](const std::vector<double>& costs) {
    const std::optional<LeastNetwork> network = least_network(*space_, *tables_, costs);
    known_ = known_ && network;
    if (!network) return 0.0;
    if (std::find(least_.begin(), least_.end(), network->genome) == least_.end()) {
      least_.push_back(network->genome);
    }
    return network->bound;
  };
  needs_ = {least(dense), least(weights), least(image)};
  macs_ = least(macs);
  params_ = least(params);
}

std::optional<space::Genome> Bounds::fastest(const table::AdditiveModel& sums) const {
  if (!tables_) return std::nullopt;
  std::vector<double> costs;
  for (const space::Block& block : tables_->blocks()) {
    const std::optional<std::uint32_t> row = sums.index(block.name);
    if (!row) return std::nullopt;
    costs.push_back(std::max(
        0.0, sums.cycles(std::vector<std::uint32_t>{*row}) - sums.cycles(std::vector<std::uint32_t>{})));
  }
  const std::optional<LeastNetwork> network = least_network(*space_, *tables_, costs);
  if (!network) return std::nullopt;
  return network->genome;
}

std::vector<std::string> Bounds::common_places() const {
  std::vector<std::string> names;
  if (!tables_ || least_.empty()) return names;
  std::size_t at = 0;
  const std::vector<space::Block> blocks = space_->blocks(least_.front());
  for (const fit::BlockTables::Place& place : tables_->places()) {
    std::size_t row = 0;
    for (const fit::BlockTables::Digit& digit : place.digits) {
      row += digit.stride * least_.front()[digit.gene];
    }
    if (tables_->entry(place, row) >= fit::BlockTables::kNever) continue;
    if (place.digits.empty()) names.push_back(blocks.at(at).place);
    ++at;
  }
  return names;
}

namespace {

void check_count(const char* option, const std::optional<double>& limit, double least,
                 const std::string& space, const char* unit) {
  if (!limit || least <= *limit) return;
  throw UserError(
      fmt::format("{} {:.6g} cannot be kept: every network of {} has at least {:.6g} {}; allow at least that",
                  option, *limit, space, least, unit));
}

/// What binds on the chip.
std::string floor_text(const SearchChip& chip, const Floor& floor, const Needs& needs) {
  if (floor.compute_ms >= floor.transfer_ms) {
    return fmt::format("{} needs {} for {:.4g} M multiply-accumulates of dense layers at its peak", chip.name,
                       ms_text(floor.ms()), needs.dense_macs / 1e6);
  }
  return fmt::format("{} needs {} to read {:.4g} M parameters{} and an image of {:.4g} K numbers over its {}",
                     chip.name, ms_text(floor.ms()), needs.weights / 1e6,
                     floor.link ? " (less what it keeps)" : "", needs.image / 1e3,
                     floor.link ? "link" : "memory bus");
}

/// What of a network's time the places take that all networks share; "" when there are none.
std::string common_text(const std::vector<std::string>& places, const jobs::Summary& summary) {
  std::int64_t cycles = 0, all = 0;
  for (const jobs::LayerSummary& layer : summary.layers) {
    all += layer.cycles;
    for (const std::string& place : places) {
      const bool here = layer.name.rfind(place, 0) == 0 &&
                        (layer.name.size() == place.size() || std::isdigit(layer.name[place.size()]) == 0);
      if (here) cycles += layer.cycles;
    }
  }
  if (cycles == 0) return "";
  const double share = static_cast<double>(cycles) / static_cast<double>(all);
  return fmt::format(", of which {}, which all networks share, take {}", fmt::join(places, ", "),
                     ms_text(share * summary.latency_ms));
}

/// "The fastest of ... takes 2.31 ms": a limit that can be kept.
std::string relaxation_text(const Bounds& bounds, const space::Space& space,
                            const std::vector<SearchChip>& chips, Combine combine,
                            const jobs::BatchOptions& how) {
  jobs::Batch batch;
  for (const SearchChip& chip : chips) batch.chips.push_back({chip.description, {}, chip.hash});
  for (const space::Genome& genome : bounds.least()) {
    for (std::size_t c = 0; c < chips.size(); ++c) {
      batch.jobs.push_back({c, batch.graphs.size(), chips[c].dtype, true});
    }
    batch.graphs.push_back(space.build(genome));
  }
  const jobs::BatchResult results = jobs::run_batch(batch, how);
  double fastest = 0;
  std::string text;
  for (std::size_t n = 0; n < bounds.least().size(); ++n) {
    Measured measured;
    bool ran = true;
    for (std::size_t c = 0; c < chips.size(); ++c) {
      const jobs::Result& result = results.results.at(n * chips.size() + c);
      ran = ran && result.status == jobs::Status::ok;
      measured.chips.push_back({result.summary.cycles, result.summary.latency_ms, 0, true, ""});
    }
    const double ms = limited_latency(measured, combine);
    if (!ran || (!text.empty() && ms >= fastest)) continue;
    fastest = ms;
    text = fmt::format(
        ". Of the networks with the fewest MACs, parameters and bytes the fastest takes {} when simulated{}; "
        "allow at least that: {}:{}",
        ms_text(ms),
        chips.size() == 1 ? common_text(bounds.common_places(), results.results.at(n).summary) : "",
        space.name(), space.encode(bounds.least()[n]));
  }
  return text;
}

}  // namespace

void check_limits(const Bounds& bounds, const space::Space& space, const std::vector<SearchChip>& chips,
                  const Goals& goals, const jobs::BatchOptions& how) {
  const Limits& limits = goals.limits;
  if (limits.soft || !bounds.known()) return;
  check_count("--macs", limits.macs, bounds.macs(), space.name(), "MACs");
  check_count("--params", limits.params, bounds.params(), space.name(), "weights");
  if (!limits.latency_ms) return;
  Measured floors;
  std::string text;
  for (const SearchChip& chip : chips) {
    const Floor floor = floor_of(chip, bounds.needs());
    floors.chips.push_back({0, floor.ms(), 0, false, ""});
    if (goals.combine == Combine::mean || floor.ms() > *limits.latency_ms) {
      text += (text.empty() ? "" : "; ") + floor_text(chip, floor, bounds.needs());
    }
  }
  if (limited_latency(floors, goals.combine) <= *limits.latency_ms) return;
  throw UserError(fmt::format("--latency-ms {:.6g} cannot be kept by any network of {}: {}{}",
                              *limits.latency_ms, space.name(), text,
                              relaxation_text(bounds, space, chips, goals.combine, how)));
}

}  // namespace npusim::search
