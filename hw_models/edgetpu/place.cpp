#include "hw_models/edgetpu/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "hw_models/edgetpu/phases.h"
#include "hw_models/mapping/allocator.h"
#include "sim/base/error.h"

namespace npusim::edgetpu {

namespace {

constexpr std::int64_t kAlignment = 16;

/// More bands than that would leave tiles without rows.
constexpr std::int64_t kMostBands = 16;
/// Phases that may join a chain of those that do not fit.
constexpr PhaseId kMostNeighbours = 6;

class Placer {
 public:
  Placer(const Spec& spec, Network& net) : spec_(spec), net_(net) {}

  std::optional<Misfit> run() {
    find_lifetimes();
    if (auto misfit = large_resize()) return misfit;
    cut_bands();
    while (!allocate_narrow()) {
    }
    count_bands();
    allocate_wide();
    if (auto misfit = first_misfit()) return misfit;
    cache_parameters();
    return std::nullopt;
  }

 private:
  /// Phases that run band by band, from the first to the last before the next band.
  struct Chain {
    PhaseId first = 0, last = 0;
    std::int64_t bands = 1;
  };

  void use(MapId id, PhaseId phase) {
    Map& home = net_.map(net_.home_of(id));
    if (home.first == kNone) home.first = phase;
    home.last = std::max(home.last, phase);
  }

  void find_lifetimes() {
    const auto count = static_cast<PhaseId>(net_.phases.size());
    for (PhaseId i = 0; i < count; ++i) {
      const Phase& phase = net_.phase(i);
      for (const MapId id : phase.inputs) {
        if (phase.kind != Kind::host || !net_.map(id).on_host) use(id, i);
      }
      if (phase.output != kNone) use(phase.output, i);
    }
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      const auto id = static_cast<MapId>(i);
      if (net_.map(id).network_output && !net_.map(id).on_host) use(id, count);
    }
  }

  [[nodiscard]] std::int64_t bytes(MapId home) const { return home_bytes(spec_, net_.map(home)); }
  [[nodiscard]] std::int64_t narrow() const { return spec_.narrow_bytes - kStagingBytes; }

  /// Distinct homes of a phase's operands and result.
  [[nodiscard]] std::set<MapId> homes(const Phase& phase) const {
    std::set<MapId> out;
    for (const MapId id : phase.inputs) out.insert(net_.home_of(id));
    if (phase.output != kNone) out.insert(net_.home_of(phase.output));
    return out;
  }

  [[nodiscard]] bool too_large(PhaseId id) const {
    const Phase& phase = net_.phase(id);
    if (phase.kind == Kind::host) return false;
    std::int64_t sum = halo_of(spec_, net_, phase).bytes;
    for (const MapId home : homes(phase)) sum += bytes(home);
    return sum > narrow();
  }

  /// Consecutive phases that do not fit narrow memory run in bands of rows, from the first to the last of
  /// them before the next band; neighbours join them where their maps would not fit whole. Where no number
  /// of bands helps, maps spill.
  void cut_bands() {
    const auto count = static_cast<PhaseId>(net_.phases.size());
    for (PhaseId first = 0; first < count; ++first) {
      if (!too_large(first)) continue;
      PhaseId last = first;
      while (last + 1 < count && too_large(last + 1)) ++last;
      if (!cut_chain(first, last)) spill(first, last);
      while (last + 1 < count && net_.phase(last + 1).bands > 1) ++last;
      first = last;
    }
  }

