// A TLM-2.0 memory model that is not part of npusim, in place of npusim's DRAM.
#pragma once

#include <functional>
#include <memory>
#include <systemc>
#include <tlm>

#include "sim/mem/late_target.h"

namespace npusim::kernel {

/// Makes the memory model, a module (with whatever it consists of) that serves addresses from zero, and binds
/// `npusim` to its target socket: `npusim.bind(memory->socket)`. Called during elaboration, in a SystemC
/// context and time that belong to the memory alone; called again for every reset.
using TlmMemoryFactory =
    std::function<std::unique_ptr<sc_core::sc_module>(tlm::tlm_initiator_socket<>& npusim)>;

/// The model that `make` makes, as a memory of npusim's. Requests become generic payloads (addresses of the
/// global space, zeros as data), sent by the non-blocking base protocol with four phases or any of its short
/// cuts; a blocking target behind a simple_target_socket works, too.
///
/// Time: SystemC's time is real time, cycle n of the main clock at floor(n / clock_hz). A request is sent at
/// its arrival, or when the one before it has been accepted (END_REQ), if that is later. Its response is back
/// at the first cycle after BEGIN_RESP (or the return), delay annotations included, plus `response_cycles`.
/// A response other than TLM_OK_RESPONSE throws UserError.
std::unique_ptr<mem::LateTarget> make_tlm_memory(TlmMemoryFactory make, std::int64_t clock_hz,
                                                 std::int64_t response_cycles);

}  // namespace npusim::kernel
