#include "hw_models/ascend310/npu.h"

#include <fmt/format.h>

#include <map>
#include <tuple>

#include "hw_models/ascend310/cube_emit.h"
#include "hw_models/ascend310/functional/functional.h"
#include "hw_models/ascend310/network.h"
#include "hw_models/ascend310/target.h"
#include "sim/base/error.h"

namespace npusim::embedded {
extern const std::string_view ascend310_yaml;
}

namespace npusim::ascend310 {

namespace {

/// Tilings by layer geometry: networks repeat their layers.
class TilingCache {
 public:
  const Tiling& get(const Spec& spec, const CubeLayer& layer) {
    const auto key = std::make_tuple(describe(layer));
    const auto found = cache_.find(key);
    if (found != cache_.end()) return found->second;
    return cache_.emplace(key, search_tiling(spec, layer)).first->second;
  }

 private:
  static std::vector<std::int64_t> describe(const CubeLayer& layer) {
    const auto near = [](const DeviceTensor* tensor) {
      return tensor == nullptr ? -1 : std::min(tensor->place.near_images, tensor->shape.n);
    };
    const auto& w = layer.window;
    return {layer.images,
            layer.groups,
            layer.batch_groups,
            w.kernel.h,
            w.kernel.w,
            w.stride.h,
            w.stride.w,
            w.dilation.h,
            w.dilation.w,
            w.pad.top,
            w.pad.left,
            layer.input_dilation.h,
            layer.ho,
            layer.wo,
            layer.hi,
            layer.wi,
            layer.c1,
            layer.n1,
            layer.fractals_per_block,
            layer.result_bytes,
            layer.load2d,
            layer.c04,
            layer.load_width,
            layer.load_stride,
            layer.epilogue.bias,
            layer.epilogue.simple,
            layer.epilogue.exp,
            layer.epilogue.convert,
            near(layer.a),
            near(layer.b),
            near(layer.residual),
            near(layer.out),
            layer.bias != nullptr};
  }
  std::map<std::tuple<std::vector<std::int64_t>>, Tiling> cache_;
};

class Ascend310 : public hw::Npu {
 public:
  explicit Ascend310(const Config& config)
      : spec_(read_spec(config)), target_(make_target(spec_)), machine_(make_machine(spec_)) {}

  [[nodiscard]] const program::Target& target() const override { return target_; }
  [[nodiscard]] const kernel::MachineSpec& machine() const override { return machine_; }
  [[nodiscard]] std::vector<ir::DType> dtypes() const override { return {ir::DType::f16, ir::DType::i8}; }
  [[nodiscard]] double peak_macs_per_cycle(ir::DType dtype) const override {
    return static_cast<double>(spec_.cores * spec_.cube_m * spec_.cube_n * spec_.cube_k(dtype));
  }

  [[nodiscard]] hw::Compiled compile(const ir::Graph& graph,
                                     const hw::CompileOptions& options) const override {
    hw::Compiled compiled;
    const auto placed =
        std::make_shared<Network>(legalize(spec_, graph, options.dtype, options.quantization));
    Network& network = *placed;
    place(spec_, network);
    auto& program = compiled.program;
    program.target = &target_;
    program.network = graph.name;
    add_buffers(network, program);
    program::Builder builder(program);
    program::Task host;
    host.name = "host";
    host.op = "host_call";
    host.engine = "core0.scalar";
    host.launch_cycles = spec_.host_launch;
    builder.begin_task(std::move(host));
    builder.end_task();
    TilingCache tilings;
    std::vector<bool> computed = {true};
    for (const auto& layer : network.layers) computed.push_back(emit(layer, tilings, program));
    compiled.functional = make_functional(placed, graph, std::move(computed), options.quantization);
    compiled.views = network.views;
    compiled.notes = notes(network, options.dtype);
    return compiled;
  }