  /// Of the chains that contain `first` to `last`, with up to kMostNeighbours more phases, the one that costs
  /// the fewest cycles; of a chain, the fewest bands that fit.
  bool cut_chain(PhaseId first, PhaseId last) {
    if (first == last && cut_own_rows(first)) return true;
    const auto count = static_cast<PhaseId>(net_.phases.size());
    std::optional<Chain> best;
    std::int64_t least = 0;
    for (PhaseId more = 0; more <= kMostNeighbours; ++more) {
      for (PhaseId before = 0; before <= more; ++before) {
        Chain chain{first - before, last + more - before, 1};
        if (chain.first < 0 || chain.last >= count || !may_join(chain.first, chain.last)) continue;
        if (!fit_bands(chain)) continue;
        const std::int64_t cost = cycles_around(first, last);
        uncut(chain.first, chain.last);
        if (best && cost >= least) continue;
        best = chain;
        least = cost;
      }
    }
    if (!best) return false;
    ensure(try_bands(best->first, best->last, best->bands), "bands that have fitted fit");
    chains_.push_back(*best);
    return true;
  }

  /// Gives a chain the next more bands with which it fits; false, and nothing cut, where there are none.
  bool fit_bands(Chain& chain) {
    for (std::int64_t bands = chain.bands + 1; bands <= kMostBands; ++bands) {
      if (!try_bands(chain.first, chain.last, bands)) continue;
      chain.bands = bands;
      return true;
    }
    return false;
  }

  void uncut(PhaseId first, PhaseId last) {
    for (PhaseId i = first; i <= last; ++i) {
      net_.phase(i).bands = 1;
      for (const MapId home : homes(net_.phase(i))) net_.map(home).band_rows = 0;
    }
  }

  /// Cycles of the phases that a chain around `first` to `last` may contain, as they are cut now.
  [[nodiscard]] std::int64_t cycles_around(PhaseId first, PhaseId last) const {
    std::int64_t cycles = 0;
    const auto end = std::min(static_cast<PhaseId>(net_.phases.size()), last + kMostNeighbours + 1);
    for (PhaseId i = std::max<PhaseId>(first - kMostNeighbours, 0); i < end; ++i) {
      const Phase& phase = net_.phase(i);
      if (phase.kind == Kind::host) continue;
      const Counts counts = counts_of(spec_, net_, phase);
      const std::int64_t rows = phase.kind == Kind::input ? counts.ring_rows : counts.producer_rows;
      const std::int64_t ring = rows * spec_.row_cycles();
      cycles += phase.bands * (std::max(counts.steps, ring) + halo_of(spec_, net_, phase).cycles);
    }
    return cycles;
  }

  /// A phase that only lacks room for its borders: every tile cuts its own rows, operand and result stay
  /// whole. Compiled PoseNet's mesh cycles are those of such bands in its widest dilated depthwise layer.
  bool cut_own_rows(PhaseId id) {
    Phase& phase = net_.phase(id);
    if (halo_of(spec_, net_, phase).bytes == 0 || phase.kernels > 1) return false;
    const std::int64_t rows = ceil_div(net_.map(phase.output).shape.h, spec_.rows);
    phase.own_bands = true;
    for (std::int64_t bands = 2; bands <= std::min(kMostBands, rows); ++bands) {
      phase.bands = bands;
      phase.band_rows = spec_.rows * ceil_div(rows, bands);
      if (!too_large(id)) return true;
    }
    phase.own_bands = false;
    phase.bands = 1;
    phase.band_rows = 0;
    return false;
  }

  /// No phase of an earlier chain, nor of the host.
  [[nodiscard]] bool may_join(PhaseId from, PhaseId to) const {
    for (PhaseId i = from; i <= to; ++i) {
      if (net_.phase(i).bands > 1 || net_.phase(i).kind == Kind::host) return false;
    }
    return true;
  }

