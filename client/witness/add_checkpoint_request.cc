#include "client/witness/add_checkpoint_request.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::witness {

absl::StatusOr<AddCheckpointRequest> ParseAddCheckpointRequest(absl::string_view body) {
  const auto wrong = [](absl::string_view why) { return absl::InvalidArgumentError(why); };
  if (body.size() > kMaxRequestBytes) return wrong("the request is larger than 64 KiB");
  const size_t gap = body.find("\n\n");
  if (gap == absl::string_view::npos) return wrong("no empty line before the checkpoint");
  const std::vector<absl::string_view> lines = absl::StrSplit(body.substr(0, gap), '\n');

  AddCheckpointRequest request;
  absl::string_view old_size = lines[0];
  if (!absl::ConsumePrefix(&old_size, "old ") || !absl::SimpleAtoi(old_size, &request.old_size) ||
      absl::StrCat(request.old_size) != old_size) {
    return wrong("the first line is not \"old\" and a size");
  }
  if (lines.size() > 1 + kMaxProofHashes) return wrong("more than 63 proof lines");
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::optional<std::string> bytes = client::StrictBase64(lines[i]);
    client::TreeHash hash;
    if (!bytes.has_value() || bytes->size() != hash.size()) {
      return wrong("a proof line that is no hash in base64");
    }
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    request.proof.push_back(hash);
  }

  request.checkpoint = std::string(body.substr(gap + 2));
  absl::StatusOr<client::SignedNote> note = client::ParseSignedNote(request.checkpoint);
  if (!note.ok()) return wrong(note.status().message());
  absl::StatusOr<client::TreeHead> head = client::ParseTreeHead(note->text);
  if (!head.ok()) return wrong(head.status().message());
  request.note = *std::move(note);
  request.head = *std::move(head);
  return request;
}

}  // namespace sluice::witness
