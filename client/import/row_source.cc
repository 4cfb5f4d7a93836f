#include "client/import/row_source.h"

namespace sluice::client {

void UnreadFields::Count(absl::string_view path) {
  std::string name;
  bool number = false;
  for (const char c : path) {
    number = c == '[' || (number && c != ']');
    if (!number && c != ']') name.push_back(c);
  }
  if (names_.size() < kMaxNames) {
    ++names_[name];
  } else if (const auto known = names_.find(name); known != names_.end()) {
    ++known->second;
  }
}

}  // namespace sluice::client
