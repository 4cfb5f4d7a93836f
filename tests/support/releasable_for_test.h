// Chunks of rows without a release, which alone makes them otherwise. Tests alone include this.
#ifndef SLUICE_TESTS_SUPPORT_RELEASABLE_FOR_TEST_H_
#define SLUICE_TESTS_SUPPORT_RELEASABLE_FOR_TEST_H_

#include <memory>
#include <utility>
#include <vector>

#include "server/audit/releasable.h"

namespace sluice::server {

class ReleasableForTest {
 public:
  static Releasable Of(std::vector<uint32_t> subjects, size_t rows, bool last = false) {
    auto released = std::make_unique<ReleasedRows>();
    released->rows.resize(rows);
    released->subjects = std::move(subjects);
    released->last = last;
    return Releasable(std::move(released));
  }
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_RELEASABLE_FOR_TEST_H_
