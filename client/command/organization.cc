// `sluice organization`: who may call this gateway, for its operator.
#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/command/manual.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/command/table.h"
#include "client/file.h"

namespace sluice::client {
namespace {

using Authorities = google::protobuf::RepeatedPtrField<v1::CertificateAuthority>;

constexpr char kPrefix[] = "organizations/";

struct Options {
  std::string name;
  std::string display_name;
  std::string ca_bundle;
  std::string crl;
  std::string signatory_bundle;
  std::string signatory_crl;
  std::vector<std::string> remove;
  std::string output = "text";
};

std::string DayText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixSeconds(time.seconds()), absl::UTCTimeZone());
}

std::string SourceText(v1::OrganizationSource source) {
  if (source == v1::ORGANIZATION_SOURCE_CONFIGURATION) return "configuration";
  if (source == v1::ORGANIZATION_SOURCE_ADDED) return "added";
  return "unknown";  // what only a newer gateway knows
}

void AddRows(const v1::TrustedOrganization& organization, const Authorities& authorities,
             absl::string_view of, Table& table) {
  for (const v1::CertificateAuthority& ca : authorities) {
    table.Add({organization.name().substr(sizeof(kPrefix) - 1), SourceText(organization.source()),
               absl::StrCat(of, ca.root() ? " root" : " intermediate"), DayText(ca.expire_time()),
               ca.has_crl_next_update_time() ? DayText(ca.crl_next_update_time()) : "none",
               ca.digest()});
  }
}

// What stands behind organizations: a row a CA, as an object a row an organization.
bool Show(const std::vector<v1::TrustedOrganization>& organizations, const std::string& output) {
  Table table({{"organization"}, {"from"}, {"CA"}, {"expires"}, {"CRL until"}, {"digest"}});
  const bool objects = output == "json" || output == "ndjson";
  for (const v1::TrustedOrganization& organization : organizations) {
    if (objects) {
      table.Add({}, Table::Json::parse(ProtoJson(organization)));
      continue;
    }
    AddRows(organization, organization.authorities(), "callers'", table);
    AddRows(organization, organization.signatory_authorities(), "signatories'", table);
  }
  return table.Print(output);
}

// One of them.
ExitCode ShowOne(v1::TrustedOrganization organization, const std::string& output) {
  MakePrintable(organization);
  if (output != "json") return Show({std::move(organization)}, output) ? kDone : kFailed;
  return Print(ProtoJson(organization) + "\n") ? kDone : kFailed;
}

void NoteWithoutRevocation(const v1::TrustedOrganization& organization) {
  for (const v1::CertificateAuthority& ca : organization.authorities()) {
    if (ca.has_crl_next_update_time()) continue;
    Note(
        "sluice: it has no revocation list: a lost key is let in until its certificate expires\n"
        "  next: `sluice organization renew-crl NAME --crl FILE` gives one\n");
    return;
  }
}

