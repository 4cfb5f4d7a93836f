#include "server/gateway.h"

#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "policy/catalog.h"
#include "server/admission.h"
#include "server/audit/audit_log.h"
#include "server/audit_rpc.h"
#include "server/catalog_store.h"
#include "server/clock.h"
#include "server/collection_note.h"
#include "server/denials.h"
#include "server/disk_watch.h"
#include "server/exchange_rpc.h"
#include "server/grpc_server.h"
#include "server/inbox_log.h"
#include "server/json_log.h"
#include "server/key_encryption_keys.h"
#include "server/key_rpc.h"
#include "server/keys.h"
#include "server/metrics.h"
#include "server/mou_registry.h"
#include "server/mou_rpc.h"
#include "server/operator_rpc.h"
#include "server/opt_out_rpc.h"
#include "server/organizations.h"
#include "server/owner_keys.h"
#include "server/shared_state.h"
#include "server/state_check.h"
#include "server/store/ballast.h"
#include "server/store/postgres_store.h"
#include "server/store/sqlite_store.h"
#include "server/subject_disclosures.h"
#include "server/trust_files.h"
#include "server/upkeep.h"
#include "server/witness_https.h"
#include "server/witness_log.h"

namespace sluice::server {
namespace {

// Streams that are on their way to be told that there are too many.
constexpr int kThreadsBesideStreams = 32;
constexpr absl::Duration kDenialWindow = absl::Seconds(1);
constexpr absl::Duration kWatchEvery = absl::Seconds(1);
// How often the inbox is looked at, and what the days have moved on is written down.
constexpr absl::Duration kInboxEvery = absl::Minutes(1);
constexpr absl::Duration kClockAhead = absl::Hours(24);

// Those that are the gateway's own: a database server's is not.
std::vector<DiskWatch::Disk> DisksOf(const Config& config) {
  std::vector<DiskWatch::Disk> disks = {{"log", config.log_tiles}};
  if (config.postgres.empty()) disks.push_back({"store", config.sqlite});
  return disks;
}

class Wired final : public Gateway {
 public:
  Wired(Config config, Options options)
      : config_(std::move(config)), options_(std::move(options)) {}
  ~Wired() override { Stop(); }

  absl::Status Open();
  absl::Status Serve();

  // What a start failed of, with the cause where that is a full disk.
  absl::Status WithFullDisk(const absl::Status& status) const {
    const absl::Status health = store_ == nullptr ? absl::OkStatus() : store_->Health();
    if (!absl::IsResourceExhausted(health)) return status;
    return absl::Status(status.code(), absl::StrCat(status.message(), ": ", health.message()));
  }

  int port() const override { return server_->port(); }
  absl::Status Reload(Config config) override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Fatal() const override ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop() override;

 private:
  // What can't be read, or not be logged, changes nothing.
  absl::Status TakeConfiguration(const Config& config, absl::string_view action)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void LookAtRevocation();
  void TakeOrganizations() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status TakeInbox(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_, inbox_mutex_);
  std::shared_ptr<const Identity> CurrentIdentity() const;
  bool PurposePermitted(absl::string_view principal, absl::string_view purpose) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Of the CAs that TLS lets in. Gateways may share the directory, and each has its own moment.
  std::string ClientCas() const {
    return absl::StrCat(config_.keys.directory, "/client-cas-", config_.gateway, ".pem");
  }
  // Takes over what other gateways did.
  absl::Status CatchUp() ABSL_LOCKS_EXCLUDED(mutex_);
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);
  void LookAtDisks();
  // `inbox_at`: when the inbox was looked at last.
  void KeepUp(absl::Time inbox_at) ABSL_LOCKS_EXCLUDED(mutex_);
  // False once the gateway stops.
  bool WaitForNextWatch() ABSL_LOCKS_EXCLUDED(mutex_);
  bool TakeTrustChanged() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return std::exchange(trust_changed_, false);
  }

  const Config config_;  // as it was at start: what a reload does not change
  const Options options_;

