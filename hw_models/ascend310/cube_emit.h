// Turns a tiled cube layer into commands.
#pragma once

#include "hw_models/ascend310/cube_layer.h"
#include "hw_models/mapping/emitter.h"

namespace npusim::ascend310 {

/// Emits the commands of all cores for one layer.
void emit_cube(const Spec& spec, const CubeLayer& layer, const Tiling& tiling, mapping::Emitter& emitter);

}  // namespace npusim::ascend310
