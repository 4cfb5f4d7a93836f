// `sluice record`: publishing and deleting one's own records, reading what others release.
#include "client/command/record.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "client/command/output.h"
#include "client/command/own_record.h"
#include "client/import/mapping.h"
#include "client/publisher.h"

namespace sluice::client {
namespace {

ExitCode Publish(Session& session, const RecordOptions& options) {
  ImportRequest import = options.import;
  import.type = options.file.empty() ? "" : options.type;
  import.path = options.file.empty() ? options.type : options.file;
  import.format = options.format;
  import.request_prefix = options.request_prefix;
  import.batch_size = options.batch_size;
  return Import(session, import);
}

void AddPublishOptions(CLI::App* verb, RecordOptions& options) {
  std::vector<std::string> formats = FormatNames();
  formats.push_back("ndjson");
  verb->add_option("TYPE", options.type, "The record type; left out where a mapping names it")
      ->required();
  verb->add_option("FILE", options.file, "The file, or a directory of them; - is standard input");
  verb->add_option("--format", options.format, "What the file holds")
      ->check(CLI::IsMember(formats))
      ->capture_default_str();
  verb->add_option("--batch-size", options.batch_size, "Records a batch")
      ->check(CLI::Range(1, Publisher::kMaxBatchRecords))
      ->capture_default_str();
  ImportRequest& import = options.import;
  verb->add_option("--mapping", import.mapping,
                   "How columns become fields: a name of `sluice mapping list`, or a file")
      ->type_name(kMappingValue);
  verb->add_flag("--dry-run", import.dry_run,
                 "Show what would change, and samples; change nothing");
  verb->add_flag("--offline", import.offline, "With --dry-run: check the files, ask no gateway");
  verb->add_flag("--skip-invalid", import.skip_invalid,
                 "Take the good rows of a file with bad ones");
  verb->add_option("--rejects", import.rejects, "Where the bad rows go, each with its reason")
      ->type_name(kFileValue);
  verb->add_option("--output", import.output, "What is printed; json names every problem")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void AddDeleteOptions(CLI::App* verb, RecordOptions& options) {
  verb->add_option("TYPE", options.type, "The record type")->required();
  verb->add_option("FILE", options.file, "The file; - is standard input")->required();
  verb->add_option("--format", options.format, "What the file holds")
      ->check(CLI::IsMember({"ndjson", "csv"}))
      ->capture_default_str();
  verb->add_flag("--allow-missing", options.allow_missing, "Pass over keys that are not there");
  AddOutput(verb, options.delete_output, {"text", "json"});
}

void AddRequestPrefix(CLI::App* verb, RecordOptions& options) {
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
  verb->add_option("--purpose", options.purpose, "The purpose that is claimed; not with --own")
      ->type_name(kPurposeValue);
  verb->add_option("--mou", options.mou, "The MOU, if several permit")->type_name(kMouValue);
  verb->add_option("--fields", options.fields, "Paths of fields: a,b; all that are granted")
      ->type_name(kFieldsValue);
  verb->add_option("--header-file", options.header_file,
                   "Where to keep the release's header and trailer, as JSON")
      ->type_name(kFileValue);
  verb->add_option("--repeat", options.repeat, "CSV: columns for each repeated field")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  AddOutput(verb, options.output, {"ndjson", "json", "csv", "text"});
}

// A release, or what is one's own: the options of the one have no place with the other.
ExitCode ReadEither(Session& session, const RecordOptions& options,
                    ExitCode (*release)(Session&, const RecordOptions&)) {
  if (!options.own) {
    if (options.purpose.empty()) return FailUsage("--purpose is required");
    if (!options.key.empty())
      return FailUsage("--record-key needs --own: a release names its rows");
    return release(session, options);
  }
  if (!options.purpose.empty() || !options.mou.empty() || !options.from.empty() ||
      !options.fields.empty() || !options.header_file.empty() || !options.row_id.empty()) {
    return FailUsage("--own reads one's records whole: no purpose, MOU, owner, fields or row id");
  }
  return ReadOwn(session,
                 {options.type, options.filter, options.key, options.output, options.repeat});
}

}  // namespace

void AddRecord(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("record", "Records: publish one's own, read what is granted");
  noun->require_subcommand(1);
  auto options = std::make_shared<RecordOptions>();
  CLI::App* publish =
      session.AddVerb(noun, "publish", "Publish records: what a key stands for is replaced",
                      "sluice record publish Candidate --format csv candidates.csv",
                      [&session, options] { return Publish(session, *options); });
  AddPublishOptions(publish, *options);
  AddRequestPrefix(publish, *options);
  CLI::App* remove =
      session.AddVerb(noun, "delete", "Delete records by their keys",
                      "sluice record delete Candidate --format csv keys.csv",
                      [&session, options] { return DeleteRecords(session, *options); });
  AddDeleteOptions(remove, *options);
  AddRequestPrefix(remove, *options);

  CLI::App* read = session.AddVerb(
      noun, "read", "Read a release",
      "sluice record read Candidate --purpose hiring_pipeline --output csv > candidates.csv",
      [&session, options] { return ReadEither(session, *options, ReadRecords); });
  read->add_option("TYPE", options->type, "The record type")->required();
  read->add_option("--from", options->from, "The owner, where grants of several meet")
      ->type_name(kOrganizationValue);
  read->add_option("--filter", options->filter,
                   "AIP-160, over released values; with --own, over stored ones");
  read->add_flag("--own", options->own, "Read one's own records, whole");
  AddReleaseOptions(read, *options);
  CLI::App* get = session.AddVerb(
      noun, "get", "Read one row again",
      "sluice record get Candidate mfzwk3dpnzxw4zlsebugk4tfmu --purpose hiring_pipeline",
      [&session, options] {
        if (!options->own && options->row_id.empty()) return FailUsage("ROW_ID is required");
        if (options->own && options->key.empty()) return FailUsage("--own needs --record-key");
        return ReadEither(session, *options, GetRecord);
      });
  get->add_option("TYPE", options->type, "The record type")->required();
  get->add_option("ROW_ID", options->row_id, "The row, as a release named it; not with --own");
  get->add_flag("--own", options->own, "Read one of one's own records, whole, by its --record-key");
  get->add_option("--record-key", options->key,
                  "With --own: FIELD=VALUE, once for each field of the key")
      ->type_name(kKeyValue);
  AddReleaseOptions(get, *options);
  AddOwnRecord(noun, session);
}

}  // namespace sluice::client