  // In the order in which they stand on one another; they go in the opposite one.
  std::shared_ptr<const policy::Catalog> catalog_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<const LogKey> log_key_;
  std::shared_ptr<KeyEncryptionKeys> keks_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<CollectionNote> collection_note_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Organizations> organizations_;
  std::unique_ptr<MouRegistry> mous_;
  std::unique_ptr<SharedState> shared_state_;  // null: nobody else writes to the store
  std::unique_ptr<PageTokens> page_tokens_;
  std::unique_ptr<Denials> denials_;
  std::unique_ptr<Admission> admission_;
  // Beside the one that a reader's own thread has.
  SpareCores spare_cores_{static_cast<int>(std::thread::hardware_concurrency()) - 1};
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Publication> publication_;
  std::unique_ptr<OwnerRecords> owner_records_;
  std::unique_ptr<OwnerView> owner_view_;
  std::unique_ptr<KeyRenewal> key_renewal_;
  std::unique_ptr<OwnerKeys> owner_keys_;
  std::unique_ptr<Upkeep> upkeep_;
  absl::Mutex inbox_mutex_;
  InboxLog inbox_log_ ABSL_GUARDED_BY(inbox_mutex_);
  Metrics metrics_;
  Quotas quotas_{config_.quotas};
  PublishBudget publish_budget_{config_.quotas.publish_bytes_outstanding};
  RequestThreads threads_{config_.quotas.total_streams + kThreadsBesideStreams};
  std::unique_ptr<ExchangeRpc> exchange_rpc_;
  std::unique_ptr<SubjectDisclosures> subject_disclosures_;
  std::unique_ptr<OwnerOpenings> owner_openings_;
  std::unique_ptr<SubjectErasure> subject_erasure_;
  std::unique_ptr<AuditRpc> audit_rpc_;
  std::unique_ptr<OperatorRpc> operator_rpc_;
  std::unique_ptr<OptOuts> opt_outs_;
  std::unique_ptr<OptOutRpc> opt_out_rpc_;
  std::unique_ptr<KeyRpc> key_rpc_;
  std::unique_ptr<MouRpc> mou_rpc_;
  std::unique_ptr<GrpcServer> server_;
  DiskWatch disk_watch_{DisksOf(config_)};
  std::thread watch_;
  std::thread keep_up_;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::vector<std::string>> purposes_ ABSL_GUARDED_BY(mutex_);
  absl::Status fatal_ ABSL_GUARDED_BY(mutex_);
  bool trust_changed_ ABSL_GUARDED_BY(mutex_) = false;  // by another gateway
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status Wired::Open() {
  absl::StatusOr<std::unique_ptr<Keys>> keys = Keys::Open(config_.keys, options_.clock);
  if (!keys.ok()) return keys.status();
  keys_ = *std::move(keys);
  const absl::StatusOr<policy::Secret> seed = keys_->LogSigningSeed();
  if (!seed.ok()) return seed.status();
  absl::StatusOr<std::unique_ptr<const LogKey>> log_key = LogKey::Create(*seed, config_.log_origin);
  if (!log_key.ok()) return log_key.status();
  log_key_ = *std::move(log_key);

  absl::StatusOr<policy::Secret> hash_key = keys_->StoreHashKey();
  if (!hash_key.ok()) return hash_key.status();
  absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> keks =
      OpenKeyEncryptionKeys(config_.keys, options_.clock);
  if (!keks.ok()) return keks.status();
  keks_ = *std::move(keks);
  const auto on_fatal = [this](absl::Status status) {
    absl::MutexLock lock(&mutex_);
    fatal_ = std::move(status);
  };
  absl::StatusOr<std::unique_ptr<Store>> store =
      config_.postgres.empty() ? OpenSqliteStore({.path = config_.sqlite,
                                                  .hash_key = *std::move(hash_key),
                                                  .keks = keks_,
                                                  .accept_moved = options_.accept_moved,
                                                  .ballast_bytes = Ballast::kBytes,
                                                  .on_fatal = on_fatal})
                               : OpenPostgresStore({.settings = config_.postgres,
                                                    .hash_key = *std::move(hash_key),
                                                    .keks = keks_,
                                                    .accept_moved = options_.accept_moved,
                                                    .writer = config_.gateway,
                                                    .on_fatal = on_fatal});
  if (!store.ok()) return store.status();
  store_ = *std::move(store);

  AuditLogOptions log_options;
  log_options.origin = config_.log_origin;
  log_options.writer = config_.gateway;
  log_options.tile_directory = config_.log_tiles;
  log_options.on_fatal = on_fatal;
  log_options.witnesses = config_.witnesses;
  log_options.connect_witness =
      [within = config_.witnesses.answer_within](const WitnessConfig& witness) {
        return ConnectWitness(witness, within);
      };
  absl::StatusOr<std::unique_ptr<AuditLog>> log =
      AuditLog::Open(std::move(log_options), store_.get(), log_key_.get(), options_.clock);
  if (!log.ok()) return log.status();
  log_ = *std::move(log);

  // Before anything that decisions rest on is read.
  if (const absl::Status s = CheckStateAtStart(*store_, *log_); !s.ok()) return s;
  collection_note_ = std::make_unique<CollectionNote>(store_.get(), config_.log_tiles);
  if (const absl::Status s = collection_note_->Check(); !s.ok()) return s;

  clock_ = std::make_unique<Clock>(options_.clock, [this] { return log_->NewestEntryTime(); });
  if (log_->size() > 0 && !options_.accept_clock &&
      options_.clock() > log_->NewestEntryTime() + kClockAhead) {
    return absl::FailedPreconditionError(
        "the clock is more than a day ahead of the log's newest entry; if it is right (the gateway "
        "was stopped that long), start with --accept-clock");
  }

  absl::StatusOr<std::shared_ptr<const policy::Catalog>> catalog =
      OpenCatalog(config_.types, *store_);
  if (!catalog.ok()) return catalog.status();
  catalog_ = *std::move(catalog);

  organizations_ =
      std::make_unique<Organizations>(Organizations::Parts{store_.get(), log_.get(), ClientCas()});
  if (const absl::Status s = TakeConfiguration(config_, "START"); !s.ok()) return s;

  const absl::StatusOr<absl::Time> now = clock_->Now();
  if (!now.ok()) return now.status();
  MouRegistry::Parts parts;
  parts.inbox = config_.mous;
  parts.catalog = catalog_;
  parts.store = store_.get();
  parts.log = log_.get();
  parts.keys = keys_.get();
  parts.check.max_term_days = config_.max_term_days;
  const std::shared_ptr<const Trust> trust = CurrentIdentity()->trust();
  absl::StatusOr<std::unique_ptr<MouRegistry>> mous =
      MouRegistry::Open(std::move(parts), *trust, *now);
  if (!mous.ok()) return mous.status();
  mous_ = *std::move(mous);
  if (const absl::Status s = TakeInbox(*now); !s.ok()) return s;
  if (store_->IsShared()) {
    SharedState::Parts shared;
    shared.store = store_.get();
    shared.catch_up = [this] { return CatchUp(); };
    shared_state_ = std::make_unique<SharedState>(std::move(shared));
    if (const absl::Status s = shared_state_->Look(); !s.ok()) return s;
    shared_state_->Start();
  }

  absl::StatusOr<policy::Secret> token_key = keys_->PageTokenKey();
  if (!token_key.ok()) return token_key.status();
  page_tokens_ = std::make_unique<PageTokens>(*std::move(token_key));
  return absl::OkStatus();
}

absl::Status Wired::Serve() {
  denials_ = std::make_unique<Denials>(log_.get(), kDenialWindow);
  Admission::Parts admission;
  admission.catalog = catalog_;
  admission.log = log_.get();
  admission.mous = mous_.get();
  admission.clock = clock_.get();
  admission.denials = denials_.get();
  if (shared_state_ != nullptr) {
    admission.await_fresh = [this] { return shared_state_->AwaitFresh(); };
  }
  admission.identity = [this] { return CurrentIdentity(); };
  admission.purpose_permitted = [this](absl::string_view principal, absl::string_view purpose) {
    return PurposePermitted(principal, purpose);
  };
  admission_ = std::make_unique<Admission>(std::move(admission));
  exchange_ =
      std::make_unique<Exchange>(admission_.get(), log_.get(), &spare_cores_,
                                 Release::Parts{store_.get(), keys_.get(), page_tokens_.get()});
  publication_ = std::make_unique<Publication>(store_.get(), log_.get(), clock_.get());
  owner_records_ = std::make_unique<OwnerRecords>(OwnerRecords::Parts{
      admission_.get(), log_.get(), store_.get(), clock_.get(), page_tokens_.get(), &quotas_});
  owner_view_ =
      std::make_unique<OwnerView>(OwnerView::Parts{admission_.get(), store_.get(), keys_.get()});
  key_renewal_ =
      std::make_unique<KeyRenewal>(store_.get(), KeyRenewal::Limits(), [](const absl::Status& s) {
        LogLine(LogLine::Level::kWarning, "sealing anew").With("cause", s.message());
      });
  owner_keys_ = std::make_unique<OwnerKeys>(
      OwnerKeys::Parts{admission_.get(), log_.get(), store_.get(), keks_.get(), key_renewal_.get(),
                       config_.key_copies});
  // What a crash left of a destruction comes before all else.
  if (const absl::Status s = owner_keys_->Follow(); !s.ok()) return s;
  key_renewal_->Start();
  upkeep_ = std::make_unique<Upkeep>(Upkeep::Parts{store_.get(), log_.get(), collection_note_.get(),
                                                   owner_keys_.get(), options_.clock,
                                                   config_.history, config_.openings});
  const CallParts calls{admission_.get(), &quotas_, clock_.get(), &metrics_};
  exchange_rpc_ = std::make_unique<ExchangeRpc>(ExchangeRpc::Parts{
      calls, exchange_.get(), publication_.get(), mous_.get(), store_.get(), &threads_,
      &publish_budget_, owner_records_.get(), owner_view_.get(), options_.reader_within});
  subject_disclosures_ = std::make_unique<SubjectDisclosures>(
      SubjectDisclosures::Parts{catalog_, admission_.get(), mous_.get(), log_.get(), store_.get()});
  owner_openings_ = std::make_unique<OwnerOpenings>(
      OwnerOpenings::Parts{admission_.get(), log_.get(), store_.get()});
  subject_erasure_ = std::make_unique<SubjectErasure>(
      SubjectErasure::Parts{catalog_, admission_.get(), log_.get(), store_.get()});
  audit_rpc_ = std::make_unique<AuditRpc>(
      AuditRpc::Parts{calls, log_.get(), store_.get(), subject_disclosures_.get(),
                      owner_openings_.get(), subject_erasure_.get()});
  opt_outs_ = std::make_unique<OptOuts>(
      OptOuts::Parts{catalog_, admission_.get(), log_.get(), store_.get()});
  opt_out_rpc_ = std::make_unique<OptOutRpc>(calls, opt_outs_.get());
  operator_rpc_ = std::make_unique<OperatorRpc>(
      OperatorRpc::Parts{calls, organizations_.get(), [this] { TakeOrganizations(); }});

  key_rpc_ = std::make_unique<KeyRpc>(calls, owner_keys_.get());
  mou_rpc_ = std::make_unique<MouRpc>(MouRpc::Parts{calls, mous_.get(), store_.get(),
                                                    [this] { return CurrentIdentity()->trust(); }});

  absl::StatusOr<std::unique_ptr<GrpcServer>> server =
      GrpcServer::Start(config_, options_, ClientCas(),
                        {exchange_rpc_->served(), audit_rpc_->served(), operator_rpc_->served(),
                         opt_out_rpc_->served(), key_rpc_->served(), mou_rpc_->served()});
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  if (!config_.metrics_listen.empty()) {
    const absl::StatusOr<int> metrics_port = metrics_.Serve(config_.metrics_listen);
    if (!metrics_port.ok()) return metrics_port.status();
    if (!config_.metrics_port_file.empty()) {
      const absl::Status s =
          ReplaceFile(config_.metrics_port_file, absl::StrCat(*metrics_port, "\n"));
      if (!s.ok()) return s;
    }
  }
  watch_ = std::thread([this] { Watch(); });
  keep_up_ = std::thread([this, started = options_.clock()] { KeepUp(started); });
  LogLine(LogLine::Level::kInfo, "serving")
      .With("gateway", config_.gateway)
      .With("port", port())
      .With("log_size", static_cast<int64_t>(log_->size()));
  if (config_.port_file.empty()) return absl::OkStatus();
  return ReplaceFile(config_.port_file, absl::StrCat(port(), "\n"));
}

absl::Status Wired::TakeConfiguration(const Config& config, absl::string_view action) {
  if (const absl::Status s = organizations_->TakeConfiguration(config, action); !s.ok()) return s;
  LookAtRevocation();
  absl::MutexLock lock(&mutex_);
  purposes_ = config.purposes;
  return absl::OkStatus();
}

void Wired::LookAtRevocation() {
  const std::vector<std::string> without = organizations_->Current()->WithoutRevocation();
  for (const std::string& organization : without) {
    LogLine(LogLine::Level::kWarning, "organization without revocation")
        .With("organization", organization);
  }
  metrics_.SetWithoutRevocation(without);
}

// An operator changed an organization: documents wait for its signatories, or have lost one.
void Wired::TakeOrganizations() {
  LookAtRevocation();
  const absl::StatusOr<absl::Time> now = clock_->Now();
  const absl::Status taken = now.ok() ? TakeInbox(*now) : now.status();
  if (taken.ok()) return;
  LogLine(LogLine::Level::kWarning, "inbox").With("cause", taken.message());
}

// Identities first: who was shut out is shut out, whatever is wrong with a document.
absl::Status Wired::CatchUp() {
  const std::shared_ptr<const Organizations::State> before = organizations_->Current();
  absl::Status status = organizations_->CatchUp();
  if (organizations_->Current() != before) {
    LookAtRevocation();
    absl::MutexLock lock(&mutex_);
    trust_changed_ = true;
  }
  status.Update(mous_->CatchUp());
  status.Update(store_->LookAtRetractions());
  return status;
}

std::shared_ptr<const Identity> Wired::CurrentIdentity() const {
  return organizations_->Current()->identity;
}

bool Wired::PurposePermitted(absl::string_view principal, absl::string_view purpose) const {
  absl::MutexLock lock(&mutex_);
  const auto limited = purposes_.find(principal);
  return limited == purposes_.end() || std::find(limited->second.begin(), limited->second.end(),
                                                 purpose) != limited->second.end();
}

absl::Status Wired::Reload(Config config) {
  const auto fixed = [](const Config& c) {
    return std::tie(c.gateway, c.listen, c.trust_domain, c.tls_certificate, c.tls_key, c.keys,
                    c.key_copies, c.sqlite, c.postgres, c.history, c.openings, c.log_origin,
                    c.log_tiles, c.witnesses, c.mous, c.types, c.metrics_listen);
  };
  if (fixed(config) != fixed(config_)) {
    return absl::FailedPreconditionError(
        "gateway, listen, trust_domain, the paths of tls, keys, store, log, mous and types, and "
        "metrics "
        "take a restart; the old configuration stays in force");
  }
  const absl::StatusOr<absl::Time> now = clock_->Now();
  const absl::Status taken = now.ok() ? TakeConfiguration(config, "RELOAD") : now.status();
  if (!taken.ok()) {
    return absl::Status(taken.code(),
                        absl::StrCat("the old configuration stays in force: ", taken.message()));
  }
  quotas_.SetLimits(config.quotas);
  publish_budget_.SetMost(config.quotas.publish_bytes_outstanding);
  server_->SetMostConnections(config.quotas.connections);
  if (const absl::Status s = TakeInbox(*now); !s.ok()) {
    return absl::Status(
        s.code(), absl::StrCat("trust and quotas are in force; the inbox is not: ", s.message()));
  }
  return absl::OkStatus();
}

absl::Status Wired::TakeInbox(absl::Time now) {
  // One at a time, so that none looks by a trust that another has replaced.
  absl::MutexLock lock(&inbox_mutex_);
  const absl::StatusOr<InboxReport> report = mous_->Refresh(*CurrentIdentity()->trust(), now);
  if (!report.ok()) return report.status();
  inbox_log_.Say(*report);
  return absl::OkStatus();
}

absl::Status Wired::Fatal() const {
  absl::MutexLock lock(&mutex_);
  return fatal_;
}

bool Wired::WaitForNextWatch() {
  const auto stopping = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_; };
  absl::MutexLock lock(&mutex_);
  return !mutex_.AwaitWithTimeout(absl::Condition(&stopping), kWatchEvery);
}

