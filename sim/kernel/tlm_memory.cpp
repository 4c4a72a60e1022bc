#include "sim/kernel/tlm_memory.h"

#include <fmt/format.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <array>
#include <deque>
#include <exception>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/kernel/systemc_context.h"
#include "sim/kernel/tick_clock.h"

namespace npusim::kernel {

namespace {

using Payload = tlm::tlm_generic_payload;

/// The initiator of the base protocol: sends what it is given, one request phase at a time.
class Initiator : public sc_core::sc_module, public tlm::tlm_bw_transport_if<>, public tlm::tlm_mm_interface {
 public:
  SC_HAS_PROCESS(Initiator);
  using Answered = std::function<void(const mem::Request&, const sc_core::sc_time&)>;
  Initiator(const sc_core::sc_module_name& name, Answered answered)
      : sc_module(name), answered_(std::move(answered)) {
    socket.bind(*this);
    SC_METHOD(send);
    sensitive << wake_;
    dont_initialize();
  }
  ~Initiator() override {
    for (Transaction* one : all_) delete one;
  }

  tlm::tlm_initiator_socket<> socket{"socket"};

  /// Sends `request` at `at`, not before the ones pushed earlier.
  void push(const mem::Request& request, const sc_core::sc_time& at) {
    waiting_.emplace_back(request, at);
    wake_.notify(at - sc_core::sc_time_stamp());
  }
  [[nodiscard]] bool outstanding() const { return !waiting_.empty() || unanswered_ > 0; }
  /// The first exception of any callback.
  std::exception_ptr failure;

 private:
  struct Transaction : Payload {
    explicit Transaction(Initiator* owner) : Payload(owner) {}
    mem::Request request;
    std::vector<unsigned char> data;
    bool answered = false;
  };

  void send() {
    while (requesting_ == nullptr && !waiting_.empty()) {
      const auto [request, at] = waiting_.front();
      if (at > sc_core::sc_time_stamp()) return wake_.notify(at - sc_core::sc_time_stamp());
      waiting_.pop_front();
      Transaction& payload = make(request);
      requesting_ = &payload;
      ++unanswered_;
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
      const tlm::tlm_sync_enum status = socket->nb_transport_fw(payload, phase, delay);
      if (status == tlm::TLM_COMPLETED) {
        end_request(payload, delay);
        answer(payload, delay);
      } else if (status == tlm::TLM_UPDATED) {
        updated(payload, phase, delay);
      }
    }
  }

  /// The target has moved on in the return of BEGIN_REQ.
  void updated(Transaction& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    const bool response = phase == tlm::BEGIN_RESP;
    payload.acquire();
    (void)proceed(payload, phase, delay);
    if (response) {
      phase = tlm::END_RESP;
      (void)socket->nb_transport_fw(payload, phase, delay);
    }
    payload.release();
  }

  tlm::tlm_sync_enum nb_transport_bw(Payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    return proceed(static_cast<Transaction&>(payload), phase, delay);
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64 /*start*/, sc_dt::uint64 /*end*/) override {}

  /// The target has moved on to `phase`, after `delay`.
  tlm::tlm_sync_enum proceed(Transaction& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    if (phase == tlm::END_REQ) {
      end_request(payload, delay);
      return tlm::TLM_ACCEPTED;
    }
    if (phase == tlm::BEGIN_RESP) {
      end_request(payload, delay);
      answer(payload, delay);
      return tlm::TLM_COMPLETED;
    }
    return tlm::TLM_ACCEPTED;  // phases of extended protocols may be ignored
  }

  /// The next request may be sent after `delay`.
  void end_request(const Transaction& payload, const sc_core::sc_time& delay) {
    if (requesting_ != &payload) return;
    requesting_ = nullptr;
    if (!waiting_.empty()) {
      auto& at = waiting_.front().second;
      at = std::max(at, sc_core::sc_time_stamp() + delay);
      wake_.notify(delay);
    }
  }

  void answer(Transaction& payload, const sc_core::sc_time& delay) {
    if (payload.answered) return;
    payload.answered = true;
    --unanswered_;
    if (payload.is_response_error() && !failure) {
      failure = std::make_exception_ptr(UserError(fmt::format(
          "the TLM memory answered {} to a {} of {} bytes at address {:#x}", payload.get_response_string(),
          payload.is_write() ? "write" : "read", payload.get_data_length(), payload.get_address())));
    }
    answered_(payload.request, sc_core::sc_time_stamp() + delay);
    payload.release();
  }

