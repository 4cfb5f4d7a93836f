#include "client/log_pages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::client {

LogPages::LogPages(Gateway& gateway, std::function<Retry()> new_retry, Options options)
    : gateway_(gateway),
      new_retry_(std::move(new_retry)),
      until_(options.until),
      next_index_(options.start) {
  request_.set_start_index(options.start);
  request_.set_type(std::move(options.type));
  if (options.filter.ByteSizeLong() > 0) *request_.mutable_filter() = std::move(options.filter);
}

absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> LogPages::Next(int32_t page_size) {
  if (ended_ || (until_.has_value() && next_index_ >= *until_)) return std::nullopt;
  request_.set_page_size(page_size);
  Retry retry = new_retry_();
  absl::StatusOr<v1::ListEntriesResponse> page =
      retry.Run([&] { return gateway_.ListEntries(request_); });
  if (!page.ok()) return page.status();
  if (page->unread_indexes_size() > 0) {
    if (unread_ == 0) first_unread_ = page->unread_indexes(0);
    unread_ += page->unread_indexes_size();
  }
  log_size_ = page->log_size();
  const int64_t begin = next_index_;
  std::vector<v1::LogEntry> entries;
  for (v1::LogEntry& entry : *page->mutable_entries()) {
    if (entry.index() < next_index_) {
      return absl::DataLossError(
          absl::StrCat("entry ", entry.index(), ": the entries are not in order"));
    }
    next_index_ = entry.index() + 1;
    if (until_.has_value() && entry.index() >= *until_) return entries;
    entries.push_back(std::move(entry));
  }
  ended_ = page->next_page_token().empty();
  if (ended_) {
    next_index_ = std::max(next_index_, page->next_index());
    return entries;
  }
  // A page may show nothing, and then its token alone would not say that it leads on.
  if (page->next_index() <= begin || page->next_index() < next_index_) {
    return absl::DataLossError(absl::StrCat("the gateway's page from entry ", begin,
                                            " on names a next one that begins no further"));
  }
  next_index_ = page->next_index();
  request_.set_page_token(page->next_page_token());
  return entries;
}

}  // namespace sluice::client
