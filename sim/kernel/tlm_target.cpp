#include "sim/kernel/tlm_target.h"

#include <algorithm>

namespace npusim::kernel {

namespace {
constexpr std::uint64_t kPage = 4096;
}

TlmTarget::TlmTarget(const sc_core::sc_module_name& name, const TlmTargetSpec& spec)
    : sc_module(name),
      clock_(spec.rules.clock_hz),
      burst_bytes_(spec.rules.burst_bytes),
      channels_(spec.rules, spec.policy, mem::AddressMapping(spec.rules, spec.mapping, "TlmTarget mapping"),
                spec.channels, spec.interleave_bytes, "TlmTarget") {
  socket.register_b_transport(this, &TlmTarget::b_transport);
  socket.register_nb_transport_fw(this, &TlmTarget::nb_transport_fw);
  socket.register_transport_dbg(this, &TlmTarget::transport_dbg);
  SC_METHOD(run);
  sensitive << wake_;
  dont_initialize();
}

void TlmTarget::b_transport(Payload& payload, sc_core::sc_time& delay) {
  sc_core::wait(delay);
  delay = sc_core::SC_ZERO_TIME;
  sc_core::sc_event finished;
  enqueue(payload, &finished, sc_core::sc_time_stamp());
  sc_core::wait(finished);
}

tlm::tlm_sync_enum TlmTarget::nb_transport_fw(Payload& payload, tlm::tlm_phase& phase,
                                              sc_core::sc_time& delay) {
  if (phase == tlm::BEGIN_REQ) {
    if (payload.has_mm()) payload.acquire();
    enqueue(payload, nullptr, sc_core::sc_time_stamp() + delay);
    return tlm::TLM_ACCEPTED;
  }
  if (phase == tlm::END_RESP) {
    if (responding_ != &payload) SC_REPORT_ERROR(name(), "END_RESP for a payload without BEGIN_RESP");
    responding_ = nullptr;
    response_free_ = sc_core::sc_time_stamp() + delay;
    if (payload.has_mm()) payload.release();
    wake_.notify(delay);
    return tlm::TLM_COMPLETED;
  }
  SC_REPORT_ERROR(name(), "an initiator sends BEGIN_REQ and END_RESP only");
  return tlm::TLM_COMPLETED;
}

unsigned int TlmTarget::transport_dbg(Payload& payload) {
  if (!admit(payload)) return 0;
  access(payload);
  return payload.get_data_length();
}

bool TlmTarget::admit(Payload& payload) const {
  payload.set_dmi_allowed(false);
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  const std::uint64_t length = payload.get_data_length();
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) return false;
  if (length == 0 || payload.get_streaming_width() < length) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return false;
  }
  if (payload.get_address() >= channels_.capacity() ||
      length > channels_.capacity() - payload.get_address()) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return false;
  }
  return true;
}

void TlmTarget::enqueue(Payload& payload, sc_core::sc_event* finished, const sc_core::sc_time& at) {
  if (free_jobs_.empty()) {
    free_jobs_.push_back(static_cast<std::uint32_t>(jobs_.size()));
    jobs_.emplace_back();
  }
  const std::uint32_t index = free_jobs_.back();
  free_jobs_.pop_back();
  Job& job = jobs_[index];
  job = Job();
  job.payload = &payload;
  job.finished = finished;
  job.arrival = clock_.edge_from(at);
  if (admit(payload)) {
    const auto burst = static_cast<std::uint64_t>(burst_bytes_);
    job.next_burst = payload.get_address() / burst * burst;
    job.end = payload.get_address() + payload.get_data_length();
  }
  const auto place = std::upper_bound(
      arrived_.begin(), arrived_.end(), job.arrival,
      [this](std::int64_t arrival, std::uint32_t other) { return arrival < jobs_[other].arrival; });
  arrived_.insert(place, index);
  wake_at(job.arrival);
}

void TlmTarget::wake_at(std::int64_t clock) {
  const sc_core::sc_time at = clock_.time_of(clock);
  wake_.notify(at > sc_core::sc_time_stamp() ? at - sc_core::sc_time_stamp() : sc_core::SC_ZERO_TIME);
}

