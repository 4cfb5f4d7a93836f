// `sluice record read` and `get`.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/command/output.h"
#include "client/command/record.h"
#include "client/command/record_output.h"
#include "client/file.h"
#include "client/release_reader.h"

namespace sluice::client {
namespace {

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

// What a release and one row of it are asked for by.
template <typename Request>
void Ask(const RecordOptions& options, Request& request) {
  request.set_mou(options.mou);
  request.set_purpose(options.purpose);
  request.set_record_type(options.type);
  for (const absl::string_view path : absl::StrSplit(options.fields, ',', absl::SkipEmpty())) {
    request.add_read_mask(std::string(path));
  }
}

void NoteOtherCatalog(const policy::RecordType& type, const v1::ReleaseHeader& header) {
  if (header.catalog_digest() == type.digest()) return;
  Note(absl::StrCat("sluice: warning: the gateway's version of ", type.name(),
                    " is not this client's; a field that only one of them knows is not printed\n"));
}

// Keeps the header, before any row is printed, and gives what rows are printed by.
absl::StatusOr<std::unique_ptr<RecordOutput>> BeginOutput(const policy::RecordType& type,
                                                          const v1::ReleaseHeader& header,
                                                          const RecordOptions& options) {
  NoteOtherCatalog(type, header);
  if (const absl::Status kept = WriteHeaderFile(options.header_file, header, nullptr); !kept.ok()) {
    return kept;
  }
  return RecordOutput::Create(type, header, options.output, options.repeat);
}

absl::Status Unwritable() {
  return absl::FailedPreconditionError("standard output can't be written");
}

}  // namespace

ExitCode ReadRecords(Session& session, const RecordOptions& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::ReadRecordsRequest request;
  Ask(options, request);
  if (!options.from.empty()) request.set_parent(absl::StrCat("organizations/", options.from));
  request.set_filter(options.filter);

  ReleaseReader reader(*gateway, std::move(request), session.retry_policy(),
                       RetryEnvironment::System());
  const absl::StatusOr<v1::ReleaseHeader> header = reader.ReadHeader();
  if (!header.ok()) return Fail(header.status());
  const auto output = BeginOutput(**type, *header, options);
  if (!output.ok()) return Fail(output.status());
  if (!Print((*output)->Begin())) return Fail(Unwritable());
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
        if (!Print(*text)) return Fail(Unwritable());
      }
      progress.Add((*batch)->records_size());
    }
  }
  if (!Print((*output)->End()) || std::fflush(stdout) != 0) return Fail(Unwritable());
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

ExitCode GetRecord(Session& session, const RecordOptions& options) {
  const absl::StatusOr<const policy::RecordType*> type = session.GetType(options.type);
  if (!type.ok()) return Fail(type.status());
  const absl::StatusOr<Gateway*> gateway = session.GetGateway();
  if (!gateway.ok()) return Fail(gateway.status());
  v1::GetRecordRequest request;
  Ask(options, request);
  request.set_row_id(options.row_id);
  Retry retry = session.NewRetry();
  const absl::StatusOr<v1::GetRecordResponse> response =
      retry.Run([&] { return (*gateway)->GetRecord(request); });
  if (!response.ok()) return Fail(response.status());
  const auto output = BeginOutput(**type, response->header(), options);
  if (!output.ok()) return Fail(output.status());
  const absl::StatusOr<std::string> text =
      (*output)->Row(response->row().row_id(), response->row().record());
  if (!text.ok()) return Fail(text.status());
  if (!Print((*output)->Begin() + *text + (*output)->End()) || std::fflush(stdout) != 0) {
    return Fail(Unwritable());
  }
  if (!session.quiet()) {
    NoteRelease(response->header());
    Note(absl::StrCat("log entry ", response->log_index(), "\n"));
  }
  return kDone;
}

}  // namespace sluice::client
