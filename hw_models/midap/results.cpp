#include "hw_models/midap/results.h"

#include <algorithm>

#include "hw_models/midap/timing.h"
#include "sim/base/error.h"

namespace npusim::midap {

void Results::begin_layer(LayerId id, std::size_t task) {
  id_ = id;
  layer_ = &net_.at(id);
  task_ = task;
}

std::int64_t Results::columns_per_store(std::int64_t channels) const {
  if (layer_->dram_from >= layer_->map.w) return 0;
  const std::int64_t column = (layer_->kind == Kind::gemm ? 1 : layer_->map.h) * channels;
  return std::max<std::int64_t>(spec_.write_buffer_bytes / 2 / column, 1);
}

std::vector<Results::Box> Results::boxes(std::int64_t from, std::int64_t to) const {
  const std::int64_t h = layer_->map.h;
  const bool pixels = layer_->kind == Kind::gemm;
  if (!pixels) {
    from *= h;
    to *= h;
  }
  std::vector<Box> boxes;
  while (from < to) {
    const std::int64_t x = from / h;
    const std::int64_t y = from % h;
    const bool whole = y == 0 && to - from >= h;
    const std::int64_t columns = whole ? (to - from) / h : 1;
    Box box;
    box.planes = {x, x + columns};
    box.y0 = y;
    box.y1 = whole ? h : std::min(h, y + to - from);
    if (layer_->schedule.reverse_write) box.planes = {layer_->own.w - x - columns, layer_->own.w - x};
    box.planes.head += layer_->x_begin;
    box.planes.tail += layer_->x_begin;
    from += whole ? columns * h : box.y1 - y;
    boxes.push_back(box);
  }
  return boxes;
}

void Results::add(const Handle& command, std::int64_t from, std::int64_t to, std::int64_t z,
                  std::int64_t count, bool last_group) {
  const std::int64_t begin = layer_->z_begin + z;
  const std::int64_t end = std::min(begin + count, layer_->z_end);
  if (end <= begin) return;
  const std::int64_t computed = dram_.computed_channels(id_);
  const bool pads = last_group && layer_->z_end == computed;
  for (const Box& box : boxes(from, to)) {
    add_to_banks(command, box, begin, (pads ? layer_->map.c : end) - begin);
    add_to_dram(command, box, begin, end - begin);
  }
}

void Results::add_to_banks(const Handle& command, const Box& box, std::int64_t z, std::int64_t count) {
  const MapShape& map = layer_->map;
  for (const auto& mapping : layer_->schedule.outputs) {
    const std::int64_t head = std::max(mapping.planes.head, box.planes.head);
    const std::int64_t tail = std::min(mapping.planes.tail, box.planes.tail);
    if (head >= tail) continue;
    const std::int64_t pixel = (head - mapping.planes.head) * map.h + box.y0;
    const std::int64_t pixels = (tail - head - 1) * map.h + box.y1 - box.y0;
    draft_.region(command,
                  region_of(bank_space(mapping.bank), true, pixel * map.c + z, count, pixels, map.c));
  }
}

void Results::add_to_dram(const Handle& command, const Box& box, std::int64_t z, std::int64_t count) {
  const std::int64_t head = std::max(box.planes.head, layer_->dram_from);
  if (head >= box.planes.tail) return;
  const std::int64_t pixels = (box.planes.tail - head - 1) * layer_->map.h + box.y1 - box.y0;
  const std::int64_t bytes = pixels * count;
  const std::int64_t half_bytes = spec_.write_buffer_bytes / 2;
  ensure(bytes <= half_bytes, "results of one command overflow the write buffer");
  if (fill_ + bytes > half_bytes) store();
  if (fill_ == 0) {
    const auto flag = half_ == 0 ? Flag::half_free_0 : Flag::half_free_1;
    draft_.tie(emptied_[half_], command, flag_id(flag));
    emptied_[half_] = {};
  }
  draft_.region(command, region_of(write_space(spec_, half_), true, fill_, bytes));
  leaving_.push_back(dram_.write(id_, {head, box.planes.tail}, box.y0, box.y1, z, count));
  fill_ += bytes;
  last_fill_ = command;
}

void Results::store() {
  if (fill_ == 0) return;
  const Handle store = draft_.add(task_, Queue::write, kStore);
  draft_.region(store, region_of(write_space(spec_, half_), false, 0, fill_));
  for (const auto& region : leaving_) draft_.region(store, region);
  draft_.tie(last_fill_, store, flag_id(Flag::results_there));
  dram_.stored(id_, store);
  emptied_[half_] = store;
  leaving_.clear();
  fill_ = 0;
  half_ = 1 - half_;
}

}  // namespace npusim::midap
