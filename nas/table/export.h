// Latency tables in the formats that other tools read.
#pragma once

#include <string>
#include <vector>

#include "nas/table/table.h"

namespace npusim::table {

/// A file of an export.
struct File {
  std::string path;  ///< inside the export's folder; "" when the export is this one file
  std::string text;  ///< its bytes
};

/// A format by name.
struct Format {
  std::string name;
  std::string description;
  bool folder = false;    ///< several files: needs a folder to go to
  bool contexts = false;  ///< holds rows of several contexts; others take one
  std::vector<File> (*write)(const Table&);
  bool kernels = false;  ///< of single operators: blocks are taken apart (kernels_of) before measuring
};

/// csv, json, ofa, proxyless, singlepath, s3nas, nnmeter, hwnasbench, fbnet.
const std::vector<Format>& formats();
/// Throws UserError with the nearest name.
const Format& format_of(const std::string& name);

}  // namespace npusim::table