ExitCode List(Session& session, const std::string& output) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  std::vector<v1::TrustedOrganization> organizations;
  v1::ListOrganizationsRequest request;
  Retry retry = session.NewRetry();
  do {
    absl::StatusOr<v1::ListOrganizationsResponse> page =
        retry.Run([&] { return (*gateway)->ListOrganizations(request); });
    if (!page.ok()) return Fail(page.status());
    retry.Progress();
    MakePrintable(*page);
    if (page->organizations().empty() && !page->next_page_token().empty()) {
      return Fail(absl::DataLossError("the gateway's list of organizations leads no further"));
    }
    for (v1::TrustedOrganization& organization : *page->mutable_organizations()) {
      organizations.push_back(std::move(organization));
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  if (output == "text" && organizations.empty()) {
    return Print("no organizations\n") ? kDone : kFailed;
  }
  return Show(organizations, output) ? kDone : kFailed;
}

// The file's text; empty for no file.
absl::StatusOr<std::string> GivenFile(const std::string& path) {
  return path.empty() ? absl::StatusOr<std::string>("") : ReadFile(path);
}

// The texts of the files that options name.
absl::Status ReadTexts(const Options& options, v1::TrustedOrganization& out) {
  for (const auto& [path, set] :
       {std::pair(&options.ca_bundle, &v1::TrustedOrganization::mutable_ca_bundle),
        std::pair(&options.crl, &v1::TrustedOrganization::mutable_crl),
        std::pair(&options.signatory_bundle, &v1::TrustedOrganization::mutable_signatory_bundle),
        std::pair(&options.signatory_crl, &v1::TrustedOrganization::mutable_signatory_crl)}) {
    absl::StatusOr<std::string> text = GivenFile(*path);
    if (!text.ok()) return text.status();
    *(out.*set)() = *std::move(text);
  }
  return absl::OkStatus();
}

ExitCode Add(Session& session, const Options& options) {
  v1::CreateOrganizationRequest request;
  request.set_organization_id(options.name);
  request.mutable_organization()->set_display_name(options.display_name);
  const absl::Status read = ReadTexts(options, *request.mutable_organization());
  if (!read.ok()) return Fail(read);
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  // Once: after an answer that was lost, another attempt would be told that it is there.
  const absl::StatusOr<v1::CreateOrganizationResponse> response =
      (*gateway)->CreateOrganization(request);
  if (!response.ok()) return Fail(response.status());
  if (ShowOne(response->organization(), options.output) != kDone) return kFailed;
  if (session.quiet()) return kDone;
  NoteWithoutRevocation(response->organization());
  Note("added; its systems may connect within two seconds\n");
  return kDone;
}

absl::StatusOr<v1::TrustedOrganization> Get(Session& session, Gateway& gateway,
                                            const std::string& name) {
  v1::GetOrganizationRequest request;
  request.set_name(kPrefix + name);
  Retry retry = session.NewRetry();
  absl::StatusOr<v1::GetOrganizationResponse> response =
      retry.Run([&] { return gateway.GetOrganization(request); });
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_organization());
}

// The CAs and lists that stay, with the new ones behind them.
struct Merged {
  std::string bundle;
  std::string crl;
  int kept = 0;
};
Merged Merge(const Authorities& now, const std::vector<std::string>& remove,
             const std::string& new_bundle, const std::string& new_crl,
             std::vector<std::string>& removed) {
  Merged merged;
  for (const v1::CertificateAuthority& ca : now) {
    if (std::find(remove.begin(), remove.end(), ca.digest()) != remove.end()) {
      removed.push_back(ca.digest());
      continue;
    }
    ++merged.kept;
    absl::StrAppend(&merged.bundle, ca.certificate());
    absl::StrAppend(&merged.crl, ca.crl());
  }
  absl::StrAppend(&merged.bundle, new_bundle);
  absl::StrAppend(&merged.crl, new_crl);
  return merged;
}

// Puts new CAs and lists beside those in force, and takes out those that `--remove` names, as one
// change of the state that was looked at.
ExitCode Change(Session& session, const Options& options) {
  v1::TrustedOrganization given;
  if (const absl::Status read = ReadTexts(options, given); !read.ok()) return Fail(read);
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  const absl::StatusOr<v1::TrustedOrganization> now = Get(session, **gateway, options.name);
  if (!now.ok()) return Fail(now.status());
  v1::UpdateOrganizationRequest request;
  v1::TrustedOrganization& next = *request.mutable_organization();
  next.set_name(now->name());
  next.set_etag(now->etag());

  std::vector<std::string> removed;
  const Merged callers =
      Merge(now->authorities(), options.remove, given.ca_bundle(), given.crl(), removed);
  const Merged signatories = Merge(now->signatory_authorities(), options.remove,
                                   given.signatory_bundle(), given.signatory_crl(), removed);
  for (const std::string& digest : options.remove) {
    if (std::find(removed.begin(), removed.end(), digest) != removed.end()) continue;
    return Fail(absl::NotFoundError(absl::StrCat(
        options.name, " has no CA ", digest, "; `sluice organization list` shows their digests")));
  }
  for (const auto& [merged, had, added, of] :
       {std::tuple(&callers, now->authorities_size(), !given.ca_bundle().empty(), "callers"),
        std::tuple(&signatories, now->signatory_authorities_size(),
                   !given.signatory_bundle().empty(), "signatories")}) {
    if (merged->kept > 0 || added || had == 0) continue;
    return Fail(absl::FailedPreconditionError(
        absl::StrCat("that would leave no CA of ", options.name, "'s ", of,
                     ": add the new one first, have its certificates issued, then remove the "
                     "old")));
  }
  next.set_ca_bundle(callers.bundle);
  next.set_crl(callers.crl);
  next.set_signatory_bundle(signatories.bundle);
  next.set_signatory_crl(signatories.crl);
  for (const char* path : {"ca_bundle", "crl", "signatory_bundle", "signatory_crl"}) {
    request.mutable_update_mask()->add_paths(path);
  }
  const absl::StatusOr<v1::UpdateOrganizationResponse> response =
      (*gateway)->UpdateOrganization(request);
  if (!response.ok()) return Fail(response.status());
  if (ShowOne(response->organization(), options.output) != kDone) return kFailed;
  if (session.quiet()) return kDone;
  NoteWithoutRevocation(response->organization());
  if (response->organization().etag() == now->etag()) {
    Note("nothing changed: what was given is in force already, or older than what is\n");
  } else if (!removed.empty()) {
    Note(
        "removed; certificates under it are refused from now on, on connections that stand, too\n");
  } else if (!given.ca_bundle().empty() || !given.signatory_bundle().empty()) {
    Note(absl::StrCat(
        "old and new CAs are accepted\n  next: have certificates issued under the new one, then "
        "`sluice organization rotate-ca ",
        options.name, " --remove DIGEST` for the old\n"));
  }
  return kDone;
}

}  // namespace