// Each second: may data be served? What a probe and a graph should see, so nothing here waits for
// the store.
void Wired::Watch() {
  bool serving = true;
  int64_t stale_before = 0;
  WitnessLog witness_log;
  while (WaitForNextWatch()) {
    absl::Status health = log_->Health();
    const absl::StatusOr<absl::Time> now = clock_->Now();
    if (health.ok()) health = now.status();
    if (health.ok() && shared_state_ != nullptr) health = shared_state_->Health();
    if (health.ok() != serving) {
      LogLine(health.ok() ? LogLine::Level::kInfo : LogLine::Level::kError,
              health.ok() ? "serving again" : "halted")
          .With("cause", health.message());
      serving = health.ok();
      server_->SetServing(serving);
    }
    metrics_.SetServing(serving);
    metrics_.SetLogSize(log_->size());
    const WitnessReport witnessed = log_->Witnessed();
    metrics_.SetWitnesses(witnessed);
    witness_log.Say(witnessed);
    metrics_.SetPublishBudget(publish_budget_.outstanding(), publish_budget_.waiting());
    const std::vector<std::string> stale =
        now.ok() ? CurrentIdentity()->trust()->StaleCrls(*now) : std::vector<std::string>();
    metrics_.SetStaleCrls(static_cast<int64_t>(stale.size()));
    if (static_cast<int64_t>(stale.size()) > stale_before) {
      for (const std::string& organization : stale) {
        LogLine(LogLine::Level::kWarning, "crl out of date").With("organization", organization);
      }
    }
    stale_before = static_cast<int64_t>(stale.size());
  }
}

