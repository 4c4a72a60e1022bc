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
      transfers_(kMaxTransfers),
      finish_(static_cast<std::size_t>(spec.outstanding), 0),
      owner_(static_cast<std::size_t>(spec.outstanding), 0),
      target_(static_cast<std::size_t>(spec.outstanding), 0) {
  if (spec_.traffic) source_.emplace(*spec_.traffic);
  begin_traffic();
}

DmaPort::Interval DmaPort::interval(std::int64_t num, std::int64_t den) const {
  const std::int64_t scaled = num * (denominator_ / den);
  const std::int64_t whole = ceil_div(scaled, denominator_);
  return {whole, whole * denominator_ - scaled};
}

void DmaPort::check_run(const program::Region& run) const {
  const std::int64_t inner = (run.inner - 1) * run.inner_stride;
  const std::int64_t outer = (run.outer - 1) * run.outer_stride;
  const std::int64_t begin = run.offset + std::min<std::int64_t>(0, inner) + std::min<std::int64_t>(0, outer);
  const std::int64_t end =
      run.offset + std::max<std::int64_t>(0, inner) + std::max<std::int64_t>(0, outer) + run.bytes;
  if (run.bytes < 0 || run.inner < 0 || run.outer < 0 || begin < 0) {
    throw InternalError(
        fmt::format("port '{}': a run at offset {} leaves the address space", spec_.name, run.offset));
  }
  if (!map_.exists(begin, end)) {
    throw UserError(
        fmt::format("memory port '{}': a transfer of addresses {:#x} to {:#x} leaves the DRAM's {} MiB",
                    spec_.name, begin, end, map_.dram_bytes() >> 20U));
  }
}

void DmaPort::start(std::span<const program::Region> runs, Cycles at_cycle) {
  if (queued_ - oldest_ >= kMaxTransfers) {
    throw InternalError(fmt::format("port '{}' already has {} transfers", spec_.name, kMaxTransfers));
  }
  Transfer& transfer = at(queued_);
  transfer.regions.clear();
  for (const auto& run : runs) {
    if (run.total_bytes() == 0) continue;
    check_run(run);
    transfer.regions.push_back(run);
  }
  transfer.at = at_cycle.count();
  transfer.end = 0;
  transfer.unanswered = 0;
  transfer.dram = transfer.sram = transfer.link = Traffic();
  if (queued_++ == current_) begin();
}

void DmaPort::begin_traffic() {
  if (!source_) return;
  source_->reset();
  read_bytes_ = 0;
  transfers_[0] = Transfer();
  queued_ = 1;
  issuing_ = true;
  ready_ = std::max<std::int64_t>(1, source_->next().cycle);
}

void DmaPort::next_access() {
  if (!source_->next().write) read_bytes_ += source_->next().bytes;
  source_->advance();
  if (source_->next().cycle > ready_) {
    ready_ = source_->next().cycle;
    slack_ = 0;
  }
}

void DmaPort::begin() {
  Transfer& transfer = at(current_);
  const std::int64_t first = transfer.at + std::max<std::int64_t>(1, spec_.start_cycles);
  transfer.start = std::max(transfer.at, ready_);
  if (first > ready_) {
    ready_ = first;
    slack_ = 0;
  }
  transfer.ideal = ready_ - transfer.start;
  transfer.slack = slack_;
  region_ = 0;
  issuing_ = !transfer.regions.empty();
  if (issuing_) {
    enter_region();
  } else {
    finish_issuing();
  }
}

void DmaPort::finish_issuing() {
  Transfer& transfer = at(current_);
  issuing_ = false;
  transfer.release = ready_;
  transfer.end = std::max(transfer.end, ready_);
  if (++current_ != queued_) begin();
}

void DmaPort::enter_region() {
  const program::Region& region = at(current_).regions[region_];
  outer_left_ = region.outer;
  inner_left_ = region.inner;
  outer_start_ = run_start_ = position_ = region.offset;
  run_end_ = position_ + region.bytes;
}

