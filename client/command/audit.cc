// `sluice audit`: the log's entries that concern this organization, and their proofs.
#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/command/session.h"

namespace sluice::client {
namespace {

struct LogOptions {
  std::string type;
  int64_t start = 0;
  int64_t limit = 100;
  std::string output = "text";
};

ExitCode Log(Session& session, const LogOptions& options) {
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::ListEntriesRequest request;
  request.set_start_index(options.start);
  request.set_type(options.type);
  int64_t left = options.limit;
  while (left > 0) {
    request.set_page_size(static_cast<int32_t>(std::min<int64_t>(left, 1000)));
    Retry retry = session.NewRetry();
    const absl::StatusOr<v1::ListEntriesResponse> page =
        retry.Run([&] { return (*gateway)->ListEntries(request); });
    if (!page.ok()) return Fail(page.status());
    for (const v1::LogEntry& entry : page->entries()) {
      if (left-- == 0) break;
      const std::string body = Printable(entry.body());
      if (!Print(options.output == "text"
                     ? absl::StrCat(entry.index(), "  ", body, "\n")
                     : absl::StrCat("{\"index\":", entry.index(), ",\"entry\":", body, "}\n"))) {
        return Fail(absl::FailedPreconditionError("standard output can't be written"));
      }
    }
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) break;
  }
  return kDone;
}

}  // namespace

void AddAudit(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("audit", "The log: what was decided and disclosed");
  noun->require_subcommand(1);
  auto options = std::make_shared<LogOptions>();
  CLI::App* log = session.AddVerb(noun, "log", "Print entries that concern this organization",
                                  "sluice audit log --type disclosure --limit 20",
                                  [&session, options] { return Log(session, *options); });
  log->add_option("--type", options->type, "Only entries of this type: decision, disclosure, ...");
  log->add_option("--start", options->start, "The first index")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  log->add_option("--limit", options->limit, "At most how many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  log->add_option("--output", options->output, "What is printed")
      ->check(CLI::IsMember({"text", "ndjson"}))
      ->capture_default_str();
}

}  // namespace sluice::client
