// Compound scaling: depth, width and image grow together until the latency is used up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/scale/result.h"

namespace npusim::scale {

/// How coefficients become networks.
struct CompoundRule {
  std::vector<Coefficients> families;
  bool depth_up = false;  ///< depths are rounded up (EfficientNet), not to the nearest
};

/// EfficientNet (arXiv 1905.11946): coefficients whose depth * width^2 * image^2 is 2, so that an exponent of
/// 1 doubles the MACs, depth 1 to 1.4 and width 1 to 1.2 by tenths as far as none is below 1, and the
/// published 1.2, 1.1, 1.15. A dimension that the network cannot change has coefficient 1.
CompoundRule efficientnet_rule(const Scalable::Fixed& fixed);
/// S3NAS (arXiv 2009.02009): one coefficient c for depth and width, the image more aggressively: c^e, e from
/// 1 to 3 by halves. Its published networks L and XL have e = 1.9 and 2.0.
CompoundRule s3nas_rule(const Scalable::Fixed& fixed);

/// The network at `coefficients`^exponent: at least one block a stage; sides are multiples of 4 (S3NAS) of at
/// least 32 cells, or the image's own if that is smaller. Exponent 0 is the network itself.
Extent extent_of(const Scalable& network, const Coefficients& coefficients, double exponent, bool depth_up);

/// For each family, the variant with the largest exponent (in steps of 1/16, from -8 to 6) within the target:
/// bracketed by doubling, then bisected. As latency need not grow with the exponent, the next two larger are
/// simulated, too, and where one of them fits, the search goes on from there. Every variant that fits is
/// scored. Throws UserError as settle() does.
Scaled scale_compound(Bench& bench, const CompoundRule& rule, double latency_ms);

}  // namespace npusim::scale
