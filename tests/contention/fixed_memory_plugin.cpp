// A memory model as a shared library: 100 ns a request, one at a time.
#include <tlm_utils/simple_target_socket.h>

#include <systemc>
#include <tlm>

namespace {

class FixedMemory : public sc_core::sc_module {
 public:
  explicit FixedMemory(const sc_core::sc_module_name& name) : sc_module(name) {
    socket.register_b_transport(this, &FixedMemory::transport);
  }
  tlm_utils::simple_target_socket<FixedMemory> socket{"socket"};

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    wait(delay + sc_core::sc_time(100, sc_core::SC_NS));
    delay = sc_core::SC_ZERO_TIME;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

}  // namespace

extern "C" sc_core::sc_module* npusim_tlm_memory(tlm::tlm_initiator_socket<>* npusim) {
  auto* const memory = new FixedMemory("memory");
  npusim->bind(memory->socket);
  return memory;
}