 private:
  /// What the fractal format and the placement cost, in words.
  [[nodiscard]] static std::vector<std::string> notes(const Network& network, ir::DType dtype) {
    std::int64_t real = 0;
    std::int64_t padded = 0;
    for (const auto& layer : network.layers) {
      const auto* cube = std::get_if<CubeLayer>(&layer);
      if (cube == nullptr) continue;
      real += cube->macs;
      padded += cube->groups * cube->images * round_up(cube->ho * cube->wo, 16) * cube->n1 * 16 * cube->k1() *
                Spec::c0(dtype);
    }
    std::int64_t tensors = 0;
    std::int64_t near = 0;
    for (std::size_t i = 0; i < network.tensors.size(); ++i) {
      const DeviceBuffer& buffer = network.buffers[network.tensor_buffer[i]];
      if (buffer.input || buffer.output) continue;
      ++tensors;
      if (network.tensors[i].place.near_images > 0) ++near;
    }
    std::vector<std::string> out;
    if (real > 0) {
      out.push_back(fmt::format(
          "the cubes multiply {:.2f} times the network's MACs: rows, channels and merged groups are padded "
          "to whole fractals",
          static_cast<double>(padded) / static_cast<double>(real)));
    }
    out.push_back(fmt::format("{} of {} intermediate tensors lie in L2, the others in DRAM", near, tensors));
    return out;
  }

  static void add_buffers(const Network& network, program::Program& program) {
    std::vector<bool> done(network.buffers.size());
    for (std::size_t i = 0; i < network.tensors.size(); ++i) {
      const std::size_t index = network.tensor_buffer[i];
      if (done[index]) continue;
      done[index] = true;
      const DeviceBuffer& buffer = network.buffers[index];
      const Placement& place = network.tensors[i].place;
      const std::int64_t near_bytes =
          place.near_images == INT64_MAX ? buffer.bytes : place.near_images * buffer.image_bytes;
      const auto add = [&](const std::string& name, std::int64_t offset, std::int64_t bytes) {
        if (bytes == 0) return;
        program::Buffer out;
        out.name = name;
        out.offset = offset;
        out.bytes = bytes;
        out.input = buffer.input;
        out.output = buffer.output;
        if (!buffer.input && !buffer.output) {
          out.first_task = static_cast<std::uint32_t>(buffer.first_task);
          out.last_task = static_cast<std::uint32_t>(buffer.last_task);
        }
        program.buffers.push_back(out);
      };
      add(near_bytes == buffer.bytes ? buffer.name : buffer.name + ".l2", place.near_offset, near_bytes);
      add(buffer.name, place.far_offset, buffer.bytes - near_bytes);
    }
  }

  /// Whether the commands compute the layer's result, not only its time.
  bool emit(const std::variant<CubeLayer, StreamLayer>& layer, TilingCache& tilings,
            program::Program& program) const {
    bool computes = true;
    mapping::Emitter emitter;
    program::Task task;
    task.launch_cycles = spec_.task_launch;
    if (const auto* cube = std::get_if<CubeLayer>(&layer)) {
      task.name = cube->name;
      task.op = cube->op;
      task.engine = "core0.cube";
      task.macs = cube->macs;
      const Tiling& tiling = tilings.get(spec_, *cube);
      task.mapping = to_string(tiling);
      emit_cube(spec_, *cube, tiling, emitter);
    } else {
      const auto& stream = std::get<StreamLayer>(layer);
      task.name = stream.name;
      task.op = stream.op;
      task.engine = "core0.vector";
      computes = emit_stream(spec_, stream, emitter);
    }
    emitter.flush(program, std::move(task));
    return computes;
  }

  Spec spec_;
  program::Target target_;
  kernel::MachineSpec machine_;
};

}  // namespace

std::string_view description() { return embedded::ascend310_yaml; }

std::unique_ptr<hw::Npu> make(const Config& config) { return std::make_unique<Ascend310>(config); }

}  // namespace npusim::ascend310
