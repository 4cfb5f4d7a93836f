// What was answered to a principal's request id, remembered for 7 days: the same request again is
// answered as before and changes nothing.
//
// On the writer's thread, within a group's transaction.
#ifndef SLUICE_SERVER_STORE_ANSWERS_H_
#define SLUICE_SERVER_STORE_ANSWERS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/name_hash.h"
#include "server/store/sql.h"

namespace sluice::server {

inline constexpr absl::Duration kAnswersRemembered = absl::Hours(7 * 24);

struct Answer {
  int64_t position = 0;
  int32_t created = 0;
  int32_t changed = 0;
  int32_t unchanged = 0;
  int32_t deleted = 0;
  int32_t missing = 0;
};

class Answers {
 public:
  static absl::StatusOr<std::unique_ptr<Answers>> Create(SqlConnection* connection);

  // nullopt if it was not asked before, or too long ago; ALREADY_EXISTS if for another content.
  absl::StatusOr<std::optional<Answer>> Find(const Hash16& request, const Hash16& content,
                                             absl::Time now);
  // Also forgets a few of the oldest.
  absl::Status Remember(const Hash16& request, const Hash16& content, absl::Time now,
                        const Answer& answer);

 private:
  Answers() = default;

  SqlStatement find_, drop_, put_, forget_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_STORE_ANSWERS_H_
