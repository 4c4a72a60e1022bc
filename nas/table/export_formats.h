// The formats one by one; grammar and source at each.
#pragma once

#include "nas/table/export.h"

namespace npusim::table {

std::vector<File> to_ofa(const Table& table);
std::vector<File> to_proxyless(const Table& table);
std::vector<File> to_singlepath(const Table& table);
std::vector<File> to_s3nas(const Table& table);
std::vector<File> to_nnmeter(const Table& table);
std::vector<File> to_hwnasbench(const Table& table);
std::vector<File> to_fbnet(const Table& table);

}  // namespace npusim::table
