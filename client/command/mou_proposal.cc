// `sluice mou propose`, `amend`, `sign`: how a document comes to be in force.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/confirm.h"
#include "client/command/mou.h"
#include "client/command/table.h"
#include "client/file.h"
#include "client/pki_directory.h"
#include "client/record_value.h"

namespace sluice::client {
namespace {

struct Options {
  std::string file;
  std::string confirm;
  std::string organization;
  std::string signer;
  std::string signer_key;
  std::string signature;
  bool send = false;
  std::string output = "text";
};

// Made again, it changes nothing: it is tried until it was answered.
ExitCode SendProposal(Session& session, const Options& options, const CompiledDocument& document) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::ProposeMouRequest request;
  request.set_document(std::string(document.document.bytes()));
  Retry retry = session.NewRetry();
  absl::StatusOr<v1::ProposeMouResponse> response =
      retry.Run([&] { return (*gateway)->ProposeMou(request); });
  if (!response.ok()) return Fail(response.status());
  MakePrintable(*response);
  return PrintMou(response->mou(), options.output);
}

ExitCode Propose(Session& session, const Options& options) {
  ExitCode code = kFailed;
  const std::optional<CompiledDocument> document = CompileDocument(session, options.file, code);
  return document.has_value() ? SendProposal(session, options, *document) : code;
}

// The newest version that all parties have signed; null if there is none.
const v1::MouVersionStatus* LastSigned(const v1::MouStatus& mou) {
  for (const v1::MouVersionStatus& version : mou.versions()) {
    if (version.state() == v1::MOU_STATE_PROPOSED || version.document().empty()) continue;
    return &version;
  }
  return nullptr;
}

ExitCode Amend(Session& session, const Options& options) {
  ExitCode code = kFailed;
  const std::optional<CompiledDocument> after = CompileDocument(session, options.file, code);
  if (!after.has_value()) return code;
  const std::string& name = after->mou->name();
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::GetMouRequest request;
  request.set_name(absl::StrCat("mous/", name));
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetMouResponse> response =
      retry.Run([&] { return (*gateway)->GetMou(request); });
  if (!response.ok()) return Fail(response.status());
  const v1::MouVersionStatus* const last = LastSigned(response->mou());
  if (last == nullptr) {
    return Fail(absl::FailedPreconditionError(absl::StrCat(
        "no version of ", name, " was signed: sluice mou propose lays down the first")));
  }
  const std::optional<CompiledDocument> before = CompileDocument(
      session, absl::StrCat("version ", VersionOf(last->name())), last->document(), code);
  if (!before.has_value()) return code;
  const absl::StatusOr<std::string> changes = DiffText(*before->mou, *after->mou);
  if (!changes.ok()) return Fail(changes.status());
  Note(*changes);
  if (!Confirmed(options.confirm, name, "propose this")) {
    return FailUsage(absl::StrCat("nothing was proposed: give --confirm ", name));
  }
  return SendProposal(session, options, *after);
}

ExitCode SendSignature(Session& session, const Options& options, const std::string& path) {
  ExitCode code = kFailed;
  const std::optional<CompiledDocument> document = CompileDocument(session, options.file, code);
  if (!document.has_value()) return code;
  absl::StatusOr<std::string> signature = ReadFile(path);
  if (!signature.ok()) return Fail(signature.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::SignMouRequest request;
  request.set_name(
      absl::StrCat("mous/", document->mou->name(), "/versions/", document->mou->version()));
  request.set_signature(*std::move(signature));
  request.set_organization(absl::StrCat("organizations/", options.organization));
  Retry retry = session.NewRetry();
  absl::StatusOr<v1::SignMouResponse> response =
      retry.Run([&] { return (*gateway)->SignMou(request); });
  if (!response.ok()) return Fail(response.status());
  MakePrintable(*response);
  return PrintMou(response->mou(), options.output);
}

ExitCode Sign(Session& session, const Options& options) {
  const bool with_key = !options.signer.empty() && !options.signer_key.empty();
  if (with_key == !options.signature.empty()) {
    return FailUsage("give --signer and --signer-key, or the --signature that another tool made");
  }
  if (!options.send && !with_key) return FailUsage("--signature is for --send");
  std::string path = options.signature;
  if (with_key) {
    const absl::StatusOr<std::string> made =
        pki::SignFile(options.file, options.signer, options.signer_key, options.organization);
    if (!made.ok()) return Fail(made.status());
    path = *made;
  }
  if (options.send) return SendSignature(session, options, path);
  Print(options.output == "json" ? JsonText({{"signature", path}}, -1) : path + "\n");
  return kDone;
}

}  // namespace

void AddMouProposal(CLI::App* noun, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* propose = session.AddVerb(
      noun, "propose", "Lay a document before its parties, to be signed by all",
      "sluice mou propose mou.yaml", [&session, options] { return Propose(session, *options); });
  CLI::App* amend = session.AddVerb(
      noun, "amend", "Show what a new version changes, and lay it before the parties",
      "sluice mou amend mou-v2.yaml --confirm stem-pipeline",
      [&session, options] { return Amend(session, *options); });
  amend->add_option("--confirm", options->confirm,
                    "The MOU; asked for on a terminal where it is not given");
  CLI::App* sign = session.AddVerb(
      noun, "sign", "Sign a document's bytes, beside it; send the signature to the gateway",
      "sluice mou sign mou.yaml --for river-unified --signer signatory.pem --signer-key "
      "signatory.key --send",
      [&session, options] { return Sign(session, *options); });
  sign->add_option("--for", options->organization, "The party that signs")
      ->type_name(kOrganizationValue)
      ->required();
  sign->add_option("--signer", options->signer, "PEM file: the signatory's certificate")
      ->type_name(kFileValue);
  sign->add_option("--signer-key", options->signer_key, "PEM file: its key")->type_name(kFileValue);
  sign->add_option("--signature", options->signature,
                   "CMS file in DER: made by openssl cms, instead of a key; for --send")
      ->type_name(kFileValue);
  sign->add_flag("--send", options->send, "Send the signature: the document was proposed there");
  for (CLI::App* verb : {propose, amend, sign}) {
    verb->add_option("FILE", options->file, "The document")->type_name(kFileValue)->required();
    AddOutput(verb, options->output, {"text", "json"});
  }
}

}  // namespace sluice::client
