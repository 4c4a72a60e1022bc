// The memory domain: DMA ports, on-chip shared memory and DRAM channels, contended, in one object that runs
// ahead. Free of SystemC. All times are cycles of the chip's main clock at this boundary.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/base/config.h"
#include "sim/base/units.h"
#include "sim/mem/arbiter.h"
#include "sim/mem/dram/controller.h"
#include "sim/mem/host_link_spec.h"
#include "sim/program/program.h"

namespace npusim::mem {

/// One DRAM channel's timing, in DRAM command clocks unless the name says otherwise. Read from YAML
/// (sim/mem/dram/*.yaml), where every value has its source.
struct DramTiming {
  std::string standard;           ///< "lpddr4x-3200"
  std::int64_t clock_hz = 0;      ///< command clock
  std::int64_t burst_clocks = 0;  ///< data-bus clocks of one burst (tCCD for back-to-back bursts)
  std::int64_t burst_bytes = 0;
  std::int64_t page_bytes = 0;
  std::int64_t banks = 0;
  std::int64_t rl = 0, wl = 0;  ///< read latency (with tDQSCK), write latency
  std::int64_t trcd = 0, trp = 0, trp_all = 0, tras = 0, trc = 0, trrd = 0, tfaw = 0;
  std::int64_t twr = 0, twtr = 0, trtp = 0, trtw = 0;
  std::int64_t trefi = 0, trfc = 0;
};

/// How a channel schedules.
enum class DramPolicy : std::uint8_t {
  in_order,  ///< requests in order of arrival (dram_channel.h): fast, without reordering
  fr_fcfs    ///< bursts reordered by the exact controller (dram/controller.h) behind an arbiter
};

/// What the exact controller needs beyond DramTiming.
struct FrFcfsSpec {
  DramRules rules;
  FrFcfsPolicy policy = default_policy();
  /// Address bits of a channel from the top, as AddressMapping takes them.
  std::string mapping;
  Arbitration arbitration = Arbitration::fifo;
};

/// The DRAM behind a chip.
struct DramSpec {
  DramTiming timing;
  std::int64_t channels = 1;
  std::int64_t interleave_bytes = 256;  ///< consecutive blocks of this size go to consecutive channels
  std::int64_t controller_cycles = 0;   ///< fixed request-to-command plus data-return latency, main clock
  /// Whether a page's bank is hashed with its row's low bits, so that power-of-two strides do not hit one
  /// bank.
  bool bank_xor = false;
  /// Requests that a channel's posted-write buffer holds: writes are acknowledged when they enter it and
  /// drained in batches. 0: none, a write is acknowledged when its data is on the bus, and writes keep their
  /// place among reads.
  std::int64_t write_queue = 0;
  std::int64_t channel_bytes = 0;  ///< capacity of a channel; 0: no limit is checked
  DramPolicy policy = DramPolicy::in_order;
  FrFcfsSpec fr_fcfs;  ///< of policy fr_fcfs, which uses neither bank_xor nor write_queue
};

/// An on-chip memory shared by all ports (Ascend's L2 buffer), a window of the global address space.
struct SharedSramSpec {
  std::int64_t base = 0;                  ///< first address of the window
  std::int64_t bytes = 0;                 ///< 0: the chip has none
  std::int64_t read_bytes_per_cycle = 0;  ///< whole memory, all ports together
  std::int64_t write_bytes_per_cycle = 0;
  std::int64_t latency_cycles = 0;
  Arbitration arbitration = Arbitration::fifo;
};

struct TrafficPattern;

/// A DMA engine's connection to the memory system.
struct PortSpec {
  std::string name;
  bool write = false;                ///< direction of its traffic
  std::int64_t request_bytes = 256;  ///< a run is cut into requests of at most this, aligned to it
  std::int64_t outstanding = 16;     ///< requests in flight
  /// Cycles between two requests, as a rational so that 256 B at 67 B/cycle is exact: issue_num/issue_den.
  std::int64_t issue_num = 4, issue_den = 1;
  std::int64_t sram_issue_num = 2, sram_issue_den = 1;  ///< the same towards the shared SRAM
  std::int64_t start_cycles = 0;                        ///< from a command's start to its first request
  std::int64_t priority = 0;  ///< of arbitration fixed_priority: the highest goes first
  std::int64_t weight = 1;    ///< of arbitration weighted: requests a turn
  /// Of a co-runner: what it accesses, for ever, from cycle 1 on. It transfers nothing for the program: its
  /// `write` and `start_cycles` are not used. Co-runners come behind all other ports.
  std::shared_ptr<const TrafficPattern> traffic;
};

class LateTarget;
class MemoryDomain;
struct TracedAccess;

struct MemorySpec {
  std::int64_t clock_hz = 0;  ///< the chip's main clock
  DramSpec dram;
  SharedSramSpec sram;
  std::vector<HostLinkSpec> links;  ///< to the host's memory
  std::vector<PortSpec> ports;
  /// Makes a memory that serves the DRAM's addresses in place of npusim's channels (kernel/tlm_memory.h);
  /// empty: npusim's. Requests carry global addresses as offsets.
  std::function<std::unique_ptr<LateTarget>(const MemorySpec&)> external;
  /// Takes the DRAM requests of all ports but co-runners since the last reset, by port in order of cycles (of
  /// issue); empty: nobody does.
  std::shared_ptr<std::vector<TracedAccess>> log;
  /// A chip's own memory system in place of npusim's (a published latency formula); empty: npusim's, of which
  /// the fields above are the parameters.
  std::function<std::unique_ptr<MemoryDomain>(const MemorySpec&)> make;
};

/// What one port's requests waited for at the DRAM channels of policy fr_fcfs, in command clocks summed over
/// channels. Wait_ledger.h defines it.
struct PortWaits {
  std::int64_t service = 0;          ///< what the requests would have taken without any wait
  std::int64_t own = 0;              ///< behind the port's own earlier requests
  std::int64_t refresh = 0;          ///< behind refreshes
  std::vector<std::int64_t> others;  ///< behind other ports' requests, by port (the own entry is 0)

