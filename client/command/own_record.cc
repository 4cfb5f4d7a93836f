#include "client/command/own_record.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/command/output.h"
#include "client/command/record_key.h"
#include "client/command/record_output.h"
#include "client/command/table.h"
#include "client/own_record_reader.h"

namespace sluice::client {
namespace {

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

ExitCode PrintStatus(const v1::GetRecordStatusResponse& status, const std::string& output) {
  if (output == "json") return Print(ProtoJson(status) + "\n") ? kDone : kFailed;
  const bool text = output == "text";
  Table table({{"record"}, {"live"}, {"deleted"}, {"position"}, {"last publish"}});
  const auto count = [text](int64_t n) { return text ? Grouped(n) : absl::StrCat(n); };
  int64_t live = 0;
  int64_t deleted = 0;
  for (const v1::RecordTypeStatus& type : status.record_types()) {
    live += type.live_count();
    deleted += type.tombstone_count();
    table.Add({type.record_type(), count(type.live_count()), count(type.tombstone_count()),
               absl::StrCat(type.last_publish_position()), TimeText(type.last_publish_time())},
              Table::Json::parse(ProtoJson(type)));
  }
  if (!text) return table.Print(output) ? kDone : kFailed;
  if (table.size() == 0) return Print("nothing was published\n") ? kDone : kFailed;
  if (table.size() > 1) table.Add({"all", Grouped(live), Grouped(deleted), "", ""});
  table.Print(output);
  return Print(absl::StrCat(Grouped(status.subject_count()), " subjects\n")) ? kDone : kFailed;
}

ExitCode Status(Session& session, const std::string& output) {
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::GetRecordStatusRequest request;
  request.set_parent(*parent);
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetRecordStatusResponse> status =
      retry.Run([&] { return (*gateway)->GetRecordStatus(request); });
  if (!status.ok()) return Fail(status.status());
  return PrintStatus(*status, output);
}

struct WithdrawOptions {
  std::string position;
  std::string request_id;
  std::string output = "text";
  bool dry_run = false;
};

// "7" or "7..9".
bool ReadPositions(absl::string_view text, int64_t* first, int64_t* last) {
  const size_t dots = text.find("..");
  if (!absl::SimpleAtoi(text.substr(0, dots), first)) return false;
  *last = *first;
  if (dots != absl::string_view::npos && !absl::SimpleAtoi(text.substr(dots + 2), last)) {
    return false;
  }
  return *first >= 1 && *last >= *first;
}

std::string WithdrawText(const v1::WithdrawRecordsResponse& response, bool dry_run) {
  std::string text;
  const auto line = [&](int64_t count, absl::string_view done, absl::string_view would) {
    if (count > 0) absl::StrAppend(&text, "  ", Grouped(count), " ", dry_run ? would : done, "\n");
  };
  line(response.deleted_count(), "created there: deleted", "created there: would be deleted");
  line(response.restored_count(), "changed there: as before it",
       "changed there: would be as before it");
  line(response.undeleted_count(), "deleted there: there again",
       "deleted there: would be there again");
  line(response.unchanged_count(), "as before it already", "as before it already");
  line(response.kept_count(), "changed again after it: left as they are",
       "changed again after it: would be left as they are");
  const std::string head = dry_run                    ? "nothing was changed; of the records:\n"
                           : response.position() == 0 ? "there was nothing to take back:\n"
                                                      : absl::StrCat("taken back at position ",
                                                                     response.position(), ":\n");
  return head + text;
}

ExitCode Withdraw(Session& session, const WithdrawOptions& options) {
  v1::WithdrawRecordsRequest request;
  int64_t first = 0;
  int64_t last = 0;
  if (!ReadPositions(options.position, &first, &last)) {
    return FailUsage("--position must be a position, A or A..B, as a publish was answered with it");
  }
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  request.set_parent(*parent);
  request.set_first_position(first);
  request.set_last_position(last);
  request.set_validate_only(options.dry_run);
  absl::BitGen random;
  request.set_request_id(options.request_id.empty()
                             ? absl::StrFormat("%016x", absl::Uniform<uint64_t>(random))
                             : options.request_id);
  Retry retry = session.NewRetry();  // safe: the same request_id changes nothing twice
  const absl::StatusOr<v1::WithdrawRecordsResponse> response =
      retry.Run([&] { return (*gateway)->WithdrawRecords(request); });
  if (!response.ok()) return Fail(response.status());
  Print(options.output == "json" ? ProtoJson(*response) + "\n"
                                 : WithdrawText(*response, options.dry_run));
  if (!session.quiet()) Note(absl::StrCat("log entry ", response->log_index(), "\n"));
  return kDone;
}

}  // namespace

ExitCode ReadOwn(Session& session, const OwnReadOptions& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  v1::ReadOwnRecordsRequest request;
  request.set_parent(*parent);
  request.set_record_type(options.type);
  request.set_filter(options.filter);
  if (!options.key.empty()) {
    absl::StatusOr<std::string> key = KeyFromArguments(**type, options.key);
    if (!key.ok()) return FailUsage(Printable(key.status().message()));
    request.set_key(*std::move(key));
  }
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  const auto output = RecordOutput::CreateOwn(**type, options.output, options.repeat);
  if (!output.ok()) return Fail(output.status());
  OwnRecordReader reader(*gateway, std::move(request), session.retry_policy(),
                         RetryEnvironment::System());
  const absl::Status unwritable = absl::FailedPreconditionError("standard output can't be written");
  Progress progress("records");
  bool begun = false;
  while (true) {
    const absl::StatusOr<std::optional<v1::OwnRecordBatch>> batch = reader.Next();
    if (!batch.ok()) {
      if (reader.count() > 0) Note("sluice: these are not all of the records\n");
      return Fail(batch.status());
    }
    if (!std::exchange(begun, true) && !Print((*output)->Begin())) return Fail(unwritable);
    if (!batch->has_value()) break;
    for (const std::string& record : (*batch)->records()) {
      const absl::StatusOr<std::string> text = (*output)->Row("", record);
      if (!text.ok()) return Fail(text.status());
      if (!Print(*text)) return Fail(unwritable);
    }
    progress.Add((*batch)->records_size());
  }
  if (!Print((*output)->End())) return Fail(unwritable);
  if (!session.quiet()) {
    Note(absl::StrCat(Grouped(reader.count()), " records, log entry ", reader.header().log_index(),
                      "\n"));
  }
  return kDone;
}

void AddOwnRecord(CLI::App* record, Session& session) {
  auto output = std::make_shared<std::string>("text");
  CLI::App* status =
      session.AddVerb(record, "status", "Count one's own records, by type", "sluice record status",
                      [&session, output] { return Status(session, *output); });
  AddOutput(status, *output, kTableForms);
  auto options = std::make_shared<WithdrawOptions>();
  CLI::App* withdraw = session.AddVerb(
      record, "withdraw",
      "Take a publish back: its records are as they were before it; what was changed again since "
      "stays",
      "sluice record withdraw --position 41..57 --dry-run",
      [&session, options] { return Withdraw(session, *options); });
  withdraw
      ->add_option("--position", options->position,
                   "A or A..B: the positions that the publish was answered with")
      ->required();
  withdraw->add_flag("--dry-run", options->dry_run, "Say what would become of it, change nothing");
  withdraw->add_option("--request-id", options->request_id,
                       "Names the request; the same again within 7 days changes nothing");
  AddOutput(withdraw, options->output, {"text", "json"});
}

}  // namespace sluice::client