void TlmTarget::run() {
  const std::int64_t clock = clock_.edge_from(sc_core::sc_time_stamp());
  if (clock_.time_of(clock) > sc_core::sc_time_stamp()) return wake_at(clock);
  if (clock > channels_.now()) channels_.advance_to(clock);
  collect();
  if (clock != offered_at_) offered_ = 0;
  offered_at_ = clock;
  bool refused = false;
  while (!refused && !arrived_.empty() && jobs_[arrived_.front()].arrival <= clock &&
         offered_ < static_cast<std::int64_t>(channels_.size())) {
    refused = !offer(clock);
  }
  collect();
  respond(clock);

  std::int64_t next = kNever.count();
  if (waits_for_data() || refused) next = channels_.next_event() + 1;
  if (!refused && !arrived_.empty()) {
    next = std::min(next, std::max(clock + 1, jobs_[arrived_.front()].arrival));
  }
  if (!answers_.empty()) {
    const std::int64_t answer = answers_.begin()->first;
    if (answer > clock) next = std::min(next, answer);
  }
  if (next < kNever.count()) wake_at(std::max(next, clock + 1));
}

bool TlmTarget::offer(std::int64_t clock) {
  const std::uint32_t index = arrived_.front();
  Job& job = jobs_[index];
  if (job.next_burst < job.end) {
    const bool write = job.payload->is_write();
    if (!channels_.push({job.next_burst, index, write})) return false;
    ++offered_;
    job.next_burst += static_cast<std::uint64_t>(burst_bytes_);
    if (!write) {
      ++job.unanswered;
      ++reads_;
    }
  }
  if (job.next_burst >= job.end) {
    arrived_.pop_front();
    accept(index, clock);
  }
  return true;
}

void TlmTarget::accept(std::uint32_t index, std::int64_t clock) {
  Job& job = jobs_[index];
  Payload& payload = *job.payload;
  if (job.end > 0) access(payload);
  const bool blocking = job.finished != nullptr;
  job.answer = std::max(job.answer, clock + 1);
  if (job.unanswered == 0) answers_.emplace(job.answer, index);
  if (blocking) return;
  tlm::tlm_phase phase = tlm::END_REQ;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  (void)socket->nb_transport_bw(payload, phase, delay);
}

void TlmTarget::collect() {
  std::vector<mem::ReadDone> done;
  done.swap(channels_.done());
  for (const mem::ReadDone& one : done) {
    Job& job = jobs_[one.id];
    job.answer = std::max(job.answer, one.clock);
    --reads_;
    if (--job.unanswered == 0 && job.next_burst >= job.end) answers_.emplace(job.answer, one.id);
  }
}

void TlmTarget::respond(std::int64_t clock) {
  for (auto next = answers_.begin(); next != answers_.end() && next->first <= clock;) {
    const std::uint32_t index = next->second;
    Job& job = jobs_[index];
    if (job.finished == nullptr && (responding_ != nullptr || response_free_ > sc_core::sc_time_stamp())) {
      ++next;
      continue;
    }
    next = answers_.erase(next);
    free_jobs_.push_back(index);
    if (job.finished != nullptr) {
      job.finished->notify(sc_core::SC_ZERO_TIME);
      continue;
    }
    Payload& payload = *job.payload;
    responding_ = &payload;
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum status = socket->nb_transport_bw(payload, phase, delay);
    if (status == tlm::TLM_COMPLETED || (status == tlm::TLM_UPDATED && phase == tlm::END_RESP)) {
      responding_ = nullptr;
      response_free_ = sc_core::sc_time_stamp() + delay;
      if (payload.has_mm()) payload.release();
      if (delay != sc_core::SC_ZERO_TIME) wake_.notify(delay);
    }
    next = answers_.begin();  // the call may have led to others
  }
}

std::uint8_t* TlmTarget::byte_at(std::uint64_t address, bool create) {
  auto page = pages_.find(address / kPage);
  if (page == pages_.end()) {
    if (!create) return nullptr;
    page = pages_.emplace(address / kPage, std::vector<std::uint8_t>(kPage, 0)).first;
  }
  return &page->second[address % kPage];
}

void TlmTarget::access(Payload& payload) {
  unsigned char* const data = payload.get_data_ptr();
  if (data == nullptr) return;  // an initiator that wants the time only
  const unsigned char* const enables = payload.get_byte_enable_ptr();
  for (unsigned int i = 0; i < payload.get_data_length(); ++i) {
    if (enables != nullptr && enables[i % payload.get_byte_enable_length()] == 0) continue;
    std::uint8_t* const byte = byte_at(payload.get_address() + i, payload.is_write());
    if (payload.is_write()) {
      *byte = data[i];
    } else {
      data[i] = byte == nullptr ? 0 : *byte;
    }
  }
}

}  // namespace npusim::kernel
