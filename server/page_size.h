// Pages of a list, as Google AIP-158 has them: size 0 is the default, a large one is coerced, a
// negative one refused; the token is opaque to the caller.
#ifndef SLUICE_SERVER_PAGE_SIZE_H_
#define SLUICE_SERVER_PAGE_SIZE_H_

#include <algorithm>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "server/error.h"

namespace sluice::server {

struct Page {
  uint64_t begin = 0;
  uint64_t size = 0;
};

inline absl::StatusOr<Page> PageOf(int32_t page_size, absl::string_view page_token) {
  constexpr int32_t kDefault = 100;
  constexpr int32_t kMost = 1000;
  if (page_size < 0) return Invalid("page_size", "must be 0 or more");
  Page page;
  page.size = page_size == 0 ? kDefault : std::min(page_size, kMost);
  if (!page_token.empty() && !absl::SimpleAtoi(page_token, &page.begin)) {
    return Invalid("page_token", "is none that a list gave");
  }
  return page;
}

}  // namespace sluice::server

#endif  // SLUICE_SERVER_PAGE_SIZE_H_
