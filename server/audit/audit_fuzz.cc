// What the log reads from outside its own process: notes, checkpoints, verifier keys, entries,
// bitmaps of subjects, answers of witnesses. The first byte says which.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/secret.h"
#include "policy/subject_bitmap.h"
#include "server/audit/audit_log.h"
#include "server/audit/checkpoint.h"
#include "server/audit/entry_encoding.h"
#include "server/audit/log_key.h"
#include "server/audit/signed_note.h"
#include "server/audit/witness.h"
#include "tests/support/entry_rewriter.h"

namespace sluice::server {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

const LogKey& Key() {
  static const LogKey* key =
      LogKey::Create(policy::Secret::Copy(std::string(32, 'k')), "fuzz.example/log/1")
          .value()
          .release();
  return *key;
}

void TryEntry(absl::string_view bytes) {
  absl::StatusOr<ParsedEntry> entry = ParseEntry(bytes);
  if (entry.ok()) {
    // An entry has one form.
    Require(Rewrite(entry->json) == bytes);
    Require(!Concerns(bytes, ""));
  } else {
    Require(!Concerns(bytes, "river-unified"));
  }
  absl::StatusOr<JsonValue> json = ParseEntryJson(bytes);
  if (json.ok()) Require(Rewrite(*json) == bytes);
}

void TryCheckpoint(absl::string_view bytes) {
  absl::StatusOr<Checkpoint> checkpoint = ParseCheckpointBody(bytes);
  if (!checkpoint.ok()) return;
  Require(checkpoint->Body() == bytes);
  // One that parses can be signed, and read back only if it is this log's.
  const NoteVerifier verifier = NoteVerifier::Create(Key().vkey()).value();
  const std::string note = Key().SignNote(bytes).value();
  Require(verifier.Open(note).ok());
  Require(OpenCheckpoint(note, verifier).ok() == (checkpoint->origin == Key().origin()));
}

void TryNote(absl::string_view bytes) {
  // Nobody guesses a signature.
  Require(!NoteVerifier::Create(Key().vkey())->Open(bytes).ok());
}

void TryVkey(absl::string_view bytes) {
  absl::StatusOr<NoteVerifier> verifier = NoteVerifier::Create(bytes);
  if (verifier.ok()) Require(IsNoteName(verifier->name()));
}

void TryBitmap(absl::string_view bytes) {
  const absl::StatusOr<policy::SubjectBitmap> bitmap = policy::SubjectBitmap::Read(bytes);
  if (!bitmap.ok()) return;
  const std::vector<uint32_t> containers = bitmap->Containers();
  Require(std::adjacent_find(containers.begin(), containers.end(),
                             std::greater_equal<uint32_t>()) == containers.end());
  if (containers.size() > 4) return;  // what follows takes a while
  uint64_t size = 0;
  for (const uint32_t container : containers) {
    for (uint32_t i = 0; i < 65'536; ++i) size += bitmap->Contains(container << 16 | i) ? 1 : 0;
  }
  Require(size == bitmap->size());
}

// The first byte is the status. Nobody guesses a cosignature; a size is named to the letter.
void TryWitnessAnswer(absl::string_view bytes) {
  static const CosignatureVerifier* const verifier = [] {
    // RFC 8032's first example: a fuzzer makes no signature of it.
    auto made = CosignatureVerifier::Create(
        "fuzz.example/w1+fbd44f89+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea");
    Require(made.ok());
    return new CosignatureVerifier(*made);
  }();
  if (bytes.empty()) return;
  constexpr int kStatuses[] = {200, 409, 403, 404, 422, 500};
  WitnessAnswer answer;
  answer.status = kStatuses[static_cast<uint8_t>(bytes[0]) % std::size(kStatuses)];
  answer.content_type = "text/x.tlog.size";
  answer.body = std::string(bytes.substr(1));
  const std::string text = Checkpoint{"fuzz.example/log/1", 7, {}}.Body();
  const WitnessQuestion question{3, 7, Key().SignNote(text).value()};
  const WitnessOutcome outcome =
      ReadWitnessAnswer(answer, question, *verifier, absl::FromUnixSeconds(1798761600));
  Require(!std::holds_alternative<Cosignature>(outcome));
  if (const WitnessSize* const size = std::get_if<WitnessSize>(&outcome)) {
    Require(answer.status == 409 && absl::StrCat(size->size, "\n") == answer.body);
  }
  const absl::StatusOr<WitnessUrl> url = ParseWitnessUrl(bytes);
  if (url.ok()) Require(!url->host.empty() && url->port > 0);
}

}  // namespace
}  // namespace sluice::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::server;
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      TryEntry(bytes);
      break;
    case 1:
      TryCheckpoint(bytes);
      break;
    case 2:
      TryNote(bytes);
      break;
    case 3:
      TryBitmap(bytes);
      break;
    case 4:
      TryWitnessAnswer(bytes);
      break;
    default:
      TryVkey(bytes);
  }
  return 0;
}
