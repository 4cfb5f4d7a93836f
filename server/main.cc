// sluiced: the gateway's process. Flags, build, wait.
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "server/catalog_store.h"
#include "server/config.h"
#include "server/gateway.h"
#include "server/json_log.h"
#include "server/store_command.h"

namespace sluice::server {
namespace {

constexpr int kFailed = 1;
constexpr int kCheckFailed = 3;

// False, with every finding told, if the configuration is wrong.
bool Load(const std::string& path, Config& config) {
  ConfigRead read = LoadConfig(path);
  for (const policy::Finding& finding : read.findings) {
    std::fprintf(stderr, "%s\n", finding.ToString().c_str());
  }
  config = std::move(read.config);
  return read.findings.empty();
}

// The same of the operator's record types. Whether they follow those in use, the store knows.
bool CheckTypes(const Config& config) {
  const absl::StatusOr<std::vector<policy::TypesFile>> files = ReadTypes(config.types);
  const absl::Status status =
      files.ok() ? policy::CatalogWithTypes(*files).status() : files.status();
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok();
}

// The same of where its keys stand. Credentials are there for who was started as the service is.
bool CheckKeys(const KeySource& keys) {
  const absl::Status status = CheckKeySource(keys);
  if (!status.ok()) std::fprintf(stderr, "keys: %s\n", std::string(status.message()).c_str());
  return status.ok();
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "sluiced: %s\n", std::string(status.message()).c_str());
  return kFailed;
}

int Migrated(const std::string& path, const std::string& owner, bool dry_run) {
  Config config;
  if (!Load(path, config)) return kCheckFailed;
  const absl::Status status = MigrateStore(config, owner, dry_run);
  return status.ok() ? 0 : Fail(status);
}

int Copied(const std::string& from_path, const std::string& to_path, const std::string& owner) {
  Config from, to;
  if (!Load(from_path, from) || !Load(to_path, to)) return kCheckFailed;
  const absl::Status status = CopyStore(from, to, owner);
  return status.ok() ? 0 : Fail(status);
}

int Verified(const std::string& path) {
  Config config;
  if (!Load(path, config)) return kCheckFailed;
  const absl::StatusOr<bool> sound = TellOfStore(config);
  if (!sound.ok()) return Fail(sound.status());
  return *sound ? 0 : kCheckFailed;
}

int Serve(const std::string& path, bool accept_clock, bool accept_moved) {
  Config config;
  if (!Load(path, config)) return kCheckFailed;
  umask(077);
  // glibc opens an arena a thread up to eight a core, and each keeps what it once held: a burst of
  // publishing would stay resident. Measured: 192 MiB instead of 238 with a million records.
  mallopt(M_ARENA_MAX, 2);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // All threads that come later leave the signals to this one.
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  Gateway::Options options;
  options.accept_clock = accept_clock;
  options.accept_moved = accept_moved;
  options.clock = [] { return absl::Now(); };
  absl::StatusOr<std::unique_ptr<Gateway>> gateway = Gateway::Start(config, std::move(options));
  if (!gateway.ok()) return Fail(gateway.status());

  while (true) {
    const timespec often{0, 200'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &often);
    if (const absl::Status fatal = (*gateway)->Fatal(); !fatal.ok()) {
      LogLine(LogLine::Level::kError, "fatal").With("cause", fatal.message());
      (*gateway)->Stop();
      return kFailed;
    }
    if (signal == SIGHUP) {
      Config changed;
      absl::Status reloaded =
          absl::InvalidArgumentError("the old configuration stays in force: the new one is wrong");
      if (Load(path, changed)) reloaded = (*gateway)->Reload(std::move(changed));
      LogLine(reloaded.ok() ? LogLine::Level::kInfo : LogLine::Level::kError, "reload")
          .With("result", reloaded.ok() ? "in force" : reloaded.message());
    } else if (signal == SIGTERM || signal == SIGINT) {
      (*gateway)->Stop();
      return 0;
    }
  }
}

}  // namespace
}  // namespace sluice::server

int main(int argc, char** argv) {
  // Debian's Abseil looks for deadlocks at each lock that is taken, under a lock of all threads.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app{
      "sluiced: the gateway through which organizations share records as far as signed "
      "MOUs allow.\nSIGHUP reloads configuration, certificates, CRLs and the inbox of "
      "MOUs; SIGTERM drains and stops."};
  std::string config;
  bool accept_clock = false, accept_moved = false;
  app.add_option("--config", config, "the configuration, a YAML file")->required();
  app.add_flag("--accept-clock", accept_clock,
               "start although the clock is more than a day ahead of the log");
  app.add_flag("--accept-moved", accept_moved,
               "serve from a store that was moved elsewhere, where nobody may serve it any more");
  app.set_version_flag("--version", "sluiced " SLUICE_VERSION);
  CLI::App* check =
      app.add_subcommand("check-config", "read the configuration, say all that is wrong, and exit");
  check->fallthrough();
  CLI::App* migrate = app.add_subcommand(
      "migrate", "make the store's schema, or bring it forward, while no gateway serves from it");
  migrate->fallthrough();
  std::string owner;
  bool dry_run = false;
  constexpr char kOwner[] =
      "on PostgreSQL: who owns the tables, as connection settings in the place of the "
      "configuration's (\"user=sluice_owner passfile=...\")";
  migrate->add_option("--owner", owner, kOwner);
  migrate->add_flag("--dry-run", dry_run, "say what would be done, and change nothing");
  CLI::App* store = app.add_subcommand("store", "what is done with a whole store");
  store->fallthrough();
  store->require_subcommand(1);
  CLI::App* verify = store->add_subcommand(
      "verify",
      "compare all of the store with its seals and with the log, beside a running gateway or "
      "without one; exits with 3 if something was changed, taken out or put back");
  verify->fallthrough();
  CLI::App* copy = store->add_subcommand(
      "copy", "move a stopped gateway's store to another database; the old one serves no more");
  copy->fallthrough();
  std::string to;
  copy->add_option("--to", to, "the configuration that names the other database")->required();
  copy->add_option("--owner", owner, kOwner);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (check->parsed()) {
    sluice::server::Config read;
    if (!sluice::server::Load(config, read)) return sluice::server::kCheckFailed;
    const bool types = sluice::server::CheckTypes(read);
    const bool keys = sluice::server::CheckKeys(read.keys);
    return types && keys ? 0 : sluice::server::kCheckFailed;
  }
  if (migrate->parsed()) return sluice::server::Migrated(config, owner, dry_run);
  if (copy->parsed()) return sluice::server::Copied(config, to, owner);
  if (verify->parsed()) return sluice::server::Verified(config);
  return sluice::server::Serve(config, accept_clock, accept_moved);
}
