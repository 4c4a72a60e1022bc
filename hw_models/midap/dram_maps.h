// Where maps, weights and biases lie in DRAM, and who has to wait for whom there.
#pragma once

#include <map>

#include "hw_models/midap/draft.h"
#include "hw_models/midap/network.h"

namespace npusim::midap {

/// The DRAM of one program. A map's channels that nobody computes (padding) are not stored: readers get them
/// from a page of zeros.
class DramMaps {
 public:
  DramMaps(const Network& net, Draft& draft, program::Program& program);

  /// Gives every map that is in DRAM a buffer of its own: the next image.
  void begin_image(std::int64_t image);

  /// The regions of planes [head, tail) of `layer`'s map, padding included.
  [[nodiscard]] std::vector<program::Region> read(LayerId layer, const Fragment& planes) const;
  /// Pixels y [y0, y1) of planes [head, tail), channels [z, z + count), to be written.
  [[nodiscard]] program::Region write(LayerId layer, const Fragment& planes, std::int64_t y0, std::int64_t y1,
                                      std::int64_t z, std::int64_t count) const;
  /// Weights of filters [first, first + count) (depthwise: all), and the biases.
  [[nodiscard]] program::Region weights(LayerId layer, std::int64_t first, std::int64_t count) const;
  [[nodiscard]] program::Region biases(LayerId layer) const;

  /// Channels of a layer's map that some layer computes; the others are zero.
  [[nodiscard]] std::int64_t computed_channels(LayerId layer) const;
  /// `store` is the last so far that wrote to the map.
  void stored(LayerId layer, const Handle& store) { last_store_[owner(layer)] = {store, ++stores_}; }
  /// `load` reads the map: it waits until the map is there, unless a load before it on the same queue has
  /// waited for that already (stores complete in order). `flag`: of the queue.
  void await(LayerId layer, const Handle& load, Flag flag);

 private:
  struct Place {
    std::int64_t offset = 0;
    std::int64_t first_plane = 0;
    std::int64_t channels = 0;
  };
  [[nodiscard]] LayerId owner(LayerId layer) const { return net_.at(layer).stored_as; }
  std::int64_t add_buffer(const std::string& name, std::int64_t bytes, bool input, bool output);
  void add_parameters();

  const Network& net_;
  Draft& draft_;
  program::Program& program_;
  std::int64_t end_ = 0;
  std::int64_t zeros_ = 0;
  std::map<LayerId, std::int64_t> weights_, biases_;
  std::map<LayerId, Place> places_;
  /// The stores so far are numbered; a map's last one, and the last that each queue has waited for.
  struct Store {
    Handle command;
    std::int64_t number = 0;
  };
  std::map<LayerId, Store> last_store_;
  std::map<Flag, std::int64_t> awaited_;
  std::int64_t stores_ = 0;
};

}  // namespace npusim::midap
