// What the gateway said when it did not answer: an absl::Status carries the google.rpc.Status that
// came over the wire as a payload, and ErrorOf reads it into a struct.
//
// Values.
#ifndef SLUICE_CLIENT_ERROR_H_
#define SLUICE_CLIENT_ERROR_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::client {

// A grant that came near, with what it failed by.
struct NearGrant {
  struct Condition {
    std::string code;  // "OUTSIDE_PERIOD"
    std::string description;
  };
  std::string grant;
  std::vector<Condition> failed;
};

struct FieldProblem {
  std::string field;
  std::string description;
};

struct ErrorDetail {
  std::string reason;       // stable: "PURPOSE_NOT_GRANTED"; empty: the gateway gave none
  std::string decision_id;  // 32 hexadecimal digits; empty: none
  std::vector<NearGrant> nearest;
  std::vector<std::string> unsigned_parties;  // of NOT_SIGNED
  std::vector<FieldProblem> fields;
  std::optional<absl::Duration> retry_delay;
};

// A status with the details that a call's trailing metadata carried, a serialized
// google.rpc.Status. Details that don't parse are left out: they only ever explain.
absl::Status MakeStatus(absl::StatusCode code, absl::string_view message,
                        absl::string_view details);

// Empty for a status that carries no details.
ErrorDetail ErrorOf(const absl::Status& status);

// The same status and details under another sentence.
absl::Status WithMessage(const absl::Status& status, absl::string_view message);

// Whether the policy refused: a PERMISSION_DENIED or UNAUTHENTICATED of the gateway.
bool IsDenial(const absl::Status& status);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_ERROR_H_
