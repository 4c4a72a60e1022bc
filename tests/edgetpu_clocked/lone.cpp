#include "tests/edgetpu_clocked/lone.h"

#include <algorithm>

#include "hw_models/api/npu.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/setting.h"
#include "hw_models/edgetpu/target.h"
#include "hw_models/edgetpu/timing.h"

namespace npusim::edgetpu::test {

Chip::Chip(const std::vector<std::string>& overrides)
    : spec(read_spec(hw::describe("edgetpu-coral-usb", overrides))), target(make_target(spec)) {}

std::int8_t byte(Rng& rng) { return static_cast<std::int8_t>(rng.uniform(-128, 127)); }

std::int64_t Lone::at(std::int64_t y, std::int64_t x, std::int64_t c) const {
  const Shape& in = net.maps[0].shape;
  if (y < 0 || y >= in.h || x < 0 || x >= in.w || c >= in.c) return 0;
  return map[static_cast<std::size_t>((y * in.w + x) * in.c + c)];
}

Lone lone(const Spec& spec, Kind kind, const Shape& in, const Shape& out, const Window& window, Rng& rng) {
  Lone it;
  it.net.maps.resize(3);
  it.net.maps[0].shape = in;
  it.net.maps[1].shape = out;  // a second operand where there is one
  it.net.maps[2].shape = out;
  it.net.maps[1].address = tile_bytes(spec, in);
  it.net.maps[2].address = it.net.maps[1].address + tile_bytes(spec, out);
  Phase phase;
  phase.kind = kind;
  phase.op = kind == Kind::eltwise ? "add" : "";
  phase.window = window;
  phase.inputs = {0};
  if (kind == Kind::eltwise) phase.inputs.push_back(1);
  phase.output = 2;
  phase.halo_address = it.net.maps[2].address + tile_bytes(spec, out);
  it.net.phases = {phase};
  it.s = setting_of(spec, it.net, it.phase());
  it.map.resize(static_cast<std::size_t>(in.elements()));
  for (auto& value : it.map) value = byte(rng);
  return it;
}

Window random_window(Rng& rng, Shape& in, Shape& out, std::int64_t most) {
  Window w;
  const auto axis = [&](std::int64_t& kernel, std::int64_t& stride, std::int64_t& dilation, std::int64_t& pad,
                        std::int64_t& extent_in, std::int64_t& extent_out) {
    for (;;) {
      extent_in = rng.uniform(1, most);
      kernel = rng.uniform(1, 7);
      stride = rng.uniform(1, 3);
      dilation = rng.uniform(1, 4) == 1 ? 2 : 1;
      pad = rng.uniform(0, (kernel - 1) * dilation);
      const std::int64_t behind = rng.uniform(0, (kernel - 1) * dilation);
      const std::int64_t room = extent_in + pad + behind - (kernel - 1) * dilation - 1;
      if (room < 0) continue;
      extent_out = room / stride + 1;
      return;
    }
  };
  axis(w.kh, w.stride_h, w.dilation_h, w.top, in.h, out.h);
  axis(w.kw, w.stride_w, w.dilation_w, w.left, in.w, out.w);
  return w;
}

void place_map(const Spec& spec, const Lone& it, program::Storage& storage, bool borders) {
  const Shape& in = it.net.maps[0].shape;
  for (std::int64_t tile = 0; tile < spec.tiles(); ++tile) {
    const Patch patch(spec, it.s, tile);
    const clocked::Bank bank(spec, storage, tile);
    for (std::int64_t y = 0; y < in.h; ++y) {
      for (std::int64_t x = 0; x < in.w; ++x) {
        const bool own = patch.in_rows().holds(y) && patch.in_columns().holds(x);
        const bool read = patch.window_rows().holds(y) && patch.window_columns().holds(x);
        if (!own && !(borders && read)) continue;
        const auto to = bank.narrow(*patch.input(y, x), in.c);
        for (std::int64_t c = 0; c < in.c; ++c) {
          to[static_cast<std::size_t>(c)] = static_cast<std::byte>(it.at(y, x, c));
        }
      }
    }
  }
}

program::Program program_of(const Chip& chip, const PhaseSetting& setting, Queue queue, Opcode opcode,
                            const std::vector<std::int64_t>& args,
                            const std::vector<program::Region>& regions) {
  program::Program program;
  program.target = &chip.target;
  program::Builder builder(program);
  program::Task task;
  task.name = "lone";
  builder.begin_task(task);
  const auto number = builder.setting(to_setting(setting));
  builder.command(queue_id(queue), opcode, std::span(args)).setting = number;
  for (const auto& region : regions) builder.region(region);
  builder.end_task();
  return program;
}

std::int64_t difference(Bench& bench, const Chip& chip, const program::Program& program) {
  const auto& command = program.commands[0];
  return bench.run(program, command) - duration(chip.spec, command).cycles;
}

}  // namespace npusim::edgetpu::test
