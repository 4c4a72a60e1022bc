#include "hw_models/edgetpu/emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hw_models/edgetpu/emitter.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/place.h"
#include "hw_models/edgetpu/setting.h"

namespace npusim::edgetpu {

void ProgramEmitter::run() {
  begin();
  for (Phase& phase : net_.phases) {
    program::Task task;
    task.name = phase.name;
    task.op = phase.op;
    task.engine = phase.kind == Kind::host ? "host" : is_wide(phase.output) ? "narrow_to_wide" : "op";
    task.joined = true;
    task.macs = phase.macs;
    draft_.begin_task(std::move(task));
    if (phase.kind != Kind::host) setting_ = to_setting(setting_of(spec_, net_, phase));
    emit_phase(phase);
    draft_.task().mapping = describe(phase);
  }
  finish();
  draft_.finish(program_);
}

program::Buffer& ProgramEmitter::buffer(std::string name, std::int64_t bytes) {
  program::Buffer out;
  out.name = std::move(name);
  out.offset = host_end_;
  out.bytes = bytes;
  host_end_ += round_up(bytes, kPage);
  program_.buffers.push_back(std::move(out));
  return program_.buffers.back();
}

program::Region ProgramEmitter::block(MapId id, bool write, std::int64_t from, std::int64_t count) const {
  const Map& map = net_.map(id);
  std::int64_t channel = 0;
  const Map& home = net_.map(net_.home_of(id, &channel));
  const std::int64_t positions = home_positions(spec_, home);
  const std::int64_t width = home_bytes(spec_, home) / positions;
  const std::int64_t own = std::min(spec_.padded(map.shape.c), width - channel);
  program::Region region = region_of(home.wide ? Space::wide : Space::narrow, write,
                                     home.address + channel + from, count == 0 ? own : count);
  if (region.bytes == width) {
    region.bytes *= positions;
  } else if (positions > 1) {
    region.inner = positions;
    region.inner_stride = width;
  }
  return region;
}

program::Region ProgramEmitter::bands(bool write) const {
  return region_of(Space::narrow, write, spec_.narrow_bytes - kStagingBytes, kStagingBytes);
}

std::int64_t ProgramEmitter::words(MapId id) const {
  const Map& map = net_.map(id);
  return home_positions(spec_, net_.map(net_.home_of(id))) * spec_.words(map.shape.c);
}

void ProgramEmitter::begin() {
  for (const Phase& phase : net_.phases) net_.instruction_bytes += instruction_bytes(spec_, net_, phase);
  program::Task task;
  task.name = "invoke";
  task.op = "instructions";
  task.engine = "link.in";
  task.launch_cycles = spec_.fixed_cycles + spec_.page_cycles * mapped_pages();
  task.mapping = fmt::format("{} bytes of instructions, sent for every inference", net_.instruction_bytes);
  draft_.begin_task(std::move(task));
  program::Buffer& code = buffer("instructions", std::max<std::int64_t>(net_.instruction_bytes, 1));
  code.input = true;
  draft_.region(draft_.add(Queue::in, kLoad), region_of(Space::host, false, code.offset, code.bytes));
}

std::int64_t ProgramEmitter::mapped_pages() const {
  std::int64_t pages = ceil_div(net_.instruction_bytes, kPage);
  for (const MapId id : net_.inputs) pages += ceil_div(net_.map(id).shape.elements(), kPage);
  for (const Map& map : net_.maps) {
    if (map.network_output && !map.on_host) pages += ceil_div(map.shape.elements(), kPage);
  }
  return pages;
}

void ProgramEmitter::emit_phase(Phase& phase) {
  if (phase.kind == Kind::host) return emit_host(phase);
  if (phase.streamed && spec_.in_bytes_per_cycle > 0) {
    phase.parts.link = std::llround(static_cast<double>(phase.weight_bytes) / spec_.in_bytes_per_cycle);
  }
  open_parameters(phase);
  start_ = end_;
  for (const MapId id : phase.inputs) fetch_from_host(id);
  for (run_ = 0; run_ < phase.bands; ++run_) {
    start_ = run_ == 0 ? start_ : end_;
    taken_ = 0;
    emit_run(phase);
  }
}

void ProgramEmitter::emit_run(Phase& phase) {
  if (phase.kind != Kind::input) {
    fill_inputs(phase);
    exchange(phase);
  }
  switch (phase.kind) {
    case Kind::input:
      emit_input(phase);
      break;
    case Kind::conv:
      emit_conv(phase);
      break;
    case Kind::depthwise:
      emit_depthwise(phase);
      break;
    case Kind::fc:
      emit_fc(phase);
      break;
    default:
      emit_simple(phase);
  }
  spill_output(phase);
}

void ProgramEmitter::finish() {
  const bool any = std::any_of(net_.maps.begin(), net_.maps.end(),
                               [](const Map& map) { return map.network_output && !map.on_host; });
  if (!any) return;
  program::Task task;
  task.name = "output";
  task.op = "output";
  task.engine = "link.out";
  task.joined = true;
  draft_.begin_task(std::move(task));
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < net_.maps.size(); ++i) {
    const auto id = static_cast<MapId>(i);
    if (!net_.map(id).network_output || net_.map(id).on_host) continue;
    store(id);
    program_.buffers[host_buffer(id)].output = true;
    bytes += net_.map(id).shape.elements();
  }
  draft_.task().mapping = fmt::format("{} bytes over the link", bytes);
}

std::string ProgramEmitter::describe(const Phase& phase) const {
  if (phase.kind == Kind::host) return mode_;
  const Parts& parts = phase.parts;
  const std::pair<const char*, std::int64_t> all[] = {{"compute", parts.compute},
                                                      {"ring", parts.ring},
                                                      {"halo", parts.halo},
                                                      {"spill", parts.spill},
                                                      {"link", parts.link}};
  const auto* bound = std::max_element(std::begin(all), std::end(all),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
  std::string text = fmt::format("{}-bound; {}", bound->first, mode_);
  if (phase.bands > 1) text += fmt::format("; in {} bands of {} rows", phase.bands, phase.band_rows);
  if (phase.weight_bytes > 0) {
    text += fmt::format("; {} bytes {}", phase.weight_bytes, phase.streamed ? "streamed" : "cached");
  }
  const char* before = "; cycles: ";
  for (const auto& part : all) {
    if (part.second == 0) continue;
    text += fmt::format("{}{} {}", before, part.first, part.second);
    before = ", ";
  }
  return text;
}

void emit(const Spec& spec, Network& net, program::Program& program) {
  ProgramEmitter(spec, net, program).run();
}

}  // namespace npusim::edgetpu
