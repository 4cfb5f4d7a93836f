// What somebody can do whose command failed.
#ifndef SLUICE_CLIENT_COMMAND_NEXT_STEP_H_
#define SLUICE_CLIENT_COMMAND_NEXT_STEP_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice::client {

// By the gateway's stable reason or, where it gave none, by the status. Empty where the sentence of
// the error says it.
absl::string_view NextStep(const absl::Status& status, absl::string_view reason);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_NEXT_STEP_H_
