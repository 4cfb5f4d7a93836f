// A store with records and a log on either engine, a place where it shall go, and the copy between
// the two.
#ifndef SLUICE_TESTS_SUPPORT_STORE_COPY_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_STORE_COPY_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/held_database.h"
#include "server/store/postgres_store.h"
#include "server/store/sqlite_store.h"
#include "server/store/store_copy.h"
#include "tests/support/keks_for_test.h"
#include "tests/support/log_fixture.h"
#include "tests/support/postgres_server.h"
#include "tests/support/store_builders.h"

namespace sluice::server {

// Whether the source, and whether the target, is on PostgreSQL.
using Direction = std::pair<bool, bool>;

inline std::string NameOf(const Direction& direction) {
  const auto name = [](bool postgres) { return postgres ? "Postgres" : "Sqlite"; };
  return absl::StrCat(name(direction.first), "To", name(direction.second));
}

class StoreCopyTest : public testing::TestWithParam<Direction> {
 protected:
  StoreCopyTest() : from_(Make(GetParam().first)), to_(Make(GetParam().second)) {
    const auto hasher = NameHasher::Create(HashKey('k')).value();
    options_.key_check = hasher->KeyCheck().value();
    options_.keks = keks_.get();
    options_.log = &verifier_;
  }
  ~StoreCopyTest() override {
    for (const std::string& name : databases_) EXPECT_TRUE(server_.DropDatabase(name).ok());
  }

  static policy::Secret HashKey(char key) { return policy::Secret::Copy(std::string(32, key)); }

  DatabaseAddress Make(bool postgres) {
    if (!postgres) return {.sqlite = directory_.Path(absl::StrCat("store", ++files_, ".db"))};
    databases_.push_back(server_.CreateDatabase().value());
    return {.postgres = server_.SocketSettings(databases_.back())};
  }
  HeldDatabase Hold(const DatabaseAddress& address) {
    return HoldDatabase(address, /*make=*/true).value();
  }

  absl::StatusOr<std::unique_ptr<Store>> Open(const DatabaseAddress& address, char key = 'k') {
    if (address.postgres.empty()) {
      return OpenSqliteStore({.path = address.sqlite, .hash_key = HashKey(key), .keks = keks_});
    }
    return OpenPostgresStore(
        {.settings = address.postgres, .hash_key = HashKey(key), .keks = keks_});
  }
  // Serves for a while: some records, and entries of the log, as many as the store then has.
  void Serve(const DatabaseAddress& address, const std::string& name, int rows = 20,
             const std::string& tiles = "tiles") {
    const auto store = Open(address).value();
    const TurnedClock clock;
    AuditLogOptions options;
    options.origin = kTestOrigin;
    options.writer = "gateway-1";
    options.tile_directory = directory_.Path(tiles);
    options.background_thread = false;
    {
      const auto log =
          AuditLog::Open(options, store.get(), key_.get(), [&] { return clock.Now(); }).value();
      for (int i = 0; i < rows; ++i) {
        const std::string key = absl::StrCat(name, i);
        EXPECT_TRUE(Publish(*store, BatchOf(key, {RecordOf(key, "bytes of " + key, {key})})).ok());
        AdminEntry entry;
        entry.action = "START";
        EXPECT_TRUE(log->Append(entry).ok());
      }
      checkpoint_ = log->Checkpoint();
      log->Stop();
      store->Stop();
    }
  }
  size_t Records(const DatabaseAddress& address) {
    const ReadRight right({"state-university"});
    return Scan(*Open(address).value(), right).value().size();
  }

  absl::StatusOr<StoreCopyReport> Copy() {
    const HeldDatabase from = Hold(from_), to = Hold(to_);
    return MoveStore(*from.database, *to.database, options_);
  }
  void Change(const DatabaseAddress& address, absl::string_view sql) {
    const HeldDatabase held = Hold(address);
    const absl::Status status = held.connection->Execute(sql);
    EXPECT_TRUE(status.ok()) << status;
  }
  void ExpectRefused(absl::string_view why) {
    const absl::Status status = Copy().status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(std::string(why)));
  }
  // Nothing was moved, and nothing is in the way of the next time.
  void ExpectMovedAtLast(size_t records) {
    EXPECT_EQ(Records(from_), records);
    const absl::StatusOr<StoreCopyReport> report = Copy();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(Records(to_), records);
    EXPECT_TRUE(absl::IsFailedPrecondition(Open(from_).status()));
  }

  PostgresServer& server_ = PostgresServer::Shared();
  TestDirectory directory_;
  int files_ = 0;
  std::vector<std::string> databases_;
  const std::shared_ptr<KeksForTest> keks_ = std::make_shared<KeksForTest>();
  const std::unique_ptr<const LogKey> key_ = MakeLogKey();
  const NoteVerifier verifier_ = NoteVerifier::Create(key_->vkey()).value();
  std::string checkpoint_;
  DatabaseAddress from_, to_;
  StoreCopyOptions options_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_STORE_COPY_FIXTURE_H_
