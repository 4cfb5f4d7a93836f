// MOU documents in their canonical text, for tests: each is looked at again. Tests alone include
// this.
#ifndef SLUICE_TESTS_SUPPORT_CANONICAL_MOU_H_
#define SLUICE_TESTS_SUPPORT_CANONICAL_MOU_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/util/message_differencer.h"
#include "policy/mou_format.h"
#include "tests/support/mou_for_test.h"

namespace sluice::policy {

inline MouDocument ReadMou(const std::string& yaml) {
  MouDocument::Parsed parsed = MouDocument::Parse("mou.yaml", yaml);
  for (const Finding& finding : parsed.findings) {
    ADD_FAILURE() << finding.ToString() << "\n" << yaml;
  }
  return std::move(parsed.document);
}

inline std::string Formatted(const std::string& yaml) {
  const absl::StatusOr<std::string> text = FormatMou(ReadMou(yaml));
  EXPECT_TRUE(text.ok()) << text.status() << "\n" << yaml;
  return text.value_or("");
}

// Of a document that is well formed: what says the same, and is its own canonical text.
inline std::string Canonical(const std::string& yaml) {
  const std::string text = Formatted(yaml);
  EXPECT_EQ(Formatted(text), text) << "of\n" << yaml;
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(ReadMou(text).mou(), ReadMou(yaml).mou()))
      << yaml;
  return text;
}

inline std::string CanonicalWith(absl::string_view old_text, absl::string_view new_text) {
  return Canonical(ExampleMouWith(old_text, new_text));
}

inline const std::string& AnyDigest() {
  static const auto* const kDigest = new std::string("sha256:" + std::string(64, 'a'));
  return *kDigest;
}

}  // namespace sluice::policy

#endif  // SLUICE_TESTS_SUPPORT_CANONICAL_MOU_H_
