// An MOU document as it was written: parsed from the strict YAML subset, each value with its place.
//
// Immutable.
#ifndef SLUICE_POLICY_MOU_DOCUMENT_H_
#define SLUICE_POLICY_MOU_DOCUMENT_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "policy/finding.h"
#include "sluice/v1/mou.pb.h"

namespace sluice::policy {

class MouDocument {
 public:
  struct Parsed;
  // Never fails: what is wrong is in the findings, all of it. With an E among them the document is
  // as much as could be read.
  static Parsed Parse(absl::string_view file_name, absl::string_view bytes);

  const std::string& file_name() const { return file_name_; }
  const std::string& bytes() const { return bytes_; }
  // `sha256:` of the bytes.
  const std::string& digest() const { return digest_; }
  const v1::Mou& mou() const { return mou_; }
  // Whether Parse had no finding of severity E: otherwise it is not compiled.
  bool well_formed() const { return well_formed_; }
  // Where the value at a path stands, or the nearest one around it: "grants[2].fields.birth_date".
  Place PlaceOf(absl::string_view path) const;
  // Whether the value of a constraint was quoted: it is a string then, and no number or date.
  bool IsQuoted(absl::string_view path) const { return quoted_.contains(path); }
  // The paths of which IsQuoted is true.
  const absl::flat_hash_set<std::string>& quoted() const { return quoted_; }

 private:
  std::string file_name_;
  std::string bytes_;
  std::string digest_;
  v1::Mou mou_;
  bool well_formed_ = false;
  absl::flat_hash_map<std::string, Place> places_;
  absl::flat_hash_set<std::string> quoted_;
};

struct MouDocument::Parsed {
  MouDocument document;
  std::vector<Finding> findings;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_MOU_DOCUMENT_H_
