#include "server/store/postgres_revision.h"

#include <algorithm>
#include <utility>

namespace sluice::server {
namespace {

// What is older than half a second is of no use to anybody; but on a server under load to connect
// may take longer than that. After so long no caller waits any more.
constexpr absl::Duration kPatience = absl::Milliseconds(1500);

PostgresConnection::Options Hurried(PostgresConnection::Options options) {
  options.patience = std::min(options.patience, kPatience);
  options.hopeless = nullptr;  // it is this one that finds out
  return options;
}

}  // namespace

PostgresRevision::PostgresRevision(PostgresConnection::Options options,
                                   std::shared_ptr<std::atomic<bool>> lost)
    : options_(Hurried(std::move(options))), lost_(std::move(lost)) {}

absl::Status PostgresRevision::Connect() {
  absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
      PostgresConnection::Open(options_);
  // libpq's own words are for who starts a gateway; what is told here may be read by others.
  if (!connection.ok()) return absl::UnavailableError("the database can't be reached");
  absl::StatusOr<SqlStatement> select = (*connection)->Prepare("SELECT revision FROM store");
  if (!select.ok()) return select.status();
  select_ = *std::move(select);
  connection_ = *std::move(connection);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PostgresRevision::Read() {
  absl::MutexLock lock(&mutex_);
  absl::StatusOr<int64_t> revision = Ask();
  *lost_ = !revision.ok();
  return revision;
}

absl::StatusOr<int64_t> PostgresRevision::Ask() {
  if (connection_ == nullptr || !connection_->usable()) {
    select_ = SqlStatement();
    connection_.reset();
    if (absl::Status status = Connect(); !status.ok()) return status;
  }
  SqlRun run = select_.Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the store's own row is missing");
  return run.Int(0);
}

}  // namespace sluice::server
