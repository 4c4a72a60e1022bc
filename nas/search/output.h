// What a search leaves behind: a table for people, search.json, CSV files, a picture, and for each network on
// the front its ONNX file and its report from every chip.
#pragma once

#include <filesystem>
#include <string>

#include "nas/search/driver.h"

namespace npusim::search {

/// What the files tell of a search besides its result.
struct SearchIdentity {
  std::string space;
  std::string evaluator;  ///< Evaluator::name()
  std::string measure;    ///< Evaluator::measure()
  std::string strategy;
  std::string aim;     ///< "front" or "limit"
  std::string screen;  ///< ScreenOptions::model
  std::uint64_t seed = 1;
  std::size_t budget = 0;
  std::string version;
  Goals goals;
  std::vector<sweep::Axis> genes;  ///< of the chip's description
};

/// Quoted where CSV needs it (RFC 4180).
std::string csv_cell(std::string text);
/// Throws UserError when the file cannot be written.
void write_text(const std::filesystem::path& path, const std::string& text);
/// Takes <rank>.onnx, <rank>.json and <rank>.<chip>.json of an earlier front out of a folder.
void remove_ranked(const std::filesystem::path& folder);

/// The front as a table, and how many networks were evaluated and simulated.
std::string front_text(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                       const SearchResult& result);
/// rank,network,<evaluator>,latency_ms.<chip>,cycles.<chip>,dram_bytes.<chip>,macs,params,onnx
std::string front_csv(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                      const SearchResult& result);
/// Every network evaluated, in the order asked.
std::string evaluated_csv(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                          const SearchResult& result);
/// Schema npusim.search/1. Nothing in it depends on the machine or on how often the search was resumed.
std::string search_json(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                        const SearchResult& result);
/// Score over latency (of the first chip) of everything seen, the front marked.
std::string front_svg(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                      const SearchResult& result);

/// Writes search.json, front.csv, evaluated.csv, front.svg and for each rank <rank>.onnx and <rank>.json
/// (<rank>.<chip>.json of several chips), whose reports are simulated afresh. Throws UserError when the
/// folder cannot be written, InternalError when a fresh simulation differs from the search's.
void write_search(const std::string& folder, const SearchIdentity& identity, const space::Space& space,
                  const std::vector<SearchChip>& chips, const SearchResult& result, bool weights);

}  // namespace npusim::search
