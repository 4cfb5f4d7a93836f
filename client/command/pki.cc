// `sluice pki`: certificates for demos and small deployments.
#include "client/pki.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/table.h"
#include "client/file.h"
#include "client/pki_directory.h"

namespace sluice::client {
namespace {

struct Options {
  std::string directory = "pki";
  std::string trust_domain;
  std::string organization;
  std::string kind;
  std::string name;
  std::string certificate;
  std::string invalid_since;
  std::string output = "text";
  std::vector<std::string> dns;
  std::vector<std::string> ip;
  int ca_days = 3650;
  int crl_days = 90;
  int days = 365;
};

ExitCode Tell(const Options& options, const Table::Json& json, const std::string& text) {
  return Print(options.output == "json" ? JsonText(json, -1) : text) ? kDone : kFailed;
}

ExitCode Init(const Options& options) {
  const pki::InitOptions init = {absl::Now(), options.ca_days, options.crl_days};
  if (options.organization == "operator") {
    const absl::Status made = pki::InitOperator(options.directory, options.trust_domain, init);
    if (!made.ok()) return Fail(made);
    return Tell(options, {{"directory", options.directory + "/operator"}},
                absl::StrCat("operator: CA in ", options.directory, "/operator\n"));
  }
  const absl::StatusOr<std::string> digest =
      pki::InitOrganization(options.directory, options.trust_domain, options.organization, init);
  if (!digest.ok()) return Fail(digest.status());
  const std::string directory = absl::StrCat(options.directory, "/", options.organization);
  return Tell(options, {{"directory", directory}, {"signatory_ca", *digest}},
              absl::StrCat(options.organization, ": CAs in ", directory,
                           "\n\nIn an MOU's parties:\n  - {organization: ", options.organization,
                           ", signatory_ca: ", *digest, "}\n"));
}

ExitCode Issue(const Options& options) {
  absl::StatusOr<pki::Issued> issued;
  if (options.kind == "gateway") {
    issued = pki::IssueGateway(options.directory, options.name, options.dns, options.ip,
                               options.days, absl::Now());
  } else if (options.kind == "operator") {
    issued = pki::IssueOperator(options.directory, options.name, options.days, absl::Now());
  } else if (options.organization.empty()) {
    return FailUsage("--for is required for this kind");
  } else {
    issued = pki::Issue(options.directory, options.organization, options.kind, options.name,
                        options.days, absl::Now());
  }
  if (!issued.ok()) return Fail(issued.status());
  return Tell(options,
              {{"spiffe_id", issued->spiffe_id},
               {"certificate", issued->certificate_path},
               {"key", issued->key_path}},
              absl::StrCat(issued->spiffe_id, "\n  certificate  ", issued->certificate_path,
                           "\n  key          ", issued->key_path, "\n"));
}

ExitCode RenewCrls(const Options& options) {
  const absl::StatusOr<std::vector<std::string>> paths =
      pki::RenewCrls(options.directory, options.organization, options.crl_days, absl::Now());
  if (!paths.ok()) return Fail(paths.status());
  return Tell(options, {{"lists", *paths}}, absl::StrJoin(*paths, "\n") + "\n");
}

ExitCode Revoke(const Options& options) {
  const absl::StatusOr<std::string> certificate = ReadFile(options.certificate);
  if (!certificate.ok()) return Fail(certificate.status());
  const absl::Time now = absl::Now();
  absl::Time since = now;
  std::string error;
  if (!options.invalid_since.empty() &&
      !absl::ParseTime(absl::RFC3339_full, options.invalid_since, &since, &error)) {
    return FailUsage(absl::StrCat("--invalid-since must be a time, 2027-05-01T12:00:00Z: ", error));
  }
  const absl::StatusOr<std::string> path = pki::Revoke(options.directory, options.organization,
                                                       *certificate, options.crl_days, now, since);
  if (!path.ok()) return Fail(path.status());
  return Tell(options, {{"list", *path}}, *path + "\n");
}

}  // namespace

void AddPki(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("pki", "Certificates, for demos and small deployments");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* init = session.AddVerb(
      noun, "init", "Make an organization's CAs; prints the digest that MOUs pin",
      "sluice pki init --directory pki --trust-domain sluice.example --for river-unified",
      [options] { return Init(*options); });
  init->add_option("--trust-domain", options->trust_domain, "The gateway's SPIFFE trust domain")
      ->required();
  init->add_option("--ca-days", options->ca_days, "How long the CAs hold")
      ->check(CLI::Range(1, 36500))
      ->capture_default_str();
  CLI::App* issue =
      session.AddVerb(noun, "issue", "Issue a certificate and its key",
                      "sluice pki issue --directory pki --for river-unified system hr",
                      [options] { return Issue(*options); });
  issue->add_option("KIND", options->kind, "What it is for")
      ->required()
      ->check(CLI::IsMember({"system", "admin", "auditor", "signatory", "operator", "gateway"}));
  issue->add_option("NAME", options->name, "The principal's name")->required();
  issue->add_option("--dns", options->dns, "DNS name of a gateway; several may be given");
  issue->add_option("--ip", options->ip, "IP address of a gateway; several may be given");
  issue->add_option("--days", options->days, "How long it holds")
      ->check(CLI::Range(1, 36500))
      ->capture_default_str();
  CLI::App* crl = session.AddVerb(noun, "crl", "Sign the revocation lists anew",
                                  "sluice pki crl --directory pki --for river-unified",
                                  [options] { return RenewCrls(*options); });
  CLI::App* revoke = session.AddVerb(
      noun, "revoke", "Put a certificate on its CA's revocation list",
      "sluice pki revoke --directory pki --for river-unified pki/river-unified/system-hr.pem",
      [options] { return Revoke(*options); });
  revoke->add_option("CERTIFICATE", options->certificate, "PEM file")
      ->type_name(kFileValue)
      ->required();
  revoke
      ->add_option("--invalid-since", options->invalid_since,
                   "Since when it was in wrong hands; now if not given")
      ->type_name("TIME");
  for (CLI::App* verb : {init, issue, crl, revoke}) {
    verb->add_option("--directory", options->directory, "Where the PKI stands")
        ->type_name(kDirectoryValue)
        ->capture_default_str();
    CLI::Option* organization =
        verb->add_option("--for", options->organization,
                         "The organization; \"operator\" for the gateway's operator")
            ->type_name(kOrganizationValue);
    if (verb != issue) organization->required();
    AddOutput(verb, options->output, {"text", "json"});
  }
  for (CLI::App* verb : {init, crl, revoke}) {
    verb->add_option("--crl-days", options->crl_days, "How long a revocation list holds")
        ->check(CLI::Range(1, 3650))
        ->capture_default_str();
  }
}

}  // namespace sluice::client
