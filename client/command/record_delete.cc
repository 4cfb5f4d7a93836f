// `sluice record delete`.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/output.h"
#include "client/command/record.h"
#include "client/command/table.h"
#include "client/import/record_file.h"
#include "client/publisher.h"

namespace sluice::client {
namespace {

constexpr int kMaxProblemsShown = 50;
constexpr int kMaxDeleteKeys = 10'000;

// Prints problems with keys, the first ones whole.
class Problems {
 public:
  void Add(const std::string& place, absl::string_view reason) {
    if (++count_ <= kMaxProblemsShown) Note(absl::StrCat(place, ": ", Printable(reason), "\n"));
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

}  // namespace

ExitCode DeleteRecords(Session& session, const RecordOptions& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<std::string> parent = session.GetParent();
  if (!parent.ok()) return Fail(parent.status());
  absl::StatusOr<RecordFile> input =
      OpenOwnForm(options.file, *OwnFormOfName(options.format), **type);
  if (!input.ok()) {
    const ExitCode code = Fail(input.status());
    return absl::IsInvalidArgument(input.status()) ? kCheckFailed : code;
  }
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
  const std::unique_ptr<google::protobuf::Message> key((*type)->prototype().New());
  SourceRow row;
  while (true) {
    const absl::StatusOr<bool> more = input->rows->Next(row);
    if (!more.ok()) {
      Fail(more.status());
      return kCheckFailed;
    }
    if (!*more) break;
    key->Clear();
    if (row.status.ok()) {
      const absl::StatusOr<MappedRow> mapped = input->maker->Map(row, *key);
      if (!mapped.ok()) return Fail(mapped.status());
      if (!mapped->problems.empty()) {
        row.status = absl::InvalidArgumentError(mapped->problems.front().reason);
      }
    }
    if (!row.status.ok()) {
      problems.Add(input->rows->file().PlaceOf(row.line), row.status.message());
      continue;
    }
    request.add_keys(key->SerializeAsString());
    if (request.keys_size() == kMaxDeleteKeys) take();
  }
  take();
  if (const absl::Status same = input->rows->CheckUnchanged(); !same.ok()) return Fail(same);
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
  if (options.delete_output == "json") {
    Print(JsonText({{"deleted", deleted}, {"missing", missing}}, -1));
  } else if (!session.quiet()) {
    Note(absl::StrCat(Grouped(deleted), " records deleted, ", Grouped(missing),
                      " were not there\n"));
  }
  return kDone;
}

}  // namespace sluice::client
