// `sluice completion`, and what its scripts call: names from the catalog, the configuration and the
// gateway. Never a record's key or a person's id.
#include "client/command/completion_command.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "client/command/completion.h"
#include "client/command/output.h"
#include "client/import/mapping_library.h"
#include "client/profile.h"

namespace sluice::client {
namespace {

constexpr absl::Duration kAnswerWithin = absl::Seconds(1);
constexpr unsigned kEndWithinSeconds = 2;

class Names {
 public:
  Names(const CompletionPoint& point, Session& session) : point_(point), session_(session) {}

  std::vector<ManualEntry> Take() && {
    const std::string& value = point_.value;
    if (value == kProfileValue) {
      for (const std::string& name : ProfileNames()) names_.push_back({name, ""});
    } else if (value == kTypeValue) {
      Types();
    } else if (value == kFieldsValue || value == kKeyValue) {
      Fields(value == kKeyValue);
    } else if (value == kMappingValue) {
      Mappings();
    } else if (value == kMouValue || value == kPurposeValue || value == kOrganizationValue) {
      OfGrants(value);
    } else if (value == kCallingValue) {
      OfCallers();
    } else if (value == kCaValue) {
      OfCas();
    }
    return std::move(names_);
  }

 private:
  std::string Given(const std::string& name) const {
    const auto found = point_.given.find(name);
    return found == point_.given.end() ? "" : found->second;
  }

  void Types() {
    const absl::StatusOr<const policy::Catalog*> catalog = session_.GetCatalog();
    if (!catalog.ok()) return;
    for (const policy::RecordType* type : (*catalog)->types()) {
      names_.push_back({type->name(), type->ed_fi_entity()});
    }
  }

  // The fields of a key are named, never their values.
  void Fields(bool of_key) {
    const absl::StatusOr<const policy::RecordType*> type = session_.GetType(Given("TYPE"));
    if (!type.ok()) return;
    // In a list, the last is wanted.
    const std::string before = of_key ? "" : point_.typed.substr(0, point_.typed.rfind(',') + 1);
    for (const policy::Field* leaf : (*type)->leaves()) {
      if (of_key && !leaf->key) continue;
      names_.push_back({absl::StrCat(before, leaf->path, of_key ? "=" : ""), leaf->ed_fi_element});
    }
  }

  void Mappings() {
    const absl::StatusOr<const policy::Catalog*> catalog = session_.GetCatalog();
    if (!catalog.ok()) return;
    const absl::StatusOr<MappingLibrary> library = MappingLibrary::BuiltIn(**catalog);
    if (!library.ok()) return;
    for (const Mapping& mapping : library->mappings()) {
      names_.push_back({mapping.name, mapping.title});
    }
  }

  // What the options that are there leave of the grants to this organization.
  void OfGrants(const std::string& value) {
    const absl::StatusOr<Gateway*> gateway = session_.GetGateway();
    if (!gateway.ok()) return;
    v1::ListGrantsRequest request;
    request.set_page_size(1000);
    request.set_mou(Given("--mou"));
    const absl::StatusOr<v1::ListGrantsResponse> page = (*gateway)->ListGrants(request);
    if (!page.ok()) return;
    std::set<std::string> seen;
    const auto offer = [&](const std::string& name, const std::string& meaning) {
      if (seen.insert(name).second) names_.push_back({name, meaning});
    };
    for (const v1::GrantView& grant : page->grants()) {
      const std::string type = Given("TYPE");
      if (!type.empty() && grant.record_type() != type) continue;
      if (value == kMouValue) offer(grant.mou(), absl::StrCat("version ", grant.version()));
      if (value == kPurposeValue) offer(grant.purpose(), grant.purpose_description());
      if (value == kOrganizationValue) offer(grant.owner(), "");
    }
  }

  void OfCallers() {
    const absl::StatusOr<Gateway*> gateway = session_.GetGateway();
    if (!gateway.ok()) return;
    v1::ListOrganizationsRequest request;
    request.set_page_size(1000);
    const auto page = (*gateway)->ListOrganizations(request);
    if (!page.ok()) return;
    for (const v1::TrustedOrganization& organization : page->organizations()) {
      const std::string& name = organization.name();
      names_.push_back({name.substr(name.find('/') + 1), organization.display_name()});
    }
  }

  void OfCas() {
    const absl::StatusOr<Gateway*> gateway = session_.GetGateway();
    if (!gateway.ok()) return;
    v1::GetOrganizationRequest request;
    request.set_name(absl::StrCat("organizations/", Given("NAME")));
    const auto response = (*gateway)->GetOrganization(request);
    if (!response.ok()) return;
    const v1::TrustedOrganization& organization = response->organization();
    for (const auto& ca : organization.authorities()) names_.push_back({ca.digest(), "callers'"});
    for (const auto& ca : organization.signatory_authorities()) {
      names_.push_back({ca.digest(), "signatories'"});
    }
  }

  const CompletionPoint& point_;
  Session& session_;
  std::vector<ManualEntry> names_;
};

// The options on the line that say where to ask, as the parser takes them. False if they are wrong.
bool TakeOptions(const CompletionPoint& point, const ManualCommand& root, CLI::App& app) {
  std::vector<std::string> reversed;
  for (const auto& [flag, value] : point.given) {
    const ManualOption* option = root.FindOption(flag);
    if (option != nullptr && !option->value.empty()) {
      reversed.push_back(absl::StrCat(flag, "=", value));
    }
  }
  app.require_subcommand(0);
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::Error&) {
    return false;
  }
  return true;
}

}  // namespace

ExitCode Complete(CLI::App& app, Session& session, const std::vector<std::string>& words) {
  // Whatever a name is waited for (a name server, a FIFO in place of a key), the shell is not.
  signal(SIGALRM, [](int) { _exit(kDone); });
  alarm(kEndWithinSeconds);
  if (std::freopen("/dev/null", "w", stderr) == nullptr) return kDone;
  const ManualCommand root = Describe(app);
  const CompletionPoint point = PointOf(root, words);
  std::vector<ManualEntry> names;
  if (TakeOptions(point, root, app)) {
    session.AskOnce(kAnswerWithin);
    names = Names(point, session).Take();
  }
  Print(CompletionLines(point, names));
  return kDone;
}

void AddCompletion(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>();
  CLI::App* noun =
      session.AddVerb(&app, "completion", "Print a script by which a shell completes `sluice`",
                      "sluice completion bash > ~/.local/share/bash-completion/completions/sluice",
                      [shell] { return Print(CompletionScript(*shell)) ? kDone : kFailed; });
  noun->add_option("SHELL", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace sluice::client
