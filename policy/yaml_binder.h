// Reads typed values out of a strict YAML tree: each mistake becomes a finding with its place and
// its path, and the reading goes on. A scalar takes the type that is asked for; what is quoted is a
// string only. Knows nothing of MOUs.
//
// One a file; not thread-safe.
#ifndef SLUICE_POLICY_YAML_BINDER_H_
#define SLUICE_POLICY_YAML_BINDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/finding.h"
#include "policy/strict_yaml.h"

namespace sluice::policy {

// The ids of a binder's findings.
struct BinderIds {
  std::string unknown = "P001";
  std::string missing = "P014";
  std::string non_ascii = "P019";
  std::string subset = "P021";
  std::string type = "P035";
};

class YamlBinder {
 public:
  explicit YamlBinder(absl::string_view file_name, BinderIds ids = {});

  void Report(absl::string_view id, Place place, absl::string_view path, std::string message,
              std::string hint = "");
  // At the value, with the id of a wrong type: "`path` must be a whole number, not "x"".
  void ReportType(const YamlNode& node, absl::string_view path, absl::string_view expected);

  // Each gives nothing where it has reported. `node` may be refused: then it is silent.
  // Prose: any text, of one line or several, plain, quoted or a block.
  std::optional<std::string> Prose(const YamlNode& node, absl::string_view path);
  // A string of ASCII; quoted or not.
  std::optional<std::string> String(const YamlNode& node, absl::string_view path);
  // ASCII that is not quoted: names, numbers, dates, enum values.
  std::optional<std::string> Plain(const YamlNode& node, absl::string_view path,
                                   absl::string_view expected);
  std::optional<int64_t> Integer(const YamlNode& node, absl::string_view path, int64_t least,
                                 int64_t most);
  std::optional<absl::CivilDay> Date(const YamlNode& node, absl::string_view path);
  std::optional<bool> Bool(const YamlNode& node, absl::string_view path);
  // The items of a sequence; empty if it is none.
  const std::vector<YamlNode>& Items(const YamlNode& node, absl::string_view path);
  // The children of a mapping with keys of the writer's choice, which are ASCII; empty if it is
  // none. A child with another key is refused.
  std::vector<const YamlNode*> Entries(const YamlNode& node, absl::string_view path);

  std::vector<Finding> TakeFindings() { return std::move(findings_); }
  absl::flat_hash_map<std::string, Place> TakePlaces() { return std::move(places_); }
  const BinderIds& ids() const { return ids_; }
  void NotePlace(std::string path, Place place) { places_.try_emplace(std::move(path), place); }

 private:
  const std::string file_;
  const BinderIds ids_;
  std::vector<Finding> findings_;
  absl::flat_hash_map<std::string, Place> places_;
};

// A mapping with known keys, bound by name. What is no mapping is reported, and then has no key.
class YamlMapping {
 public:
  // Reports each key that is not in `keys`.
  YamlMapping(YamlBinder& binder, const YamlNode& node, absl::string_view path,
              const std::vector<std::string>& keys);

  // Null if there is none.
  const YamlNode* Find(absl::string_view key) const;
  // The same, reported if there is none.
  const YamlNode* Require(absl::string_view key, absl::string_view hint = "");
  // "path.key"
  std::string PathOf(absl::string_view key) const;
  bool ok() const { return ok_; }

 private:
  YamlBinder& binder_;
  const YamlNode& node_;
  const std::string path_;
  bool ok_;
};

// "path.key", "key" at the root; "path[3]".
std::string JoinPath(absl::string_view path, absl::string_view key);
std::string IndexPath(absl::string_view path, size_t index);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_YAML_BINDER_H_