  Transaction& make(const mem::Request& request) {
    if (free_.empty()) {
      all_.push_back(new Transaction(this));
      free_.push_back(all_.back());
    }
    Transaction& payload = *free_.back();
    free_.pop_back();
    payload.acquire();
    payload.request = request;
    payload.answered = false;
    payload.data.assign(static_cast<std::size_t>(request.bytes), 0);
    payload.set_command(request.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(static_cast<sc_dt::uint64>(request.offset));
    payload.set_data_ptr(payload.data.data());
    payload.set_data_length(static_cast<unsigned int>(request.bytes));
    payload.set_streaming_width(static_cast<unsigned int>(request.bytes));
    payload.set_byte_enable_ptr(nullptr);
    payload.set_dmi_allowed(false);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    return payload;
  }
  void free(Payload* payload) override {
    payload->reset();
    free_.push_back(static_cast<Transaction*>(payload));
  }

  Answered answered_;
  std::deque<std::pair<mem::Request, sc_core::sc_time>> waiting_;
  Transaction* requesting_ = nullptr;  ///< BEGIN_REQ sent, END_REQ awaited
  std::int64_t unanswered_ = 0;
  std::vector<Transaction*> all_, free_;
  sc_core::sc_event wake_;
};

/// A context with the initiator and the user's model in it.
struct Simulation {
  template <class Answered>
  Simulation(const TlmMemoryFactory& make, std::int64_t clock_hz, Answered&& answered)
      : context(new_context()) {
    const ContextScope scope(context.get());
    clock = std::make_unique<TickClock>(clock_hz);
    initiator = std::make_unique<Initiator>("npusim", std::forward<Answered>(answered));
    memory = make(initiator->socket);
  }
  ~Simulation() {
    const ContextScope scope(context.get());
    memory.reset();
    initiator.reset();
  }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  std::unique_ptr<sc_core::sc_simcontext> context;
  std::unique_ptr<TickClock> clock;
  std::unique_ptr<Initiator> initiator;
  std::unique_ptr<sc_core::sc_module> memory;
};

class TlmMemory final : public mem::LateTarget {
 public:
  TlmMemory(TlmMemoryFactory make, std::int64_t clock_hz, std::int64_t response_cycles)
      : make_(std::move(make)), clock_hz_(clock_hz), response_cycles_(response_cycles) {
    build();
  }

  void push(const mem::Request& request, Cycles arrival) override {
    ensure(arrival >= now_, "a request reaches a TLM memory in its past");
    const ContextScope scope(simulation_->context.get());
    used_ = true;
    simulation_->initiator->push(request, simulation_->clock->time_of(arrival.count()));
  }
  void advance_to(Cycles cycle) override {
    ensure(cycle >= now_, "a TLM memory goes forward in time");
    const ContextScope scope(simulation_->context.get());
    // While nothing is outstanding nobody looks: the model's own clocks run when a request comes.
    if (simulation_->initiator->outstanding()) run_to(cycle);
    now_ = cycle;
    if (simulation_->initiator->failure) std::rethrow_exception(simulation_->initiator->failure);
  }
  [[nodiscard]] Cycles next_event() const override {
    if (!simulation_->initiator->outstanding()) return kNever;
    const ContextScope scope(simulation_->context.get());
    if (!sc_core::sc_pending_activity()) throw UserError("the TLM memory never answers a request");
    const sc_core::sc_time at = sc_core::sc_time_stamp() + sc_core::sc_time_to_pending_activity();
    return std::max(now_, Cycles(simulation_->clock->edge_after(at) - 1));
  }
  [[nodiscard]] Cycles now() const override { return now_; }
  std::vector<mem::Response>& done() override { return done_; }
  void reset() override {
    if (used_) build();
    now_ = Cycles(0);
    done_.clear();
  }

 private:
  void build() {
    simulation_.reset();
    simulation_ = std::make_unique<Simulation>(
        make_, clock_hz_, [this](const mem::Request& request, const sc_core::sc_time& at) {
          done_.push_back(
              {request.port, request.slot, Cycles(simulation_->clock->edge_after(at) + response_cycles_)});
        });
    used_ = false;
  }
  /// Everything before the edge of `cycle` happens.
  void run_to(Cycles cycle) {
    const sc_core::sc_time until = simulation_->clock->time_of(cycle.count());
    if (until > sc_core::sc_time_stamp()) sc_core::sc_start(until - sc_core::sc_time_stamp());
  }

  TlmMemoryFactory make_;
  std::int64_t clock_hz_;
  std::int64_t response_cycles_;
  std::unique_ptr<Simulation> simulation_;
  Cycles now_{0};
  bool used_ = false;
  std::vector<mem::Response> done_;
};

}  // namespace

std::unique_ptr<mem::LateTarget> make_tlm_memory(TlmMemoryFactory make, std::int64_t clock_hz,
                                                 std::int64_t response_cycles) {
  return std::make_unique<TlmMemory>(std::move(make), clock_hz, response_cycles);
}

}  // namespace npusim::kernel
