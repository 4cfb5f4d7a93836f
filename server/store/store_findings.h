// What a look at all of a store finds wrong: each with the table, and owner, record type and log
// index where it has one; never with an id, a name of a person, or content. Those that are alike
// are counted together.
//
// One a verification; not thread-safe.
#ifndef SLUICE_SERVER_STORE_STORE_FINDINGS_H_
#define SLUICE_SERVER_STORE_STORE_FINDINGS_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::server {

struct StoreFinding {
  std::string table;
  std::string what;
  std::string owner;        // empty: of none in particular
  std::string record_type;  // the same

  friend auto operator<=>(const StoreFinding&, const StoreFinding&) = default;
};

class StoreFindings {
 public:
  // Told of each table's rows as they are looked at, and of nothing else.
  using Progress = std::function<void(absl::string_view table, int64_t rows)>;

  explicit StoreFindings(Progress progress = nullptr) : progress_(std::move(progress)) {}

  void Add(StoreFinding finding, std::optional<uint64_t> log_index = std::nullopt);
  void Looked(absl::string_view table, int64_t rows);

  // A line each.
  std::vector<std::string> Lines() const;
  bool empty() const { return found_.empty(); }

 private:
  struct Count {
    int64_t times = 0;
    std::optional<uint64_t> log_index;  // the first
  };

  const Progress progress_;
  std::map<StoreFinding, Count> found_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_STORE_FINDINGS_H_
