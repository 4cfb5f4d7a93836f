// `sluice record`: publishing and deleting one's own records, reading what others release.
#include "client/command/record.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "client/publisher.h"

namespace sluice::client {
namespace {

void AddInputOptions(CLI::App* verb, RecordOptions& options) {
  verb->add_option("TYPE", options.type, "The record type")->required();
  verb->add_option("FILE", options.file, "The file; - is standard input")->required();
  verb->add_option("--format", options.format, "What the file holds")
      ->check(CLI::IsMember({"ndjson", "csv"}))
      ->capture_default_str();
  verb->add_option("--request-prefix", options.request_prefix,
                   "Begins the request ids; the same again within 7 days changes nothing")
      ->check([](const std::string& prefix) -> std::string {
        const bool valid = !prefix.empty() && prefix.size() <= 40 &&
                           std::all_of(prefix.begin(), prefix.end(), [](unsigned char c) {
                             return absl::ascii_isalnum(c) || c == '_' || c == '-';
                           });
        return valid ? "" : "must be 1 to 40 letters, digits, _ and -";
      });
}

void AddReleaseOptions(CLI::App* verb, RecordOptions& options) {
  verb->add_option("--purpose", options.purpose, "The purpose that is claimed")->required();
  verb->add_option("--mou", options.mou, "The MOU, if several permit");
  verb->add_option("--fields", options.fields, "Paths of fields: a,b; all that are granted");
  verb->add_option("--header-file", options.header_file,
                   "Where to keep the release's header and trailer, as JSON");
  verb->add_option("--repeat", options.repeat, "CSV: columns for each repeated field")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  verb->add_option("--output", options.output, "What is printed")
      ->check(CLI::IsMember({"ndjson", "csv", "text"}))
      ->capture_default_str();
}

}  // namespace

void AddRecord(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("record", "Records: publish one's own, read what is granted");
  noun->require_subcommand(1);
  auto options = std::make_shared<RecordOptions>();
  CLI::App* publish =
      session.AddVerb(noun, "publish", "Publish records: what a key stands for is replaced",
                      "sluice record publish Candidate --format csv candidates.csv",
                      [&session, options] { return PublishRecords(session, *options); });
  AddInputOptions(publish, *options);
  publish->add_option("--batch-size", options->batch_size, "Records a batch")
      ->check(CLI::Range(1, Publisher::kMaxBatchRecords))
      ->capture_default_str();
  CLI::App* remove =
      session.AddVerb(noun, "delete", "Delete records by their keys",
                      "sluice record delete Candidate --format csv keys.csv",
                      [&session, options] { return DeleteRecords(session, *options); });
  AddInputOptions(remove, *options);
  remove->add_flag("--allow-missing", options->allow_missing, "Pass over keys that are not there");

  CLI::App* read = session.AddVerb(
      noun, "read", "Read a release",
      "sluice record read Candidate --purpose hiring_pipeline --output csv > candidates.csv",
      [&session, options] { return ReadRecords(session, *options); });
  read->add_option("TYPE", options->type, "The record type")->required();
  read->add_option("--from", options->from, "The owner, where grants of several meet");
  read->add_option("--filter", options->filter, "AIP-160, over released values");
  AddReleaseOptions(read, *options);
  CLI::App* get = session.AddVerb(
      noun, "get", "Read one row again",
      "sluice record get Candidate mfzwk3dpnzxw4zlsebugk4tfmu --purpose hiring_pipeline",
      [&session, options] { return GetRecord(session, *options); });
  get->add_option("TYPE", options->type, "The record type")->required();
  get->add_option("ROW_ID", options->row_id, "The row, as a release named it")->required();
  AddReleaseOptions(get, *options);
}

}  // namespace sluice::client
