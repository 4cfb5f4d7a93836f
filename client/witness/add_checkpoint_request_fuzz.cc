// Requests of strangers: refused or read, never more; what is read is written in one way only.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/witness/add_checkpoint_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view body(reinterpret_cast<const char*>(data), size);
  const auto request = sluice::witness::ParseAddCheckpointRequest(body);
  if (!request.ok()) return 0;
  std::string written = absl::StrCat("old ", request->old_size, "\n");
  for (const sluice::client::TreeHash& hash : request->proof) {
    absl::StrAppend(&written, absl::Base64Escape(std::string(hash.begin(), hash.end())), "\n");
  }
  absl::StrAppend(&written, "\n", request->note.text, "\n");
  for (const sluice::client::NoteSignature& signature : request->note.signatures) {
    absl::StrAppend(&written, "\xE2\x80\x94 ", signature.name, " ",
                    absl::Base64Escape(signature.id + signature.bytes), "\n");
  }
  if (written != body) std::abort();
  return 0;
}
