// The log's entries, page by page, as far as the caller may see them. What a gateway shows out of
// order, or a page that leads no further, is an error: nobody keeps its reader turning.
//
// One a listing; not thread-safe.
#ifndef SLUICE_CLIENT_LOG_PAGES_H_
#define SLUICE_CLIENT_LOG_PAGES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/gateway.h"
#include "client/retry.h"

namespace sluice::client {

class LogPages {
 public:
  struct Options {
    int64_t start = 0;
    std::string type;              // empty: all
    v1::EntryFilter filter;        // empty: all
    std::optional<int64_t> until;  // looks at no entry from this index on
  };

  // `gateway` must outlive it.
  LogPages(Gateway& gateway, std::function<Retry()> new_retry, Options options);

  // The entries of the next page, of which there may be none; nothing after the last. At most
  // `page_size` of them, up to 1,000. DATA_LOSS as said above.
  absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> Next(int32_t page_size = 1000);

  // All that the caller may see below it was shown.
  int64_t next_index() const { return next_index_; }
  // The log's, when the last page was read.
  int64_t log_size() const { return log_size_; }
  // What the gateway itself could not read as an entry, on all pages: how many, and the first.
  int64_t unread() const { return unread_; }
  int64_t first_unread() const { return first_unread_; }

 private:
  Gateway& gateway_;
  const std::function<Retry()> new_retry_;
  const std::optional<int64_t> until_;
  v1::ListEntriesRequest request_;
  int64_t next_index_;
  int64_t log_size_ = 0;
  int64_t unread_ = 0;
  int64_t first_unread_ = 0;
  bool ended_ = false;
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_LOG_PAGES_H_
