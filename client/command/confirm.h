// What can't be taken back is done only where its name was given again.
#ifndef SLUICE_CLIENT_COMMAND_CONFIRM_H_
#define SLUICE_CLIENT_COMMAND_CONFIRM_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::client {

// Whether `given` (of --confirm; empty: not given) is `word`; on a terminal it is asked for where
// it was not given. `deed`: "destroy it".
bool Confirmed(const std::string& given, const std::string& word, absl::string_view deed);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_CONFIRM_H_