void DmaPort::next_run() {
  const program::Region& region = at(current_).regions[region_];
  if (--inner_left_ > 0) {
    run_start_ += region.inner_stride;
  } else if (--outer_left_ > 0) {
    outer_start_ += region.outer_stride;
    run_start_ = outer_start_;
    inner_left_ = region.inner;
  } else if (++region_ < at(current_).regions.size()) {
    enter_region();
    return;
  } else {
    finish_issuing();
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
  if (source_) {
    position_ = source_->next().address;
    run_end_ = position_ + source_->next().bytes;
  }
  const std::int64_t end = std::min((position_ | align_mask_) + 1, run_end_);
  const AddressMap::Place place = map_.locate(position_);
  Request request;
  request.offset = place.offset;
  request.bytes = static_cast<std::int32_t>(end - position_);
  request.target = place.target;
  request.port = id_;
  request.slot = static_cast<std::uint16_t>(slot_);
  request.write = source_ ? source_->next().write : spec_.write;

  const bool sram = place.target == map_.sram_target();
  Transfer& transfer = at(current_);
  Traffic& traffic = sram ? transfer.sram : place.target > map_.sram_target() ? transfer.link : transfer.dram;
  if (log_ != nullptr && place.target < map_.sram_target()) {
    log_->push_back({now.count(), position_, request.bytes, request.write});
  }
  ++traffic.requests;
  traffic.bytes += request.bytes;
  pace(now.count(), sram ? sram_interval_ : dram_interval_);
  finish_[slot_] = kNever.count();
  owner_[slot_] = current_;
  target_[slot_] = place.target;
  ++issued_;
  if (++slot_ == finish_.size()) slot_ = 0;
  ++transfer.unanswered;
  position_ = end;
  if (source_) {
    next_access();
  } else if (end == run_end_) {
    next_run();
  }
  return request;
}

std::int64_t DmaPort::ideal_cycles(const Transfer& transfer) const {
  __extension__ using Wide = __int128;
  const Wide outside = transfer.dram.requests + transfer.link.requests;
  const Wide whole =
      outside * dram_interval_.whole + static_cast<Wide>(transfer.sram.requests) * sram_interval_.whole;
  const Wide rest =
      outside * dram_interval_.rest + static_cast<Wide>(transfer.sram.requests) * sram_interval_.rest;
  return transfer.ideal + static_cast<std::int64_t>(whole - (transfer.slack + rest) / denominator_);
}

std::uint16_t DmaPort::awaited_by_end() {
  const std::size_t slots = finish_.size();
  if (issued_ - answered_ > slots) answered_ = issued_ - slots;
  while (finish_[answered_ % slots] != kNever.count()) ++answered_;
  return target_[answered_ % slots];
}

Completion DmaPort::take_completion() {
  ensure(done(), "a port's completion is taken after its last response");
  const Transfer& transfer = at(oldest_);
  Completion completion;
  completion.port = id_;
  completion.start = Cycles(transfer.start);
  completion.release = Cycles(transfer.release);
  completion.end = end();
  completion.ideal = Cycles(ideal_cycles(transfer));
  completion.dram_bytes = transfer.dram.bytes;
  completion.sram_bytes = transfer.sram.bytes;
  completion.link_bytes = transfer.link.bytes;
  completion.bytes = transfer.dram.bytes + transfer.sram.bytes + transfer.link.bytes;
  total_dram_.requests += transfer.dram.requests;
  total_dram_.bytes += transfer.dram.bytes;
  total_sram_.requests += transfer.sram.requests;
  total_sram_.bytes += transfer.sram.bytes;
  total_link_.requests += transfer.link.requests;
  total_link_.bytes += transfer.link.bytes;
  last_end_ = completion.end.count();
  ++oldest_;
  return completion;
}

void DmaPort::reset() {
  oldest_ = current_ = queued_ = 0;
  last_end_ = ready_ = slack_ = 0;
  issuing_ = false;
  slot_ = issued_ = answered_ = 0;
  std::fill(finish_.begin(), finish_.end(), 0);
  total_dram_ = total_sram_ = total_link_ = Traffic();
  if (log_ != nullptr) log_->clear();
  begin_traffic();
}

void DmaPort::add_counters(MemoryCounters& counters) const {
  if (source_) {
    const Transfer& all = at(0);
    const std::int64_t bytes = all.dram.bytes + all.sram.bytes + all.link.bytes;
    counters.corunners.push_back({spec_.name, read_bytes_, bytes - read_bytes_,
                                  all.dram.requests + all.sram.requests + all.link.requests});
    return;
  }
  Traffic dram = total_dram_;
  Traffic sram = total_sram_;
  std::int64_t link_requests = total_link_.requests;
  for (std::size_t i = oldest_; i != queued_; ++i) {
    dram.requests += at(i).dram.requests;
    dram.bytes += at(i).dram.bytes;
    sram.requests += at(i).sram.requests;
    sram.bytes += at(i).sram.bytes;
    link_requests += at(i).link.requests;
  }
  (spec_.write ? counters.dram_write_bytes : counters.dram_read_bytes) += dram.bytes;
  (spec_.write ? counters.sram_write_bytes : counters.sram_read_bytes) += sram.bytes;
  counters.requests += dram.requests + sram.requests + link_requests;
}

}  // namespace npusim::mem
