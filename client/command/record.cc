// `sluice record`: publishing and deleting one's own records, reading what others release.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/command/output.h"
#include "client/command/record_input.h"
#include "client/command/record_output.h"
#include "client/command/session.h"
#include "client/file.h"
#include "client/publisher.h"
#include "client/record_json.h"
#include "client/release_reader.h"
#include "policy/record_validator.h"

namespace sluice::client {
namespace {

constexpr int kMaxProblemsShown = 50;
constexpr int kMaxDeleteKeys = 10'000;

struct Options {
  std::string type;
  std::string file;
  std::string format = "ndjson";
  std::string output = "ndjson";
  std::string purpose;
  std::string mou;
  std::string from;
  std::string filter;
  std::string fields;
  std::string header_file;
  std::string row_id;
  std::string request_prefix;
  int batch_size = 1000;
  int repeat = 5;
  bool allow_missing = false;
};

void Note(const std::string& line) { std::fputs(line.c_str(), stderr); }

// 64 random bits: request ids are a publisher's own, and are looked at for 7 days.
std::string RandomPrefix() {
  absl::BitGen random;
  return absl::StrFormat("%016x", absl::Uniform<uint64_t>(random));
}

// Prints problems with records, the first ones whole.
class Problems {
 public:
  void Add(const std::string& place, absl::string_view field, absl::string_view description) {
    if (++count_ > kMaxProblemsShown) return;
    Note(absl::StrCat(place, ": ", Printable(field), field.empty() ? "" : ": ",
                      Printable(description), "\n"));
  }
  ~Problems() {
    if (count_ > kMaxProblemsShown) {
      Note(absl::StrCat("and ", Grouped(count_ - kMaxProblemsShown), " more\n"));
    }
  }
  int64_t count() const { return count_; }

