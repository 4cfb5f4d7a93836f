// The order in which a chunk leaves: its rows by their ids, which tell nothing, and its subjects
// each once.
//
// Functions.
#ifndef SLUICE_SERVER_ROW_ORDER_H_
#define SLUICE_SERVER_ROW_ORDER_H_

#include <cstdint>
#include <vector>

#include "server/audit/releasable.h"

namespace sluice::server {

// By the bytes of `row_id`, which are base32.
void OrderById(std::vector<ReleasedRow>& rows);

// Ascending, each once.
void OrderOnce(std::vector<uint32_t>& numbers);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_ROW_ORDER_H_
