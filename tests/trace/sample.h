// A small hand-made report whose parts add up.
#pragma once

#include "sim/trace/report.h"

namespace npusim::trace::test {

/// Two layers of 600 and 400 cycles on two engines at 500 MHz; DRAM 3,000 bytes read, 500 written; 6,000 MACs
/// of at most 16 a cycle; three spans.
Report sample();

}  // namespace npusim::trace::test