void Wired::LookAtDisks() {
  for (const DiskWatch::State& disk : disk_watch_.Look()) {
    metrics_.SetDisk(disk.name, disk.room.free_share(), disk.is_low);
    if (!disk.turned) continue;
    LogLine(disk.is_low ? LogLine::Level::kWarning : LogLine::Level::kInfo,
            disk.is_low ? "disk nearly full" : "disk has room again")
        .With("disk", disk.name)
        .With("free_bytes", disk.room.free_bytes)
        .With("all_bytes", disk.room.all_bytes);
  }
}

// Each second: the disks and, unless halted, what time makes due in the store.
void Wired::KeepUp(absl::Time inbox_at) {
  while (WaitForNextWatch()) {
    LookAtDisks();
    const absl::StatusOr<absl::Time> now = clock_->Now();
    if (!now.ok() || !log_->Health().ok()) continue;
    metrics_.SetMouEnds(mous_->Ends());
    metrics_.SetDutyEnds(mous_->DutyEnds());
    if (TakeTrustChanged() || *now - inbox_at >= kInboxEvery) {
      inbox_at = *now;
      if (const absl::Status s = TakeInbox(*now); !s.ok()) {
        LogLine(LogLine::Level::kWarning, "inbox").With("cause", s.message());
      }
    }
    upkeep_->Run(*now);
  }
}

