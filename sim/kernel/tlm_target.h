// npusim's DRAM as a TLM-2.0 target, for SystemC models that are not part of npusim.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <tlm>
#include <unordered_map>
#include <vector>

#include "sim/kernel/tick_clock.h"
#include "sim/mem/dram/interleaved_channels.h"

namespace npusim::kernel {

/// A DRAM of equal channels.
struct TlmTargetSpec {
  mem::DramRules rules;  ///< mem::dram_rules("lpddr4-3200", mem::Flavour::jedec, "where")
  mem::FrFcfsPolicy policy = mem::default_policy();
  std::string mapping = "ra ro ba bg co";  ///< within a channel, see mem::AddressMapping
  std::int64_t channels = 1;
  std::int64_t interleave_bytes = 256;
};

/// Channels with their FR-FCFS controllers behind one target socket.
///
/// Time: a payload arrives at the first DRAM clock edge from its annotated time on. Its bursts, all those
/// that its bytes touch, are offered to their channels in order of address, in one clock as many as there are
/// channels, payloads in order of arrival. END_REQ is sent at the edge at which the last burst is accepted;
/// so a full queue holds up the initiator. BEGIN_RESP is sent at the edge behind a read's last data beat, or
/// one clock after a write was accepted (writes are posted), one response at a time, in order of readiness.
/// b_transport waits for the same edges. Both can be mixed.
///
/// Data: the memory holds what was written, zero elsewhere; payloads take effect in order of acceptance.
/// Byte enables are honoured. Not offered: DMI, bursts that wrap (a streaming width below the length).
class TlmTarget : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(TlmTarget);
  /// Throws UserError for rules, policies and mappings that do not work together.
  TlmTarget(const sc_core::sc_module_name& name, const TlmTargetSpec& spec);

  tlm_utils::simple_target_socket<TlmTarget> socket{"socket"};

  /// Commands so far.
  [[nodiscard]] const mem::DramCounters& counters() const { return channels_.counters(); }

 private:
  using Payload = tlm::tlm_generic_payload;
  struct Job {
    Payload* payload = nullptr;
    sc_core::sc_event* finished = nullptr;  ///< of a blocking call
    std::int64_t arrival = 0;               ///< clock
    std::uint64_t next_burst = 0;           ///< address
    std::uint64_t end = 0;                  ///< behind the last burst
    std::int64_t unanswered = 0;            ///< reads whose data has not been scheduled
    std::int64_t answer = 0;                ///< clock of the response so far
  };

  void b_transport(Payload& payload, sc_core::sc_time& delay);
  tlm::tlm_sync_enum nb_transport_fw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  unsigned int transport_dbg(Payload& payload);

  void run();
  void enqueue(Payload& payload, sc_core::sc_event* finished, const sc_core::sc_time& at);
  /// Sets the payload's response status; true when it may touch the memory.
  bool admit(Payload& payload) const;
  bool offer(std::int64_t clock);
  void accept(std::uint32_t index, std::int64_t clock);
  void collect();
  void respond(std::int64_t clock);
  void wake_at(std::int64_t clock);
  [[nodiscard]] bool waits_for_data() const { return reads_ > 0; }
  void access(Payload& payload);
  std::uint8_t* byte_at(std::uint64_t address, bool create);

  TickClock clock_;
  std::int64_t burst_bytes_;
  mem::InterleavedChannels channels_;
  std::vector<Job> jobs_;
  std::vector<std::uint32_t> free_jobs_;
  std::deque<std::uint32_t> arrived_;                   ///< by arrival, not wholly accepted
  std::multimap<std::int64_t, std::uint32_t> answers_;  ///< by clock
  std::int64_t offered_at_ = -1;                        ///< clock of the last offers
  std::int64_t offered_ = 0;                            ///< bursts accepted in that clock
  std::int64_t reads_ = 0;                              ///< bursts whose data is not scheduled
  Payload* responding_ = nullptr;                       ///< BEGIN_RESP sent, END_RESP awaited
  sc_core::sc_time response_free_;                      ///< the next BEGIN_RESP not before
  std::unordered_map<std::uint64_t, std::vector<std::uint8_t>> pages_;
  sc_core::sc_event wake_;
};

}  // namespace npusim::kernel
