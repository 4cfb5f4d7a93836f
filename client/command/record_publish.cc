// `sluice record publish` and `delete`.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/command/record.h"
#include "client/command/record_input.h"
#include "client/publisher.h"
#include "policy/record_validator.h"

namespace sluice::client {
namespace {

constexpr int kMaxProblemsShown = 50;
constexpr int kMaxDeleteKeys = 10'000;

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

// Gives each record that can be read to `take`, and tells of the others. Fails where nothing after
// a place can be read, or as `take` does.
template <typename Take>
absl::Status ForEachRecord(RecordInput& input, Problems& problems, Take&& take) {
  while (true) {
    absl::StatusOr<std::optional<InputRecord>> record = input.Next();
    if (!record.ok()) return record.status();
    if (!record->has_value()) return absl::OkStatus();
    if (!(*record)->status.ok()) {
      problems.Add(input.PlaceOf((*record)->line), "", (*record)->status.message());
      continue;
    }
    if (const absl::Status taken = take(**record); !taken.ok()) return taken;
  }
}

// Reads a file through before anything is sent: a bad line changes nothing. Standard input can be
// read once only, so it is checked as it is sent.
ExitCode CheckInput(const policy::RecordType& type, const RecordOptions& options) {
  if (options.file == "-") return kDone;
  const auto input = RecordInput::Open(type, options.file, options.format);
  if (!input.ok()) return Fail(input.status());
  Problems problems;
  const absl::Status read = ForEachRecord(**input, problems, [&](const InputRecord& record) {
    // The gateway would refuse it, and its whole batch.
    for (const policy::RecordProblem& problem :
         policy::ValidateRecord(type, record.bytes).problems) {
      problems.Add((*input)->PlaceOf(record.line), problem.field,
                   absl::StrCat(problem.reason, ": ", problem.description));
    }
    return absl::OkStatus();
  });
  if (!read.ok()) {
    Fail(read);
    return kCheckFailed;
  }
  if (problems.count() == 0) return kDone;
  Note("sluice: nothing was sent; mend these records first\n");
  return kCheckFailed;
}

// The line of each record, by its index in the publish.
using Lines = std::vector<int>;

ExitCode EndPublish(const Session& session, const PublishSummary& done, int64_t problems,
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
  if (done.refused_batches == 0 && problems == 0) return kDone;
  return some ? kPartlyDone : kFailed;
}

}  // namespace

ExitCode PublishRecords(Session& session, const RecordOptions& options) {
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
  absl::Status status;
  PublishSummary summary;
  {
    Progress progress("records");
    PublisherOptions publish = {*parent, options.type, options.request_prefix, options.batch_size};
    if (publish.request_prefix.empty()) publish.request_prefix = RandomRequestPrefix();
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
    status = ForEachRecord(**input, problems, [&](InputRecord& record) {
      lines.push_back(record.line);
      return publisher.Add(std::move(record.bytes));
    });
    // What was read before a place that can't be is sent, and counts.
    const absl::StatusOr<PublishSummary> finished =
        status.ok() || absl::IsInvalidArgument(status) ? publisher.Finish() : status;
    if (status.ok()) status = finished.status();
    summary = publisher.summary();
  }
  return EndPublish(session, summary, problems.count(), status);
}

ExitCode DeleteRecords(Session& session, const RecordOptions& options) {
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
      options.request_prefix.empty() ? RandomRequestPrefix() : options.request_prefix;
  const auto take = [&] {
    if (request.keys_size() == 0) return;
    request.set_request_id(absl::StrCat(prefix, "-", requests.size()));
    requests.push_back(request);
    request.clear_keys();
  };
  const absl::Status read = ForEachRecord(**input, problems, [&](InputRecord& record) {
    request.add_keys(std::move(record.bytes));
    if (request.keys_size() == kMaxDeleteKeys) take();
    return absl::OkStatus();
  });
  if (!read.ok()) {
    Fail(read);
    return kCheckFailed;
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

}  // namespace sluice::client
