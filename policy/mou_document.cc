#include "policy/mou_document.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "policy/digest.h"
#include "policy/mou_binding.h"
#include "policy/strict_yaml.h"
#include "policy/yaml_binder.h"

namespace sluice::policy {

MouDocument::Parsed MouDocument::Parse(absl::string_view file_name, absl::string_view bytes) {
  Parsed parsed;
  MouDocument& document = parsed.document;
  document.file_name_ = std::string(file_name);
  document.bytes_ = std::string(bytes);
  document.digest_ = Sha256Digest(bytes);
  YamlRead read = ReadStrictYaml(file_name, bytes);
  parsed.findings = std::move(read.findings);
  if (read.root.has_value()) {
    YamlBinder binder(file_name);
    BoundMou bound = BindMou(binder, *read.root);
    document.mou_ = std::move(bound.mou);
    document.quoted_ = std::move(bound.quoted);
    document.places_ = binder.TakePlaces();
    for (Finding& finding : binder.TakeFindings()) parsed.findings.push_back(std::move(finding));
  }
  std::stable_sort(
      parsed.findings.begin(), parsed.findings.end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
      });
  document.well_formed_ = !HasError(parsed.findings);
  return parsed;
}

Place MouDocument::PlaceOf(absl::string_view path) const {
  while (!path.empty()) {
    if (const auto it = places_.find(path); it != places_.end()) return it->second;
    const size_t end = path.find_last_of(".[");
    path = end == absl::string_view::npos ? absl::string_view() : path.substr(0, end);
  }
  return {1, 1};
}

}  // namespace sluice::policy
