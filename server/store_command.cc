#include "server/store_command.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/audit/log_key.h"
#include "server/key_encryption_keys.h"
#include "server/keys.h"
#include "server/store/gateway_rights.h"
#include "server/store/held_database.h"
#include "server/store/migration.h"
#include "server/store/postgres_settings.h"
#include "server/store/store_copy.h"
#include "server/store_verification.h"

namespace sluice::server {
namespace {

void Tell(absl::string_view line) {
  std::printf("%s\n", std::string(line).c_str());
  std::fflush(stdout);
}

absl::StatusOr<DatabaseAddress> AddressOf(const Config& config, const std::string& owner) {
  DatabaseAddress address{.sqlite = config.sqlite, .postgres = config.postgres};
  if (owner.empty()) return address;
  if (config.postgres.empty()) {
    return absl::InvalidArgumentError("--owner is of PostgreSQL, and the store is a file");
  }
  absl::StatusOr<std::string> settings = OverridePostgresSettings(config.postgres, owner);
  if (!settings.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--owner: ", settings.status().message()));
  }
  address.postgres = *std::move(settings);
  return address;
}

// Of the gateway whose store it is.
struct StoreKeys {
  Hash16 key_check{};
  std::unique_ptr<KeyEncryptionKeys> keks;
  std::unique_ptr<const NoteVerifier> log;
};

absl::StatusOr<StoreKeys> OpenStoreKeys(const Config& config) {
  // Who has none would make them, and under those nothing fits.
  if (!std::filesystem::is_directory(config.keys.directory)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the keys are not at ", config.keys.directory));
  }
  const KeyDirectory::Clock clock = [] { return absl::Now(); };
  StoreKeys opened;
  absl::StatusOr<std::unique_ptr<Keys>> keys = Keys::Open(config.keys, clock);
  if (!keys.ok()) return keys.status();
  const absl::StatusOr<policy::Secret> hash_key = (*keys)->StoreHashKey();
  if (!hash_key.ok()) return hash_key.status();
  const absl::StatusOr<std::unique_ptr<NameHasher>> hasher = NameHasher::Create(*hash_key);
  if (!hasher.ok()) return hasher.status();
  const absl::StatusOr<Hash16> check = (*hasher)->KeyCheck();
  if (!check.ok()) return check.status();
  opened.key_check = *check;
  const absl::StatusOr<policy::Secret> seed = (*keys)->LogSigningSeed();
  if (!seed.ok()) return seed.status();
  const absl::StatusOr<std::unique_ptr<const LogKey>> log_key =
      LogKey::Create(*seed, config.log_origin);
  if (!log_key.ok()) return log_key.status();
  absl::StatusOr<NoteVerifier> verifier = NoteVerifier::Create((*log_key)->vkey());
  if (!verifier.ok()) return verifier.status();
  opened.log = std::make_unique<const NoteVerifier>(*std::move(verifier));
  absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> keks =
      OpenKeyEncryptionKeys(config.keys, clock);
  if (!keks.ok()) return keks.status();
  opened.keks = *std::move(keks);
  return opened;
}

// One gateway, with one log and its keys, before and after.
absl::Status CheckSameGateway(const Config& from, const Config& to) {
  const std::pair<absl::string_view, bool> same[] = {
      {"gateway", from.gateway == to.gateway},
      {"keys", from.keys == to.keys},
      {"log", from.log_origin == to.log_origin && from.log_tiles == to.log_tiles}};
  for (const auto& [key, is_same] : same) {
    if (is_same) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the two configurations differ in ", key,
                     ": a store is moved with its gateway, which keeps its name, keys and log"));
  }
  if (from.sqlite != to.sqlite || from.postgres != to.postgres) return absl::OkStatus();
  return absl::FailedPreconditionError("the two configurations name the same store");
}

