#include "client/command/session.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/file.h"
#include "policy/operator_types.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

// In order of name; none if no directory is given.
absl::StatusOr<std::vector<policy::TypesFile>> ReadTypes(const std::string& directory) {
  std::vector<policy::TypesFile> files;
  if (directory.empty()) return files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("can't read the directory ", directory, ": ", error.message()));
  }
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!policy::IsTypesFileName(name)) continue;
    absl::StatusOr<std::string> bytes = ReadFile(entry.path().string());
    if (!bytes.ok()) return bytes.status();
    files.push_back({name, *std::move(bytes)});
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

}  // namespace

void Session::AddOptions(CLI::App& app) {
  app.set_help_flag("-h,--help", "Print this help");
  const char* const group = "Connection";
  app.add_option("--profile", profile_name_, "Profile of the configuration file (SLUICE_PROFILE)")
      ->type_name(kProfileValue)
      ->group(group);
  app.add_option("--gateway", options_.gateway, "Host and port of the gateway")
      ->type_name("ADDRESS")
      ->group(group);
  app.add_option("--ca", options_.ca, "PEM file: the CA of the gateway")
      ->type_name(kFileValue)
      ->group(group);
  app.add_option("--certificate", options_.certificate, "PEM file: this client's certificate")
      ->type_name(kFileValue)
      ->group(group);
  app.add_option("--key", options_.key, "PEM file: its key")->type_name(kFileValue)->group(group);
  app.add_option("--server-name", options_.server_name,
                 "Name that the gateway's certificate must bear, if not the host's")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--organization", options_.organization, "The organization that asks")
      ->type_name(kOrganizationValue)
      ->group(group);
  app.add_option("--attempts", attempts_, "How often to try where that is safe")
      ->check(CLI::Range(1, 100))
      ->capture_default_str()
      ->group(group);
  app.add_option("--types", types_,
                 "Directory of the operator's record types (.binpb) and code sets (.tsv)")
      ->type_name(kDirectoryValue);
  app.add_option("--color", color_, "When to print colors; auto: on a terminal")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app.add_flag("--no-pager", no_pager_, "Print long output to the terminal as it is");
  app.add_flag("--quiet", quiet_, "Print nothing but what was asked for, and errors");
}

void AddOutput(CLI::App* verb, std::string& output, const std::vector<std::string>& forms) {
  verb->add_option("--output", output, "What is printed")
      ->check(CLI::IsMember(forms))
      ->capture_default_str();
}

CLI::App* Session::AddVerb(CLI::App* noun, const std::string& name, const std::string& description,
                           const std::string& example, std::function<ExitCode()> run) {
  CLI::App* verb = noun->add_subcommand(name, description);
  verb->footer(example);
  // The options of every verb may stand after it, too.
  noun->fallthrough();
  verb->fallthrough();
  verb->callback([this, run = std::move(run)] { run_ = run; });
  return verb;
}

void Session::AskOnce(absl::Duration deadline) {
  deadline_ = deadline;
  attempts_ = 1;
}

ExitCode Session::Run() {
  ChooseColors(color_);
  AllowPaging(!no_pager_);
  return run_ ? run_() : kUsage;
}

absl::StatusOr<Profile> Session::GetProfile() {
  // With a gateway named on the command line, no file is needed.
  absl::StatusOr<Profile> profile = LoadProfile(profile_name_, !options_.gateway.empty());
  if (!profile.ok()) return profile.status();
  for (const auto& [mine, theirs] :
       {std::pair(&options_.gateway, &profile->gateway), std::pair(&options_.ca, &profile->ca),
        std::pair(&options_.certificate, &profile->certificate),
        std::pair(&options_.key, &profile->key),
        std::pair(&options_.server_name, &profile->server_name),
        std::pair(&options_.organization, &profile->organization)}) {
    if (!mine->empty()) *theirs = *mine;
  }
  return profile;
}

absl::StatusOr<Gateway*> Session::GetGateway() {
  if (gateway_ != nullptr) return gateway_.get();
  const absl::StatusOr<Profile> profile = GetProfile();
  if (!profile.ok()) return profile.status();
  for (const auto& [value, name] :
       {std::pair(&profile->gateway, "gateway"), std::pair(&profile->ca, "ca"),
        std::pair(&profile->certificate, "certificate"), std::pair(&profile->key, "key")}) {
    if (value->empty()) {
      return absl::InvalidArgumentError(absl::StrCat("no ", name, " is given: name it with --",
                                                     name, " or in a profile of ",
                                                     ConfigurationPath()));
    }
  }
  ConnectionOptions options;
  options.target = profile->gateway;
  options.ca_file = profile->ca;
  options.certificate_file = profile->certificate;
  options.key_file = profile->key;
  options.server_name = profile->server_name;
  options.deadline = deadline_;
  absl::StatusOr<std::unique_ptr<Gateway>> gateway = Connect(std::move(options));
  if (!gateway.ok()) return gateway.status();
  gateway_ = *std::move(gateway);
  return gateway_.get();
}

absl::StatusOr<const policy::Catalog*> Session::GetCatalog() {
  if (catalog_ == nullptr) {
    const absl::StatusOr<std::vector<policy::TypesFile>> files = ReadTypes(types_);
    if (!files.ok()) return files.status();
    absl::StatusOr<std::shared_ptr<const policy::Catalog>> catalog =
        policy::CatalogWithTypes(*files);
    if (!catalog.ok()) return catalog.status();
    catalog_ = *std::move(catalog);
  }
  return catalog_.get();
}

absl::StatusOr<const policy::RecordType*> Session::GetType(absl::string_view name) {
  const absl::StatusOr<const policy::Catalog*> catalog = GetCatalog();
  if (!catalog.ok()) return catalog.status();
  if (const policy::RecordType* type = (*catalog)->Find(name); type != nullptr) return type;
  std::vector<std::string> names;
  for (const policy::RecordType* type : (*catalog)->types()) names.push_back(type->name());
  return absl::NotFoundError(absl::StrCat("there is no record type \"", name, "\"",
                                          policy::DidYouMean(name, names),
                                          " (`sluice catalog list` shows them)"));
}

absl::StatusOr<std::string> Session::GetParent() {
  const absl::StatusOr<Profile> profile = GetProfile();
  if (!profile.ok()) return profile.status();
  if (profile->organization.empty()) {
    return absl::InvalidArgumentError(
        "no organization is given: name it with --organization or in the profile");
  }
  return absl::StrCat("organizations/", profile->organization);
}

RetryPolicy Session::retry_policy() const {
  RetryPolicy policy;
  policy.max_attempts = attempts_;
  return policy;
}

}  // namespace sluice::client