void AddOrganization(CLI::App& app, Session& session) {
  CLI::App* noun =
      app.add_subcommand("organization", "Who may call the gateway (for its operator)");
  noun->require_subcommand(1);
  auto list_output = std::make_shared<std::string>("text");
  CLI::App* list = session.AddVerb(
      noun, "list", "List the organizations, their CAs, and what runs out when",
      "sluice organization list", [&session, list_output] { return List(session, *list_output); });
  AddOutput(list, *list_output, kTableForms);

  auto options = std::make_shared<Options>();
  CLI::App* add = session.AddVerb(
      noun, "add", "Add an organization to the gateway while it runs",
      "sluice organization add hill-county --ca-bundle ca.pem --crl crl.pem --signatory-bundle "
      "signatory-ca.pem --signatory-crl signatory-crl.pem",
      [&session, options] { return Add(session, *options); });
  CLI::App* rotate = session.AddVerb(
      noun, "rotate-ca",
      "Put new CAs beside an organization's, so that both are accepted; or take old ones out",
      "sluice organization rotate-ca hill-county --ca-bundle new-ca.pem --crl new-crl.pem",
      [&session, options] {
        if (options->ca_bundle.empty() && options->signatory_bundle.empty() &&
            options->remove.empty()) {
          return FailUsage(
              "give new CAs with --ca-bundle or --signatory-bundle, or old ones with --remove");
        }
        return Change(session, *options);
      });
  CLI::App* renew = session.AddVerb(
      noun, "renew-crl", "Give new revocation lists of an organization's CAs",
      "sluice organization renew-crl hill-county --crl crl.pem", [&session, options] {
        if (options->crl.empty() && options->signatory_crl.empty()) {
          return FailUsage("give new lists with --crl or --signatory-crl");
        }
        return Change(session, *options);
      });
  add->add_option("--display-name", options->display_name, "What people call it");
  rotate
      ->add_option("--remove", options->remove,
                   "Digest of a CA to take out, as list shows it; several may be given")
      ->type_name(kCaValue);
  for (CLI::App* verb : {add, rotate, renew}) {
    CLI::Option* name =
        verb->add_option("NAME", options->name, "The organization, as SPIFFE ids name it")
            ->required();
    if (verb != add) name->type_name(kCallingValue);
    if (verb != renew) {
      CLI::Option* bundle =
          verb->add_option("--ca-bundle", options->ca_bundle,
                           "PEM file: CAs of its systems, administrators and auditors")
              ->type_name(kFileValue);
      if (verb == add) bundle->required();
      verb->add_option("--signatory-bundle", options->signatory_bundle,
                       "PEM file: CAs of its signatories, if they are others")
          ->type_name(kFileValue);
    }
    verb->add_option("--crl", options->crl, "PEM file: revocation lists of its CAs, one for each")
        ->type_name(kFileValue);
    verb->add_option("--signatory-crl", options->signatory_crl,
                     "PEM file: revocation lists of its signatories' CAs")
        ->type_name(kFileValue);
    AddOutput(verb, options->output, {"text", "json"});
  }
}

}  // namespace sluice::client
