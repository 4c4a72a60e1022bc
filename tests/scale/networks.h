// Networks that several tests scale.
#pragma once

#include <string>

namespace npusim::test {

/// S3NAS' ours-M in the encoding of space s3nas.
inline const std::string kOursM = "s3nas:488-9999-9889941-b838-cdddddddddd";

}  // namespace npusim::test
