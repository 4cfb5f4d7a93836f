#include "client/profile.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/file.h"
#include "policy/strict_yaml.h"
#include "policy/suggest.h"
#include "policy/yaml_binder.h"

namespace sluice::client {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status Refused(const std::vector<policy::Finding>& findings) {
  std::vector<std::string> lines;
  for (const policy::Finding& f : findings) {
    lines.push_back(absl::StrCat(f.file, ":", f.place.line, ":", f.place.column, ": ", f.message,
                                 f.hint.empty() ? "" : " (", f.hint, f.hint.empty() ? "" : ")"));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

Profile BindProfile(policy::YamlBinder& binder, const policy::YamlNode& node,
                    const std::string& path, const std::filesystem::path& directory) {
  Profile profile;
  const policy::YamlMapping mapping(
      binder, node, path, {"gateway", "ca", "certificate", "key", "server_name", "organization"});
  const auto bind = [&](absl::string_view key, std::string& value, bool is_path) {
    const policy::YamlNode* child = mapping.Find(key);
    if (child == nullptr) return;
    // A path may hold letters beyond ASCII.
    std::optional<std::string> text = is_path ? binder.Prose(*child, mapping.PathOf(key))
                                              : binder.String(*child, mapping.PathOf(key));
    if (!text.has_value()) return;
    value = is_path ? (directory / *text).string() : *std::move(text);
  };
  bind("gateway", profile.gateway, false);
  bind("ca", profile.ca, true);
  bind("certificate", profile.certificate, true);
  bind("key", profile.key, true);
  bind("server_name", profile.server_name, false);
  bind("organization", profile.organization, false);
  return profile;
}

}  // namespace

std::string ConfigurationPath() {
  if (std::string file = Environment("SLUICE_CONFIG"); !file.empty()) return file;
  if (const std::string xdg = Environment("XDG_CONFIG_HOME"); !xdg.empty()) {
    return xdg + "/sluice/config.yaml";
  }
  return Environment("HOME") + "/.config/sluice/config.yaml";
}

absl::StatusOr<Profile> ParseProfile(absl::string_view file, absl::string_view bytes,
                                     absl::string_view name) {
  policy::YamlRead read = policy::ReadStrictYaml(file, bytes);
  if (!read.root.has_value()) return Refused(read.findings);
  policy::YamlBinder binder(file);
  std::vector<std::string> names;
  std::optional<Profile> found;
  policy::YamlMapping root(binder, *read.root, "", {"profiles"});
  if (const policy::YamlNode* profiles = root.Require("profiles"); profiles != nullptr) {
    if (profiles->kind != policy::YamlNode::Kind::kMapping) {
      binder.ReportType(*profiles, "profiles", "a mapping of profiles by name");
    } else {
      for (const policy::YamlNode& node : profiles->children) {
        names.push_back(node.key);
        Profile profile = BindProfile(binder, node, "profiles." + node.key,
                                      std::filesystem::path(std::string(file)).parent_path());
        if (node.key == name) found = std::move(profile);
      }
    }
  }
  std::vector<policy::Finding> findings = std::move(read.findings);
  for (policy::Finding& finding : binder.TakeFindings()) findings.push_back(std::move(finding));
  if (policy::HasError(findings)) return Refused(findings);
  if (!found.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": there is no profile \"", name, "\"",
                                                   policy::DidYouMean(name, names)));
  }
  return *std::move(found);
}

std::vector<std::string> ProfileNames() {
  std::vector<std::string> names;
  const std::string path = ConfigurationPath();
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return names;
  const policy::YamlRead read = policy::ReadStrictYaml(path, *bytes);
  if (!read.root.has_value()) return names;
  for (const policy::YamlNode& section : read.root->children) {
    if (section.key != "profiles") continue;
    for (const policy::YamlNode& profile : section.children) names.push_back(profile.key);
  }
  return names;
}

absl::StatusOr<Profile> LoadProfile(absl::string_view name, bool optional) {
  std::string wanted(name);
  if (wanted.empty()) wanted = Environment("SLUICE_PROFILE");
  const std::string path = ConfigurationPath();
  // A gateway named on the command line is not mixed with a profile that nobody named.
  if (optional && wanted.empty()) return Profile();
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) {
    if (absl::IsNotFound(bytes.status())) {
      if (wanted.empty()) return Profile();
      return absl::NotFoundError(
          absl::StrCat("profile \"", wanted, "\": ", bytes.status().message()));
    }
    return bytes.status();
  }
  return ParseProfile(path, *bytes, wanted.empty() ? "default" : wanted);
}

}  // namespace sluice::client