void Wired::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  if (watch_.joinable()) watch_.join();
  if (keep_up_.joinable()) keep_up_.join();
  if (denials_ != nullptr) denials_->Stop();
  if (server_ != nullptr) {
    server_->Shutdown(config_.drain);
    threads_.Wait();
    server_->Wait();
  }
  if (key_renewal_ != nullptr) key_renewal_->Stop();
  if (shared_state_ != nullptr) shared_state_->Stop();
  if (log_ != nullptr) {
    AdminEntry stop;
    stop.action = "STOP";
    absl::StatusOr<uint64_t> index = log_->Append(stop);
    // The first that meets a full disk is undone, and gives way the room that is kept for it.
    if (!index.ok() && absl::IsResourceExhausted(store_->Health())) index = log_->Append(stop);
    LogLine(LogLine::Level::kInfo, "stopped").With("logged", index.ok() ? "yes" : "no");
    log_->Stop();
  }
  if (upkeep_ != nullptr) upkeep_->NoteCollections();
  // The log takes part in the store's groups: none may begin when it goes.
  if (store_ != nullptr) store_->Stop();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(Config config, Options options) {
  auto gateway = std::make_unique<Wired>(std::move(config), std::move(options));
  if (const absl::Status s = gateway->Open(); !s.ok()) return gateway->WithFullDisk(s);
  if (const absl::Status s = gateway->Serve(); !s.ok()) return gateway->WithFullDisk(s);
  return gateway;
}

}  // namespace sluice::server
