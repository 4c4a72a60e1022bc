#include <algorithm>

#include "hw_models/ascend310/network.h"
#include "hw_models/ascend310/target.h"
#include "hw_models/mapping/allocator.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

namespace {
constexpr std::int64_t kAlignment = 512;
}

void place(const Spec& spec, Network& network) {
  mapping::LifetimeAllocator l2(0, spec.l2_activations ? spec.l2_bytes : 0, kAlignment);
  std::int64_t dram = kDramBase;
  std::vector<Placement> places(network.buffers.size());
  for (std::size_t i = 0; i < network.buffers.size(); ++i) {
    const DeviceBuffer& buffer = network.buffers[i];
    Placement& place = places[i];
    place.far_offset = dram;
    std::int64_t near_bytes = 0;
    if (!buffer.input && !buffer.output) {
      // Whole if possible, else as many images as the largest gap holds.
      const auto whole = l2.allocate(buffer.bytes, buffer.first_task, buffer.last_task);
      if (whole) {
        place.near_offset = *whole;
        place.near_images = INT64_MAX;
        near_bytes = buffer.bytes;
      } else if (spec.l2_partial && buffer.image_bytes > 0) {
        const std::int64_t images = l2.largest_free(buffer.first_task, buffer.last_task) / buffer.image_bytes;
        if (images > 0) {
          place.near_offset = *l2.allocate(images * buffer.image_bytes, buffer.first_task, buffer.last_task);
          place.near_images = images;
          near_bytes = images * buffer.image_bytes;
        }
      }
    }
    dram += round_up(buffer.bytes - near_bytes, kAlignment);
  }
  for (std::size_t i = 0; i < network.tensors.size(); ++i) {
    network.tensors[i].place = places[network.tensor_buffer[i]];
  }
}

}  // namespace npusim::ascend310