  /// Rows of every map and phase of a chain at `bands` bands; false, and all as before, when some phase still
  /// does not fit.
  bool try_bands(PhaseId first, PhaseId last, std::int64_t bands) {
    std::map<MapId, std::int64_t> rows;
    const auto need = [&](MapId home, std::int64_t count) {
      auto& known = rows[home];
      known = std::max(known, std::min(count, net_.map(home).shape.h));
    };
    for (PhaseId i = last; i >= first; --i) {
      Phase& phase = net_.phase(i);
      const MapId home = net_.home_of(phase.output);
      need(home, ceil_div(net_.map(home).shape.h, bands));
      phase.bands = bands;
      phase.band_rows = std::min(rows[home], net_.map(phase.output).shape.h);
      for (const MapId id : phase.inputs) need(net_.home_of(id), rows_needed(phase, phase.band_rows));
    }
    for (const auto& [home, count] : rows) {
      Map& map = net_.map(home);
      const bool inside = map.first >= first && map.last <= last;
      map.band_rows = inside && count < map.shape.h ? count : 0;
    }
    bool fits = true;
    for (PhaseId i = first; i <= last; ++i) fits = fits && !too_large(i);
    if (fits) return true;
    for (PhaseId i = first; i <= last; ++i) net_.phase(i).bands = 1;
    for (const auto& row : rows) net_.map(row.first).band_rows = 0;
    return false;
  }

  /// A chain alive with `map` gets more bands, so that its maps take less room; false where there is none, or
  /// no number of bands fits.
  bool cut_finer(const Map& map) {
    for (Chain& chain : chains_) {
      if (chain.last < map.first || chain.first > map.last) continue;
      if (fit_bands(chain)) return true;
      static_cast<void>(try_bands(chain.first, chain.last, chain.bands));
    }
    return false;
  }

  void count_bands() {
    for (const Phase& phase : net_.phases) {
      if (phase.bands > 1) ++net_.banded_phases;
      net_.most_bands = std::max(net_.most_bands, phase.bands);
    }
  }

  /// Maps of phases that do not fit go through wide memory.
  void spill(PhaseId first, PhaseId last) {
    for (PhaseId i = first; i <= last; ++i) {
      if (!too_large(i)) continue;
      for (const MapId home : homes(net_.phase(i))) net_.map(home).wide = true;
    }
  }

  /// The largest first: they pack best.
  [[nodiscard]] std::vector<MapId> all_homes() const {
    std::vector<MapId> out;
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      const auto id = static_cast<MapId>(i);
      if (net_.map(id).home == kNone && net_.map(id).first != kNone) out.push_back(id);
    }
    std::stable_sort(out.begin(), out.end(), [this](MapId a, MapId b) { return bytes(a) > bytes(b); });
    return out;
  }

  /// The non-spilled home alive in phase `at` that lives longest, `fallback` included.
  [[nodiscard]] MapId victim(const std::vector<MapId>& order, PhaseId at, MapId fallback) const {
    MapId found = fallback;
    const auto span = [this](MapId id) { return net_.map(id).last - net_.map(id).first; };
    for (const MapId other : order) {
      const Map& it = net_.map(other);
      if (it.wide || it.first > at || it.last < at) continue;
      if (found == kNone || span(other) > span(found)) found = other;
    }
    return found;
  }

  /// Room for the borders that a phase's tile receives; kNone: they pass with the bands of a spilled map.
  bool allocate_halos(mapping::LifetimeAllocator& memory, const std::vector<MapId>& order) {
    const auto count = static_cast<PhaseId>(net_.phases.size());
    for (PhaseId i = 0; i < count; ++i) {
      Phase& phase = net_.phase(i);
      phase.halo_address = kNone;
      const std::int64_t bytes = phase.kind == Kind::host ? 0 : halo_of(spec_, net_, phase).bytes;
      if (bytes == 0) continue;
      if (const auto address = memory.allocate(bytes, i, i)) {
        phase.halo_address = *address;
        continue;
      }
      const MapId way = victim(order, i, kNone);
      if (way == kNone) continue;
      if (cut_finer(net_.map(way))) return false;
      net_.map(way).wide = true;
      return false;
    }
    return true;
  }

