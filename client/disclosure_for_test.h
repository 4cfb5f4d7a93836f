// Disclosures in a log in memory, with what opens them.
#ifndef SLUICE_CLIENT_DISCLOSURE_FOR_TEST_H_
#define SLUICE_CLIENT_DISCLOSURE_FOR_TEST_H_

#include <openssl/sha.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/fake_gateway_for_test.h"
#include "policy/subject_bitmap.h"

namespace sluice::client {

inline std::string Base64Sha256(const std::string& text) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  return absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(hash), sizeof hash));
}

// The next entry. The opening is the caller's to show.
inline v1::Opening AddDisclosure(FakeGateway& gateway, const std::string& owner,
                                 const std::vector<uint32_t>& ordinals) {
  v1::Opening opening;
  opening.set_index(static_cast<int64_t>(gateway.entries.size()));
  opening.set_field("subjects");
  opening.set_salt(std::string(32, static_cast<char>('a' + gateway.entries.size())));
  opening.set_value(policy::SubjectBitmap::Write(ordinals));
  gateway.entries.push_back(absl::StrCat(
      R"({"type":"disclosure","time_ms":1790000000005,"caller":{"organization":"river-unified",)"
      R"("system":"hiring","spki":"ab"},"mou":"stem-pipeline","version":2,)"
      R"("document":"sha256:d0","purpose":"hiring_pipeline","authority":["FERPA_STUDIES"],)"
      R"("record":"Candidate","owner":")",
      owner, R"(","grants":["completers"],"fields":[{"path":"birth_date","rule":"pass"}],)",
      R"("subjects":{"n":"","commit":")", Base64Sha256("bm1" + opening.salt() + opening.value()),
      R"("},"rows":{"released":3},"of":0})"));
  return opening;
}

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_DISCLOSURE_FOR_TEST_H_