  bool operator==(const PortWaits&) const = default;
};

/// What a co-runner did since the last reset.
struct CoRunnerCounters {
  std::string name;
  std::int64_t read_bytes = 0, write_bytes = 0, requests = 0;

  bool operator==(const CoRunnerCounters&) const = default;
};

/// Totals since the last reset. Bytes and requests are those of the program; DRAM bursts, rows and refreshes,
/// and the links' traffic, are everybody's.
struct MemoryCounters {
  std::int64_t dram_read_bytes = 0, dram_write_bytes = 0;
  std::int64_t sram_read_bytes = 0, sram_write_bytes = 0;
  std::int64_t requests = 0;                  ///< requests served by DRAM and SRAM
  std::int64_t bursts = 0;                    ///< DRAM bursts
  std::int64_t row_hits = 0, row_misses = 0;  ///< by request; of policy fr_fcfs by column command
  std::int64_t refreshes = 0;
  std::int64_t events = 0;       ///< local events processed
  std::vector<PortWaits> waits;  ///< by port; empty unless the policy is fr_fcfs
  std::vector<LinkCounters> links;
  std::vector<CoRunnerCounters> corunners;
};

/// A transfer that has completed.
struct Completion {
  std::size_t port = 0;
  Cycles start{0};  ///< the port turned to it: not before it was asked to, nor before it was done issuing the
                    ///< one before
  Cycles release{0};  ///< all requests are issued: the port is ready for the next transfer
  Cycles end{0};      ///< the last byte has arrived (read) or has been accepted by the memory (write)
  Cycles ideal{
      0};  ///< of release - start, what the port would have needed without waiting for memory: its busy time
  std::int64_t bytes = 0;
  std::int64_t dram_bytes = 0, sram_bytes = 0, link_bytes = 0;  ///< of these, by memory
};

/// Ports, SRAM and DRAM channels with their own local event loop.
///
/// The protocol, the same however it is executed (here, or with every port and channel as a SystemC process
/// of its own): a port that issues a request at cycle t reaches the target (a DRAM channel, or the SRAM) at
/// t+1; a target serves requests in order of arrival, ties by port id, and fixes the cycle at which the
/// response is back at the port. Responses retire in order: a port's request k is issued one issue interval
/// after request k-1 and not before the response of request k-outstanding. A transfer is complete at its last
/// response, and not before the last request's issue interval is over.
class MemoryDomain {
 public:
  virtual ~MemoryDomain() = default;
  /// Starts a transfer of the global-space `runs` on `port` at cycle `at`: the first request is issued at
  /// `at + max(1, start_cycles)`, or once the port has issued all requests of the transfers started before,
  /// if that is later. Transfers of a port are worked on and complete in order. `at` is never earlier than
  /// the last completion returned or horizon given. Throws InternalError when the port has too many transfers
  /// (DmaPort::kMaxTransfers) or `at` is in the past.
  virtual void start(std::size_t port, std::span<const program::Region> runs, Cycles at) = 0;
  /// Runs ahead to the earliest completion at or before `horizon` and returns it (ties: lowest port); nothing
  /// when there is none. The caller promises that no transfer starts before that completion or the horizon,
  /// whichever is earlier: the horizon is the earliest cycle at which anything outside could start one.
  virtual std::optional<Completion> next_completion(Cycles horizon) = 0;
  /// The same without horizon: nothing outside can start a transfer before the next completion.
  std::optional<Completion> next_completion() { return next_completion(kNever); }
  /// Back to the state after construction: closed rows, refresh phase zero, counters zero.
  virtual void reset() = 0;
  [[nodiscard]] virtual const MemoryCounters& counters() const = 0;
};

/// Throws UserError naming the port or memory whose parameters cannot work: sizes that are no powers of two,
/// requests larger than an interleaving block or a DRAM page, an issue interval under a cycle, fewer than two
/// outstanding.
void check(const MemorySpec& spec);

/// The domain that a spec asks for: `spec.make`'s, or npusim's run-ahead domain (one object, no SystemC).
/// Checks the spec.
std::unique_ptr<MemoryDomain> make_memory_domain(const MemorySpec& spec);

/// Reads `<prefix>.model`, `.channels`, `.interleave_bytes`, `.controller_cycles`, `.bank_xor` and
/// `.write_queue`, and the timing table that `model` names (built in, or a path that ends in .yaml). Where
/// they are given, also `.policy` (in-order, fr-fcfs; default in-order), `.arbitration` (default fifo) and
/// the controller's parameters `.fr_fcfs.*` (docs/dram.md; defaults as default_policy()). Throws UserError
/// with file and line for unknown tables, missing keys, impossible timings, policies and mappings.
DramSpec read_dram(const Config& config, const std::string& prefix);

/// Names of the built-in timing tables.
std::vector<std::string> dram_tables();

/// The timing table `model` (built in, or a path that ends in .yaml) as a configuration, with its provenance.
/// Throws UserError, starting with `where`, when there is none.
Config dram_table(const std::string& model, const std::string& where);

/// One channel's timing from a table. Throws UserError with file and line for missing, unknown, out-of-range
/// and contradicting values.
DramTiming read_timing(const Config& table);

}  // namespace npusim::mem