  /// False when a map had to be spilled: the largest of those that were in the way, longest alive first.
  bool allocate_narrow() {
    mapping::LifetimeAllocator memory(0, narrow(), kAlignment);
    const auto order = all_homes();
    for (const MapId id : order) {
      Map& map = net_.map(id);
      if (map.wide) continue;
      const auto address = memory.allocate(bytes(id), map.first, map.last);
      if (address) {
        map.address = *address;
        continue;
      }
      if (!cut_finer(map)) net_.map(victim(order, map.first, id)).wide = true;
      return false;
    }
    return allocate_halos(memory, order);
  }

  void allocate_wide() {
    mapping::LifetimeAllocator memory(0, INT64_C(1) << 40U, kAlignment);
    for (const MapId id : all_homes()) {
      Map& map = net_.map(id);
      if (!map.wide) continue;
      ++net_.spilled_maps;
      map.address = *memory.allocate(bytes(id), map.first, map.last);
      net_.peak_wide_bytes = std::max(net_.peak_wide_bytes, map.address + bytes(id));
    }
  }

  /// Wide memory of a tile that spilled maps, FIFO, partial sums and biases take in a phase.
  [[nodiscard]] std::int64_t wide_bytes(PhaseId id) const {
    std::int64_t maps = 0;
    for (const Map& map : net_.maps) {
      if (map.wide && map.first <= id && map.last >= id) {
        maps = std::max(maps, map.address + home_bytes(spec_, map));
      }
    }
    return maps + wide_buffer_bytes(spec_, net_, net_.phase(id));
  }

  [[nodiscard]] std::int64_t wide_room() const { return spec_.wide_bytes - spec_.wide_reserved_bytes; }

  /// The vendor's compiler leaves large resizes to the host; here, those whose maps do not fit narrow memory.
  [[nodiscard]] std::optional<Misfit> large_resize() const {
    for (std::size_t i = 0; i < net_.phases.size(); ++i) {
      const Phase& phase = net_.phases[i];
      if (phase.op.starts_with("resize") && too_large(static_cast<PhaseId>(i))) {
        return Misfit{phase.operator_name, "maps too large for narrow memory"};
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Misfit> first_misfit() const {
    for (std::size_t i = 0; i < net_.phases.size(); ++i) {
      const Phase& phase = net_.phases[i];
      if (phase.kind == Kind::host) continue;
      const std::int64_t taken = wide_bytes(static_cast<PhaseId>(i));
      if (taken <= wide_room()) continue;
      return Misfit{
          phase.operator_name,
          fmt::format("spilled maps, weights under way and partial sums exceed a tile's wide memory by "
                      "{} bytes",
                      taken - wide_room())};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::int64_t free_wide() const {
    std::int64_t least = wide_room();
    for (std::size_t i = 0; i < net_.phases.size(); ++i) {
      if (net_.phases[i].kind == Kind::host) continue;
      least = std::min(least, wide_room() - wide_bytes(static_cast<PhaseId>(i)));
    }
    return least;
  }

  void cache_parameters() {
    net_.cache_bytes = free_wide() * spec_.tiles();
    for (Phase& phase : net_.phases) {
      if (phase.weight_bytes == 0) continue;
      phase.streamed = net_.cached_bytes + phase.weight_bytes > net_.cache_bytes;
      if (phase.streamed) {
        net_.streamed_bytes += phase.weight_bytes;
      } else {
        phase.param_address = net_.cached_bytes;
        net_.cached_bytes += phase.weight_bytes;
      }
    }
  }

  const Spec& spec_;
  Network& net_;
  std::vector<Chain> chains_;
};

}  // namespace

std::int64_t home_positions(const Spec& spec, const Map& map) {
  Shape shape = map.shape;
  if (map.band_rows > 0) shape.h = map.band_rows;
  return tile_positions(spec, shape);
}

std::int64_t home_bytes(const Spec& spec, const Map& map) {
  return home_positions(spec, map) * std::max(spec.padded(map.shape.c), map.stored_channels);
}

std::optional<Misfit> place(const Spec& spec, Network& net) { return Placer(spec, net).run(); }

}  // namespace npusim::edgetpu
