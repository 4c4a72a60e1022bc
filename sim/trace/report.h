// What a run tells: totals, layers, engines, stalls by reason. The parts add up to the whole, exactly.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/config.h"
#include "sim/base/units.h"
#include "sim/trace/waits.h"

namespace npusim::trace {

/// Why an engine did not work in a cycle.
enum class Stall : std::uint8_t { dependency, dram, bank_conflict, queue_full, launch, idle };
inline constexpr std::size_t kStallReasons = 6;
/// "dependency", "dram", "bank_conflict", "queue_full", "launch", "idle".
std::string_view to_string(Stall reason);

/// Cycles by reason.
struct StallCycles {
  std::array<std::int64_t, kStallReasons> by_reason{};
  std::int64_t& operator[](Stall reason) { return by_reason[static_cast<std::size_t>(reason)]; }
  std::int64_t operator[](Stall reason) const { return by_reason[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] std::int64_t total() const;
  StallCycles& operator+=(const StallCycles& other);
};

/// One engine over the whole run (busy + stalls.total() equals the run's cycles) or what a layer had of it.
struct EngineReport {
  std::string name;
  std::int64_t busy_cycles = 0;
  StallCycles stalls;
  std::int64_t commands = 0;
};

/// One layer (task). Layers follow one another without gap: cycles = end - start, and they sum to the total.
///
/// Layers that are `joined` overlap the ones before, down to the first that is not: a segment. Its layers
/// share its time like this: a layer ends when the last command of its own or an earlier layer of the segment
/// is complete, looking at each layer's own `engine` only (at all engines where a layer has no command on
/// it); the segment's last layer ends with the segment's last command, wherever that ran. A layer starts
/// where the one before ends.
///
/// Bytes, busy and stall cycles belong to the layer whose command moved them, worked or waited (what a
/// prefetch costs, to the layer that it is for); an engine's idle time after its last command, to the layers
/// of that time. So an engine's busy and stall cycles add up to the cycles of each whole segment. They add up
/// to a single layer's cycles where the segment is that layer alone.
struct LayerReport {
  std::string name;
  std::string op;
  std::string mapping;  ///< the mapper's choice in words: core split, loop order, tile sizes
  std::string engine;   ///< the engine whose busy and stall cycles are given here
  bool joined = false;  ///< no barrier before it: of one segment with the layer before
  std::int64_t start_cycle = 0;
  std::int64_t end_cycle = 0;
  std::int64_t macs = 0;
  std::int64_t busy_cycles = 0;  ///< of `engine`, as in `engines`
  StallCycles stalls;
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_write_bytes = 0;
  std::int64_t sram_read_bytes = 0;  ///< shared on-chip memory (Ascend's L2 buffer)
  std::int64_t sram_write_bytes = 0;
  std::vector<EngineReport> engines;  ///< what this layer had of every engine
  [[nodiscard]] std::int64_t cycles() const { return end_cycle - start_cycle; }
};

/// One direction of a host link.
struct LinkTrafficReport {
  std::int64_t bytes = 0;
  std::int64_t packets = 0;
  std::int64_t busy_cycles = 0;
  std::int64_t wait_cycles = 0;  ///< of masters for one another, for a piece's hold, for the other direction
};

struct LinkReport {
  std::string name;
  LinkTrafficReport read, write;  ///< host to chip, chip to host
};

/// Somebody else's traffic on the chip's memory.
struct CoRunnerReport {
  std::string name;
  std::int64_t read_bytes = 0, write_bytes = 0;
  double asked_gb_s = 0;  ///< 0: a trace in its own time
};

/// How much of the network an engine modelled, a host fallback ran, or a pass folded away. Percentages of the
/// operators, MACs and bytes of the graph as imported.
struct Coverage {
  std::int64_t operators = 0;  ///< of the imported network
  std::int64_t modelled = 0;   ///< by an engine, alone or fused into another operator
  std::int64_t host = 0;       ///< by a host fallback, with a stated cost
  std::int64_t folded = 0;     ///< removed by a pass (constants, identities, shape arithmetic)
  double macs_percent = 100;   ///< MACs done by engines / MACs of the network
  double bytes_percent = 100;  ///< tensor bytes accounted for
};

/// One interval of one engine's time, for traces.
struct Span {
  std::uint16_t engine = 0;
  std::uint32_t task = 0;
  std::uint32_t command = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
  Stall stall = Stall::idle;  ///< reason of the wait that ended at `start`
  std::int64_t stall_from = 0;
};

/// A part of a run's time; what the parts are is the chip's to say.
struct TimeShare {
  std::string name;
  std::int64_t cycles = 0;       ///< in which this part is what counts: all parts' add up to the total
  std::int64_t busy_cycles = 0;  ///< in which it had any part, beside others or not
};

/// The result of a run; JSON schema npusim.report/1.
struct Report {
  std::string hw;
  std::string hw_hash;
  std::string network;
  std::string dtype;
  std::int64_t batch = 1;
  double clock_mhz = 0;
  std::int64_t total_cycles = 0;
  std::int64_t macs = 0;
  double peak_macs_per_cycle = 0;
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_write_bytes = 0;
  std::int64_t sram_read_bytes = 0;
  std::int64_t sram_write_bytes = 0;
  double row_hit_rate = 0;
  std::int64_t refreshes = 0;
  double dram_clock_mhz = 0;           ///< of the clocks in dram_waits
  std::vector<WaitReport> dram_waits;  ///< by port, of DRAM policy fr-fcfs
  std::vector<LinkReport> links;
  std::vector<CoRunnerReport> corunners;
  std::int64_t alone_cycles = 0;  ///< total_cycles of the same without co-runners; 0: not known
  std::vector<LayerReport> layers;
  std::vector<EngineReport> engines;
  std::vector<TimeShare> time_shares;  ///< of chips that say what their time consists of
  Coverage coverage;
  std::vector<std::string> notes;  ///< padding losses, spills, assumptions worth telling
  std::string hardware;            ///< the resolved description, canonical text
  // Simulation effort.
  double wall_s = 0;        ///< of simulation proper
  double compile_s = 0;     ///< import, passes, mapping
  std::int64_t events = 0;  ///< kernel and memory events
  std::int64_t commands = 0;
  std::int64_t bursts = 0;
  std::vector<Span> spans;              ///< only when a trace was asked for
  std::vector<std::string> span_names;  ///< by command index, only with spans

