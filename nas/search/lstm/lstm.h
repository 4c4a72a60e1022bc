// The recurrent surrogate's library: one function, so that nothing else sees libtorch.
#pragma once

#include <cstddef>

#include "nas/search/surrogate.h"

namespace npusim::search {

inline constexpr const char* kLstmLibrary = "libnpusim_lstm.so";
inline constexpr const char* kMakeLstm = "npusim_make_lstm";

/// By gene the number of its choices. The caller owns the result.
using MakeLstm = SurrogateModel* (*)(const std::size_t* sizes, std::size_t genes);

}  // namespace npusim::search

extern "C" npusim::search::SurrogateModel* npusim_make_lstm(const std::size_t* sizes, std::size_t genes);
