// A sweep's table as an SQLite file.
#pragma once

#include <string>
#include <vector>

#include "nas/sweep/table.h"

namespace npusim::sweep {

/// One table, "sweep", with the columns of the CSV: whole numbers as INTEGER, other numbers as REAL, the rest
/// as TEXT, lacking cells as NULL; rows in order. Replaces the file when all is written. Throws UserError
/// naming the file when it cannot be written.
void write_sqlite(const std::string& path, const std::vector<Column>& table);

}  // namespace npusim::sweep