  [[nodiscard]] double latency_ms() const;
  /// MACs / (cycles x peak MACs per cycle).
  [[nodiscard]] double mac_utilization() const;
  /// What a co-runner was given, in GB/s over the whole run.
  [[nodiscard]] double achieved_gb_s(const CoRunnerReport& corunner) const;
};

/// Throws InternalError unless engines and layers add up, exactly: layers' cycles, MACs and bytes and the
/// parts of the time to the report's; each engine's busy and stall cycles to the total, to every segment's
/// cycles, and layer by layer to the engine's own; none negative.
void check_sums(const Report& report);

/// The machine interface: schema npusim.report/1, one JSON object. `with_wall_time` false leaves out the
/// fields that differ between two runs (simulation.wall_s, compile_s), so that equal runs give equal text.
std::string to_json(const Report& report, bool with_wall_time = true);
/// One row a layer, then none: columns name,op,engine,start_cycle,end_cycle,cycles,macs,busy,<reasons>,bytes.
std::string to_csv(const Report& report);
/// For people: within 100 columns, aligned, SI units: totals, engines, the layers, coverage, notes.
std::string to_text(const Report& report);
/// Chrome trace event JSON, opens in Perfetto: a track an engine, spans named by command, stalls as slices.
std::string to_chrome_trace(const Report& report);

}  // namespace npusim::trace
