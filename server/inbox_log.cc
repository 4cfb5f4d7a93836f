#include "server/inbox_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/json_log.h"

namespace sluice::server {
namespace {

// What there is to say of a document in the inbox, as one text to compare.
std::string TextOf(const InboxReport::Document& document) {
  const auto finding = [](std::string* out, const policy::Finding& f) {
    absl::StrAppend(out, f.ToString());
  };
  return absl::StrJoin({document.file, document.mou, absl::StrCat(document.version), document.state,
                        absl::StrJoin(document.findings, "\n", finding),
                        absl::StrJoin(document.signature_problems, "\n")},
                       "\n");
}

void Write(const InboxReport::Document& document) {
  const bool good = document.state == "SIGNED" || document.state == "IN_FORCE";
  LogLine(good ? LogLine::Level::kInfo : LogLine::Level::kWarning, "mou")
      .With("file", document.file)
      .With("mou", document.mou)
      .With("version", document.version)
      .With("state", document.state);
  for (const policy::Finding& finding : document.findings) {
    LogLine(LogLine::Level::kWarning, "finding").With("text", finding.ToString());
  }
  for (const std::string& problem : document.signature_problems) {
    LogLine(LogLine::Level::kWarning, "signature").With("mou", document.mou).With("text", problem);
  }
}

}  // namespace

void InboxLog::Say(const InboxReport& report) {
  absl::flat_hash_set<std::string> texts;
  for (const InboxReport::Document& document : report.documents) texts.insert(TextOf(document));
  {
    absl::MutexLock lock(&mutex_);
    std::swap(texts, said_);
  }
  for (const InboxReport::Document& document : report.documents) {
    if (!texts.contains(TextOf(document))) Write(document);
  }
}

}  // namespace sluice::server
