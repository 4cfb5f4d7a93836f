// A standing is read in one form only: what is read is written again byte for byte, and what is
// written is read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "server/mou_standing.h"

using sluice::server::MouStanding;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = MouStanding::Parse(text);
  if (read.ok() && read->ToText() != text) std::abort();

  MouStanding made;
  for (size_t i = 0; i < size; ++i) {
    const std::string name = "n" + std::to_string(data[i] / 4);
    if (data[i] % 4 == 3) made.proposed_by = name;
    if (data[i] % 8 == 7) made.void_through = data[i];
    if (data[i] % 8 == 3) {
      made.attested[name] = {absl::CivilDay(2000, 1, 1) + data[i], absl::FromUnixMillis(data[i]),
                             std::string(text.substr(i))};
    }
    if (data[i] % 8 == 5) made.overdue.insert(name);
    if (data[i] % 4 == 0) made.suspended_by.insert(name);
    if (data[i] % 4 == 1) made.withdrawn_grants.insert(name);
    if (data[i] % 4 == 2) {
      made.termination = {absl::CivilDay(2000 + data[i], 1, 1) + data[i],
                          sluice::v1::TERMINATION_REASON_BREACH, name};
    }
  }
  const auto again = MouStanding::Parse(made.ToText());
  if (!again.ok() || !(*again == made)) std::abort();
  return 0;
}
