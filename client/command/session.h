// One run of `sluice`: its global options, the catalog, and the connection that they lead to.
//
// Not thread-safe.
#ifndef SLUICE_CLIENT_COMMAND_SESSION_H_
#define SLUICE_CLIENT_COMMAND_SESSION_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/command/exit_code.h"
#include "client/command/manual.h"
#include "client/connection.h"
#include "client/gateway.h"
#include "client/profile.h"
#include "client/retry.h"
#include "policy/catalog.h"

namespace sluice::client {

class Session {
 public:
  // The options that every verb takes.
  void AddOptions(CLI::App& app);

  // A verb: `run` is called when it was asked for. `example` ends its help.
  CLI::App* AddVerb(CLI::App* noun, const std::string& name, const std::string& description,
                    const std::string& example, std::function<ExitCode()> run);
  // What was asked for.
  ExitCode Run();
  // No call takes longer, nor is it tried again.
  void AskOnce(absl::Duration deadline);

  // The profile with the options over it.
  absl::StatusOr<Profile> GetProfile();
  // Connects at first use.
  absl::StatusOr<Gateway*> GetGateway();
  absl::StatusOr<const policy::Catalog*> GetCatalog();
  // After GetCatalog.
  const std::shared_ptr<const policy::Catalog>& shared_catalog() const { return catalog_; }
  // NOT_FOUND with the types that there are.
  absl::StatusOr<const policy::RecordType*> GetType(absl::string_view name);
  // `organizations/{organization}`
  absl::StatusOr<std::string> GetParent();

  RetryPolicy retry_policy() const;
  Retry NewRetry() const { return Retry(retry_policy(), RetryEnvironment::System()); }
  bool quiet() const { return quiet_; }

 private:
  std::string profile_name_;
  Profile options_;
  int attempts_ = 6;
  absl::Duration deadline_ = ConnectionOptions().deadline;
  bool quiet_ = false;
  bool no_pager_ = false;
  std::string color_ = "auto";
  std::string types_;  // directory
  std::function<ExitCode()> run_;
  std::unique_ptr<Gateway> gateway_;
  std::shared_ptr<const policy::Catalog> catalog_;
};

// The verb's `--output`: one of the forms.
void AddOutput(CLI::App* verb, std::string& output, const std::vector<std::string>& forms);
// What a list comes in (table.h).
inline const std::vector<std::string> kTableForms = {"text", "json", "ndjson", "csv"};

// The nouns. Each adds its verbs.
void AddAudit(CLI::App& app, Session& session);
void AddCatalog(CLI::App& app, Session& session);
void AddCompletion(CLI::App& app, Session& session);
void AddExplain(CLI::App& app, Session& session);
void AddGrant(CLI::App& app, Session& session);
void AddKey(CLI::App& app, Session& session);
void AddMapping(CLI::App& app, Session& session);
void AddMou(CLI::App& app, Session& session);
void AddObligation(CLI::App& app, Session& session);
void AddOptOut(CLI::App& app, Session& session);
void AddOrganization(CLI::App& app, Session& session);
void AddPki(CLI::App& app, Session& session);
void AddRecord(CLI::App& app, Session& session);
void AddWitness(CLI::App& app, Session& session);

// The owner's verb of the noun `grant`.
void AddPreview(CLI::App* grant, Session& session);

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_SESSION_H_