 private:
  int64_t count_ = 0;
};

// Reads a file through before anything is sent: a bad line changes nothing. Standard input can be
// read once only, so it is checked as it is sent.
ExitCode CheckInput(const policy::RecordType& type, const Options& options) {
  if (options.file == "-") return kDone;
  const auto input = RecordInput::Open(type, options.file, options.format);
  if (!input.ok()) return Fail(input.status());
  Problems problems;
  while (true) {
    const absl::StatusOr<std::optional<InputRecord>> record = (*input)->Next();
    if (!record.ok()) {
      Fail(record.status());
      return kCheckFailed;
    }
    if (!record->has_value()) break;
    if (!(*record)->status.ok()) {
      problems.Add((*input)->PlaceOf((*record)->line), "", (*record)->status.message());
      continue;
    }
    // The gateway would refuse it, and its whole batch.
    for (const policy::RecordProblem& problem :
         policy::ValidateRecord(type, (*record)->bytes).problems) {
      problems.Add((*input)->PlaceOf((*record)->line), problem.field,
                   absl::StrCat(problem.reason, ": ", problem.description));
    }
  }
  if (problems.count() == 0) return kDone;
  Note("sluice: nothing was sent; mend these records first\n");
  return kCheckFailed;
}

// The line of each record, by its index in the publish.
using Lines = std::vector<int>;

ExitCode EndPublish(const Session& session, const PublishSummary& done, int64_t unread,
                    const absl::Status& status) {
  if (!session.quiet()) {
    Note(absl::StrCat(Grouped(done.records), " records committed (", Grouped(done.added), " new, ",
                      Grouped(done.changed), " changed, ", Grouped(done.unchanged),
                      " unchanged), last position ", done.position, "\n"));
  }
  if (done.refused_batches > 0) {
    Note(absl::StrCat("sluice: ", Grouped(done.refused_batches), " batches of ",
                      Grouped(done.refused_records),
                      " records were refused: a batch is all or "
                      "nothing; mend the records named and publish again\n"));
  }
  const bool some = done.records > 0;
  if (!status.ok()) {
    const ExitCode code = Fail(status);
    return some ? kPartlyDone : code;
  }
  if (done.refused_batches == 0 && unread == 0) return kDone;
  return some ? kPartlyDone : kFailed;
}

ExitCode Publish(Session& session, const Options& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  if (const ExitCode checked = CheckInput(**type, options); checked != kDone) return checked;
  auto input = RecordInput::Open(**type, options.file, options.format);
  if (!input.ok()) return Fail(input.status());

  Lines lines;
  Problems problems;
  int64_t unread = 0;
  absl::Status status;
  PublishSummary summary;
  {
    Progress progress("records");
    PublisherOptions publish = {*parent, options.type, options.request_prefix, options.batch_size};
    if (publish.request_prefix.empty()) publish.request_prefix = RandomPrefix();
    Publisher publisher(*gateway, publish, session.retry_policy(), RetryEnvironment::System(),
                        [&](const BatchAnswer& answer) {
                          progress.Add(answer.records);
                          for (const RefusedRecord& refused : answer.refused) {
                            const auto index = static_cast<size_t>(refused.index);
                            problems.Add(index < lines.size() ? (*input)->PlaceOf(lines[index])
                                                              : "record out of range",
                                         refused.field,
                                         absl::StrCat(refused.reason, ": ", refused.description));
                          }
                        });
    while (status.ok()) {
      absl::StatusOr<std::optional<InputRecord>> record = (*input)->Next();
      if (!record.ok()) {
        // What was read before it is sent, and counts.
        status = record.status();
        break;
      }
      if (!record->has_value()) break;
      if (!(*record)->status.ok()) {
        problems.Add((*input)->PlaceOf((*record)->line), "", (*record)->status.message());
        ++unread;
        continue;
      }
      lines.push_back((*record)->line);
      status = publisher.Add(std::move((*record)->bytes));
    }
    const absl::StatusOr<PublishSummary> finished =
        status.ok() || absl::IsInvalidArgument(status) ? publisher.Finish() : status;
    if (status.ok()) status = finished.status();
    summary = publisher.summary();
  }
  return EndPublish(session, summary, unread, status);
}

ExitCode Delete(Session& session, const Options& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  auto input = RecordInput::Open(**type, options.file, options.format);
  if (!input.ok()) return Fail(input.status());
  v1::DeleteRecordsRequest request;
  request.set_parent(*parent);
  request.set_record_type(options.type);
  request.set_allow_missing(options.allow_missing);
  Problems problems;
  std::vector<v1::DeleteRecordsRequest> requests;
  const std::string prefix =
      options.request_prefix.empty() ? RandomPrefix() : options.request_prefix;
  const auto take = [&] {
    if (request.keys_size() == 0) return;
    request.set_request_id(absl::StrCat(prefix, "-", requests.size()));
    requests.push_back(request);
    request.clear_keys();
  };
  while (true) {
    absl::StatusOr<std::optional<InputRecord>> record = (*input)->Next();
    if (!record.ok()) {
      Fail(record.status());
      return kCheckFailed;
    }
    if (!record->has_value()) break;
    if (!(*record)->status.ok()) {
      problems.Add((*input)->PlaceOf((*record)->line), "", (*record)->status.message());
      continue;
    }
    request.add_keys(std::move((*record)->bytes));
    if (request.keys_size() == kMaxDeleteKeys) take();
  }
  take();
  if (problems.count() > 0) {
    Note("sluice: nothing was deleted; mend these records first\n");
    return kCheckFailed;
  }
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  int64_t deleted = 0;
  int64_t missing = 0;
  for (const v1::DeleteRecordsRequest& each : requests) {
    Retry retry = session.NewRetry();  // safe: the same request_id changes nothing twice
    const absl::StatusOr<v1::DeleteRecordsResponse> response =
        retry.Run([&] { return (*gateway)->DeleteRecords(each); });
    if (!response.ok()) {
      const ExitCode code = Fail(response.status());
      return deleted > 0 ? kPartlyDone : code;
    }
    deleted += response->deleted_count();
    missing += response->missing_count();
  }
  if (!session.quiet()) {
    Note(absl::StrCat(Grouped(deleted), " records deleted, ", Grouped(missing),
                      " were not there\n"));
  }
  return kDone;
}

// Header and, once the release is whole, trailer: what must be kept beside the data.
absl::Status WriteHeaderFile(const std::string& path, const v1::ReleaseHeader& header,
                             const ReleaseSummary* summary) {
  if (path.empty()) return absl::OkStatus();
  std::string json = absl::StrCat("{\"header\":", ProtoJson(header));
  if (summary != nullptr) {
    absl::StrAppend(&json, ",\"trailer\":", ProtoJson(summary->trailer),
                    ",\"rows\":", summary->rows, ",\"resumptions\":", summary->resumptions);
  }
  return ReplaceFile(path, json + "}\n");
}

void NoteRelease(const v1::ReleaseHeader& header) {
  Note(absl::StrCat("MOU ", header.mou(), " version ", header.version(), ", purpose ",
                    header.purpose(), ", decision ", header.decision_id(), "\n"));
  if (!header.redisclosure_notice().empty()) {
    Note(absl::StrCat(Printable(header.redisclosure_notice()), "\n"));
  }
}

template <typename Request>
void SetFields(const Options& options, Request& request) {
  for (const absl::string_view path : absl::StrSplit(options.fields, ',', absl::SkipEmpty())) {
    request.add_read_mask(std::string(path));
  }
}

void NoteOtherCatalog(const policy::RecordType& type, const v1::ReleaseHeader& header) {
  if (header.catalog_digest() == type.digest()) return;
  Note(absl::StrCat("sluice: warning: the gateway's version of ", type.name(),
                    " is not this client's; a field that only one of them knows is not printed\n"));
}

ExitCode Read(Session& session, const Options& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::ReadRecordsRequest request;
  request.set_mou(options.mou);
  request.set_purpose(options.purpose);
  request.set_record_type(options.type);
  if (!options.from.empty()) request.set_parent(absl::StrCat("organizations/", options.from));
  request.set_filter(options.filter);
  SetFields(options, request);

  ReleaseReader reader(*gateway, std::move(request), session.retry_policy(),
                       RetryEnvironment::System());
  const absl::StatusOr<v1::ReleaseHeader> header = reader.ReadHeader();
  if (!header.ok()) return Fail(header.status());
  NoteOtherCatalog(**type, *header);
  if (const absl::Status kept = WriteHeaderFile(options.header_file, *header, nullptr);
      !kept.ok()) {
    return Fail(kept);
  }
  const auto output = RecordOutput::Create(**type, *header, options.output, options.repeat);
  if (!output.ok()) return Fail(output.status());
  const absl::Status unwritable = absl::FailedPreconditionError("standard output can't be written");
  if (!Print((*output)->Begin())) return Fail(unwritable);
  {
    Progress progress("rows");
    while (true) {
      const absl::StatusOr<std::optional<v1::RowBatch>> batch = reader.ReadBatch();
      if (!batch.ok()) {
        Note(absl::StrCat("sluice: the release is not whole: do not use the ",
                          Grouped(reader.summary().rows), " rows printed\n"));
        return Fail(batch.status());
      }
      if (!batch->has_value()) break;
      for (int i = 0; i < (*batch)->records_size(); ++i) {
        const absl::StatusOr<std::string> text =
            (*output)->Row((*batch)->row_ids(i), (*batch)->records(i));
        if (!text.ok()) return Fail(text.status());
        if (!Print(*text)) return Fail(unwritable);
      }
      progress.Add((*batch)->records_size());
    }
  }
  if (!Print((*output)->End()) || std::fflush(stdout) != 0) return Fail(unwritable);
  const ReleaseSummary& summary = reader.summary();
  if (const absl::Status kept = WriteHeaderFile(options.header_file, *header, &summary);
      !kept.ok()) {
    return Fail(kept);
  }
  if (!session.quiet()) {
    NoteRelease(*header);
    Note(absl::StrCat(Grouped(summary.rows), " rows, digest verified",
                      summary.resumptions > 0
                          ? absl::StrCat(" over the last ", Grouped(summary.rows_in_last_stream),
                                         " (resumed ", summary.resumptions, " times)")
                          : "",
                      summary.trailer.log_index() < 0
                          ? ""
                          : absl::StrCat(", log entry ", summary.trailer.log_index()),
                      "\n"));
  }
  return kDone;
}

ExitCode Get(Session& session, const Options& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::GetRecordRequest request;
  request.set_mou(options.mou);
  request.set_purpose(options.purpose);
  request.set_record_type(options.type);
  request.set_row_id(options.row_id);
  SetFields(options, request);
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetRecordResponse> response =
      retry.Run([&] { return (*gateway)->GetRecord(request); });
  if (!response.ok()) return Fail(response.status());
  NoteOtherCatalog(**type, response->header());
  if (const absl::Status kept = WriteHeaderFile(options.header_file, response->header(), nullptr);
      !kept.ok()) {
    return Fail(kept);
  }
  const auto output =
      RecordOutput::Create(**type, response->header(), options.output, options.repeat);
  if (!output.ok()) return Fail(output.status());
  const absl::StatusOr<std::string> text =
      (*output)->Row(response->row().row_id(), response->row().record());
  if (!text.ok()) return Fail(text.status());
  Print((*output)->Begin() + *text + (*output)->End());
  if (!session.quiet()) {
    NoteRelease(response->header());
    Note(absl::StrCat("log entry ", response->log_index(), "\n"));
  }
  return kDone;
}

void AddInputOptions(CLI::App* verb, Options& options) {
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

void AddReleaseOptions(CLI::App* verb, Options& options) {
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
  auto options = std::make_shared<Options>();
  CLI::App* publish =
      session.AddVerb(noun, "publish", "Publish records: what a key stands for is replaced",
                      "sluice record publish Candidate --format csv candidates.csv",
                      [&session, options] { return Publish(session, *options); });
  AddInputOptions(publish, *options);
  publish->add_option("--batch-size", options->batch_size, "Records a batch")
      ->check(CLI::Range(1, Publisher::kMaxBatchRecords))
      ->capture_default_str();
  CLI::App* remove = session.AddVerb(noun, "delete", "Delete records by their keys",
                                     "sluice record delete Candidate --format csv keys.csv",
                                     [&session, options] { return Delete(session, *options); });
  AddInputOptions(remove, *options);
  remove->add_flag("--allow-missing", options->allow_missing, "Pass over keys that are not there");

  CLI::App* read = session.AddVerb(
      noun, "read", "Read a release",
      "sluice record read Candidate --purpose hiring_pipeline --output csv > candidates.csv",
      [&session, options] { return Read(session, *options); });
  read->add_option("TYPE", options->type, "The record type")->required();
  read->add_option("--from", options->from, "The owner, where grants of several meet");
  read->add_option("--filter", options->filter, "AIP-160, over released values");
  AddReleaseOptions(read, *options);
  CLI::App* get = session.AddVerb(
      noun, "get", "Read one row again",
      "sluice record get Candidate mfzwk3dpnzxw4zlsebugk4tfmu --purpose hiring_pipeline",
      [&session, options] { return Get(session, *options); });
  get->add_option("TYPE", options->type, "The record type")->required();
  get->add_option("ROW_ID", options->row_id, "The row, as a release named it")->required();
  AddReleaseOptions(get, *options);
}

}  // namespace sluice::client
