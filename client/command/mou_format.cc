// `sluice mou fmt`: documents in their canonical text, before anybody signs their bytes.
#include "policy/mou_format.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/mou.h"
#include "client/file.h"

namespace sluice::client {
namespace {

struct Options {
  std::vector<std::string> files;
  bool check = false;
  bool pin = false;
};

// The first file beside it that may hold a signature of its bytes; a link's target has its own.
absl::StatusOr<std::optional<std::string>> SignatureBeside(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  std::optional<std::string> found;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool signature = absl::StartsWith(name, absl::StrCat(file.filename().string(), ".")) &&
                           absl::EndsWith(name, ".p7s");
    if (signature && (!found.has_value() || name < *found)) found = name;
  }
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't look for signatures beside ", file.string(), ": ", error.message()));
  }
  return found;
}

absl::Status CheckUnsigned(const std::string& file) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(file, error);
  for (const std::filesystem::path& path : {std::filesystem::path(file), target}) {
    const absl::StatusOr<std::optional<std::string>> signature = SignatureBeside(path);
    if (!signature.ok()) return signature.status();
    if (!signature->has_value()) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        file, " has a signature beside it (", **signature,
        "), which would not hold for other bytes: format a copy with the next version's "
        "number, or remove the signatures and have it signed again"));
  }
  return absl::OkStatus();
}

ExitCode ShowFindings(const std::vector<policy::Finding>& findings) {
  for (const policy::Finding& finding : findings) Note(finding.ToString() + "\n");
  return kCheckFailed;
}

// `catalog`: null if nothing is pinned.
ExitCode FormatFile(const std::string& file, const policy::Catalog* catalog, bool check) {
  const absl::StatusOr<std::string> bytes = ReadFile(file);
  if (!bytes.ok()) return Fail(bytes.status());
  const policy::MouDocument::Parsed parsed = policy::MouDocument::Parse(file, *bytes);
  if (policy::HasError(parsed.findings)) return ShowFindings(parsed.findings);
  policy::NamedTypes named;
  if (catalog != nullptr) named = policy::NamedTypesOf(parsed.document, *catalog);
  if (!named.findings.empty()) return ShowFindings(named.findings);
  const absl::StatusOr<std::string> text = policy::FormatMou(parsed.document, named.pins);
  if (!text.ok()) return Fail(text.status());
  if (*text == *bytes) return kDone;
  if (check) {
    Print(file + "\n");
    return kCheckFailed;
  }
  // What is canonical already may be signed: nothing is done to it.
  if (absl::Status free = CheckUnsigned(file); !free.ok()) return Fail(free);
  const absl::Status written = RewriteFile(file, *text);
  return written.ok() ? kDone : Fail(written);
}

ExitCode Format(Session& session, const Options& options) {
  const policy::Catalog* catalog = nullptr;
  if (options.pin) {
    const absl::StatusOr<const policy::Catalog*> types = session.GetCatalog();
    if (!types.ok()) return Fail(types.status());
    catalog = *types;
  }
  // Each file is looked at, whatever is wrong with another.
  ExitCode worst = kDone;
  for (const std::string& file : options.files) {
    const ExitCode code = FormatFile(file, catalog, options.check);
    if (worst != kFailed && code != kDone) worst = code;
  }
  return worst;
}

}  // namespace

void AddMouFormat(CLI::App* noun, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* format = session.AddVerb(
      noun, "fmt", "Bring documents to their canonical order and spacing, comments kept",
      "sluice mou fmt --pin mou.yaml", [&session, options] { return Format(session, *options); });
  format->add_option("FILE", options->files, "The documents; rewritten in place")->required();
  format->add_flag("--check", options->check,
                   "Change nothing: list those that are not canonical, and end with 3");
  format->add_flag("--pin", options->pin,
                   "Fill `catalog` with the digest of each record type that is named");
}

}  // namespace sluice::client