// Of a database that is at hand; and grants, where the owner is another than who serves.
absl::Status MakeSchema(const Config& config, const std::string& owner, bool dry_run,
                        StoreDatabase& database) {
  const auto say = [&](absl::string_view what) {
    Tell(absl::StrCat(database.place(), ": ", dry_run ? "would be done: " : "", what));
  };
  absl::Status status = Migrate(database, {.dry_run = dry_run, .say = say});
  if (!status.ok() || owner.empty()) return status;
  const absl::StatusOr<std::string> role = FindPostgresSetting(config.postgres, "user");
  if (!role.ok()) return role.status();
  if (role->empty()) {
    return absl::FailedPreconditionError(
        "store.postgres names no user: it is the gateway's role, to which rights are granted");
  }
  if (!dry_run) status = GrantGatewayRights(database, *role);
  if (status.ok()) say(absl::StrCat("role ", *role, " has what a gateway needs, and no more"));
  return status;
}

}  // namespace

absl::Status MigrateStore(const Config& config, const std::string& owner, bool dry_run) {
  umask(077);
  const absl::StatusOr<DatabaseAddress> address = AddressOf(config, owner);
  if (!address.ok()) return address.status();
  absl::StatusOr<HeldDatabase> database =
      dry_run ? LookIntoDatabase(*address) : HoldDatabase(*address, /*make=*/true);
  if (!database.ok()) return database.status();
  return MakeSchema(config, owner, dry_run, *database->database);
}

absl::Status CopyStore(const Config& from, const Config& to, const std::string& owner) {
  umask(077);
  if (absl::Status status = CheckSameGateway(from, to); !status.ok()) return status;
  const absl::StatusOr<DatabaseAddress> source_address = AddressOf(from, "");
  if (!source_address.ok()) return source_address.status();
  const absl::StatusOr<DatabaseAddress> target_address = AddressOf(to, owner);
  if (!target_address.ok()) return target_address.status();
  const absl::StatusOr<StoreKeys> keys = OpenStoreKeys(from);
  if (!keys.ok()) return keys.status();
  absl::StatusOr<HeldDatabase> source = HoldDatabase(*source_address, /*make=*/false);
  if (!source.ok()) return source.status();
  absl::StatusOr<HeldDatabase> target = HoldDatabase(*target_address, /*make=*/true);
  if (!target.ok()) return target.status();
  if (!owner.empty()) {
    absl::Status made = MakeSchema(to, owner, /*dry_run=*/false, *target->database);
    if (!made.ok()) return made;
  }
  StoreCopyOptions options;
  options.key_check = keys->key_check;
  options.keks = keys->keks.get();
  options.log = keys->log.get();
  options.progress = [](absl::string_view what, absl::string_view table, int64_t rows, bool whole) {
    Tell(absl::StrCat(what, " ", table, ": ", rows, whole ? " rows" : " rows so far"));
  };
  const absl::StatusOr<StoreCopyReport> report =
      MoveStore(*source->database, *target->database, options);
  if (!report.ok()) return report.status();
  if (report->tables > 0) {
    Tell(absl::StrCat(report->rows, " rows of ", report->tables,
                      " tables are the same, byte by byte; the log's ", report->log.size,
                      " entries have the root ", absl::Base64Escape(HashBytes(report->log.root)),
                      ", as signed"));
  }
  Tell(absl::StrCat("moved to ", (*target)->place(), ": start the gateway there; ",
                    (*source)->place(), " serves no more"));
  return absl::OkStatus();
}

absl::StatusOr<bool> TellOfStore(const Config& config) {
  umask(077);
  constexpr int64_t kTellEvery = 100'000;
  std::map<std::string, int64_t> looked;
  StoreFindings findings([&](absl::string_view table, int64_t rows) {
    int64_t& count = looked[std::string(table)];
    if ((count + rows) / kTellEvery > count / kTellEvery) {
      std::fprintf(stderr, "%s: %lld rows\n", std::string(table).c_str(),
                   static_cast<long long>(count + rows));
    }
    count += rows;
  });
  const absl::Status status = VerifyStore(
      config, [] { return absl::Now(); }, &findings);
  for (const std::string& line : findings.Lines()) Tell(line);
  if (!status.ok()) return status;
  int64_t rows = 0;
  for (const auto& [table, count] : looked) rows += count;
  Tell(absl::StrCat(rows, " rows were looked at: ",
                    findings.empty() ? "all as they were sealed and logged" : "not all are sound"));
  return findings.empty();
}

}  // namespace sluice::server
