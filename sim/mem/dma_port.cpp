#include "sim/mem/dma_port.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"

namespace npusim::mem {

DmaPort::DmaPort(const PortSpec& spec, std::uint16_t id, const AddressMap& map)
    : spec_(spec),
      id_(id),
      map_(map),
      align_mask_(spec.request_bytes - 1),
      denominator_(std::lcm(spec.issue_den, spec.sram_issue_den)),
      dram_interval_(interval(spec.issue_num, spec.issue_den)),
      sram_interval_(interval(spec.sram_issue_num, spec.sram_issue_den)),
      finish_(static_cast<std::size_t>(spec.outstanding), 0) {}

DmaPort::Interval DmaPort::interval(std::int64_t num, std::int64_t den) const {
  const std::int64_t scaled = num * (denominator_ / den);
  const std::int64_t whole = ceil_div(scaled, denominator_);
  return {whole, whole * denominator_ - scaled};
}

void DmaPort::start(std::span<const program::Region> runs, Cycles at) {
  if (active_) throw InternalError(fmt::format("port '{}' is busy with a transfer", spec_.name));
  regions_.clear();
  for (const auto& run : runs) {
    if (run.total_bytes() == 0) continue;
    const std::int64_t last_inner = std::min<std::int64_t>(0, (run.inner - 1) * run.inner_stride);
    const std::int64_t last_outer = std::min<std::int64_t>(0, (run.outer - 1) * run.outer_stride);
    if (run.bytes < 0 || run.inner < 0 || run.outer < 0 || run.offset + last_inner + last_outer < 0) {
      throw InternalError(
          fmt::format("port '{}': a run at offset {} leaves the address space", spec_.name, run.offset));
    }
    regions_.push_back(run);
  }
  active_ = true;
  issuing_ = !regions_.empty();
  start_ = at.count();
  ready_ = start_ + std::max<std::int64_t>(1, spec_.start_cycles);
  slack_ = 0;
  slot_ = 0;
  last_finish_ = 0;
  dram_ = sram_ = Traffic();
  region_ = 0;
  if (issuing_) enter_region();
}

void DmaPort::enter_region() {
  const program::Region& region = regions_[region_];
  outer_left_ = region.outer;
  inner_left_ = region.inner;
  outer_start_ = run_start_ = position_ = region.offset;
  run_end_ = position_ + region.bytes;
}

void DmaPort::next_run() {
  const program::Region& region = regions_[region_];
  if (--inner_left_ > 0) {
    run_start_ += region.inner_stride;
  } else if (--outer_left_ > 0) {
    outer_start_ += region.outer_stride;
    run_start_ = outer_start_;
    inner_left_ = region.inner;
  } else if (++region_ < regions_.size()) {
    enter_region();
    return;
  } else {
    issuing_ = false;
    return;
  }
  position_ = run_start_;
  run_end_ = position_ + region.bytes;
}

void DmaPort::pace(std::int64_t now, const Interval& interval) {
  if (now > ready_) {
    ready_ = now;
    slack_ = 0;
  }
  ready_ += interval.whole;
  slack_ += interval.rest;
  if (slack_ >= denominator_) {
    slack_ -= denominator_;
    --ready_;
  }
}

Request DmaPort::issue(Cycles now) {
  const std::int64_t end = std::min((position_ | align_mask_) + 1, run_end_);
  const AddressMap::Place place = map_.locate(position_);
  Request request;
  request.offset = place.offset;
  request.bytes = static_cast<std::int32_t>(end - position_);
  request.target = place.target;
  request.port = id_;
  request.slot = static_cast<std::uint16_t>(slot_);
  request.write = spec_.write;

  const bool sram = place.target == map_.sram_target();
  Traffic& traffic = sram ? sram_ : dram_;
  ++traffic.requests;
  traffic.bytes += request.bytes;
  pace(now.count(), sram ? sram_interval_ : dram_interval_);
  finish_[slot_] = 0;
  if (++slot_ == finish_.size()) slot_ = 0;
  ++unanswered_;
  position_ = end;
  if (end == run_end_) next_run();
  return request;
}

std::int64_t DmaPort::ideal_cycles() const {
  __extension__ using Wide = __int128;
  const Wide whole = static_cast<Wide>(dram_.requests) * dram_interval_.whole +
                     static_cast<Wide>(sram_.requests) * sram_interval_.whole;
  const Wide rest = static_cast<Wide>(dram_.requests) * dram_interval_.rest +
                    static_cast<Wide>(sram_.requests) * sram_interval_.rest;
  return spec_.start_cycles + static_cast<std::int64_t>(whole - rest / denominator_);
}

Completion DmaPort::take_completion() {
  ensure(done(), "a port's completion is taken after its last response");
  Completion completion;
  completion.port = id_;
  completion.start = Cycles(start_);
  completion.end = end();
  completion.ideal = Cycles(ideal_cycles());
  completion.dram_bytes = dram_.bytes;
  completion.sram_bytes = sram_.bytes;
  completion.bytes = dram_.bytes + sram_.bytes;
  total_dram_.requests += dram_.requests;
  total_dram_.bytes += dram_.bytes;
  total_sram_.requests += sram_.requests;
  total_sram_.bytes += sram_.bytes;
  dram_ = sram_ = Traffic();
  active_ = false;
  return completion;
}

void DmaPort::reset() {
  active_ = issuing_ = false;
  unanswered_ = 0;
  std::fill(finish_.begin(), finish_.end(), 0);
  dram_ = sram_ = total_dram_ = total_sram_ = Traffic();
}

void DmaPort::add_counters(MemoryCounters& counters) const {
  const std::int64_t dram_bytes = total_dram_.bytes + dram_.bytes;
  const std::int64_t sram_bytes = total_sram_.bytes + sram_.bytes;
  (spec_.write ? counters.dram_write_bytes : counters.dram_read_bytes) += dram_bytes;
  (spec_.write ? counters.sram_write_bytes : counters.sram_read_bytes) += sram_bytes;
  counters.requests += total_dram_.requests + dram_.requests + total_sram_.requests + sram_.requests;
}

}  // namespace npusim::mem
