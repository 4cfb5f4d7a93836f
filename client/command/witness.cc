// `sluice witness`: the witness of other organizations' logs that an administrator runs.
#include "client/witness/witness.h"

#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/command/output.h"
#include "client/command/session.h"
#include "client/file.h"
#include "client/log_checkpoint.h"
#include "client/witness/witness_directory.h"
#include "client/witness/witness_server.h"

namespace sluice::client {
namespace {

struct Options {
  std::string directory;
  std::string name;
  std::string listen;
  std::vector<std::string> logs;
  witness::WitnessServerOptions server;
  std::string output = "text";
};

ExitCode Init(const Options& options) {
  const absl::StatusOr<witness::WitnessKey> key =
      witness::WitnessDirectory::Init(options.directory, options.name);
  if (!key.ok()) return Fail(key.status());
  const std::string text =
      options.output == "json"
          ? nlohmann::ordered_json{{"name", key->name()}, {"vkey", key->vkey()}}.dump()
          : key->vkey();
  return Print(text + "\n") ? kDone : kFailed;
}

// Keys are given as themselves, or as the file that they stand in, one a line.
absl::StatusOr<std::vector<LogVerifierKey>> TrustedLogs(const std::vector<std::string>& given) {
  std::vector<LogVerifierKey> keys;
  for (const std::string& log : given) {
    if (absl::StatusOr<LogVerifierKey> key = LogVerifierKey::Parse(log); key.ok()) {
      keys.push_back(*std::move(key));
      continue;
    }
    const absl::StatusOr<std::string> text = ReadFile(log);
    if (!text.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--log is neither a verifier key nor its file: ", text.status().message()));
    }
    int number = 0;
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      ++number;
      line = absl::StripAsciiWhitespace(line);
      if (line.empty() || absl::StartsWith(line, "#")) continue;
      absl::StatusOr<LogVerifierKey> key = LogVerifierKey::Parse(line);
      if (!key.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(log, ":", number, ": ", key.status().message()));
      }
      keys.push_back(*std::move(key));
    }
  }
  if (keys.empty()) return absl::InvalidArgumentError("--log names no key");
  return keys;
}

// A line for whoever watches the witness: sizes, no addresses.
void Log(nlohmann::ordered_json line) {
  nlohmann::ordered_json timed = {
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone())}};
  timed.update(line);
  const std::string text =
      timed.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::fputs(text.c_str(), stderr);
}

void LogAnswer(const witness::WitnessAnswer& answer) {
  nlohmann::ordered_json line = {{"event", answer.event}, {"status", answer.status}};
  if (!answer.origin.empty()) {
    line["log"] = answer.origin;
    line["old_size"] = answer.old_size;
    line["size"] = answer.size;
  }
  if (!answer.detail.empty()) line["detail"] = answer.detail;
  if (!answer.evidence.empty()) line["checkpoint"] = answer.evidence;
  Log(std::move(line));
}

// Stops the server at SIGTERM or SIGINT, which no other thread takes. Made before any other thread.
class StopAtSignal {
 public:
  StopAtSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ~StopAtSignal() {
    is_ending_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void Watch(witness::WitnessServer& server) {
    thread_ = std::thread([this, &server] {
      const timespec look = {0, 100'000'000};
      while (!is_ending_) {
        if (sigtimedwait(&signals_, nullptr, &look) > 0) return server.Stop();
      }
    });
  }

 private:
  sigset_t signals_;
  std::atomic<bool> is_ending_ = false;
  std::thread thread_;
};

ExitCode Serve(const Options& options) {
  witness::WitnessServerOptions server_options = options.server;
  const size_t colon = options.listen.rfind(':');
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(options.listen.substr(colon + 1), &server_options.port) ||
      server_options.port < 0 || server_options.port > 65535) {
    return FailUsage("--listen must be HOST:PORT");
  }
  server_options.host = options.listen.substr(0, colon);
  if (absl::StartsWith(server_options.host, "[") && absl::EndsWith(server_options.host, "]")) {
    server_options.host = server_options.host.substr(1, server_options.host.size() - 2);
  }
  const absl::StatusOr<std::vector<LogVerifierKey>> logs = TrustedLogs(options.logs);
  if (!logs.ok()) return FailUsage(logs.status().message());
  const absl::StatusOr<std::unique_ptr<witness::WitnessDirectory>> directory =
      witness::WitnessDirectory::Open(options.directory);
  if (!directory.ok()) return Fail(directory.status());
  const absl::StatusOr<std::unique_ptr<witness::Witness>> cosigner = witness::Witness::Create(
      &(*directory)->key(), directory->get(), *logs, [] { return absl::Now(); });
  if (!cosigner.ok()) return Fail(cosigner.status());
  StopAtSignal stop;
  const absl::StatusOr<std::unique_ptr<witness::WitnessServer>> server =
      witness::WitnessServer::Create(server_options, cosigner->get(), LogAnswer);
  if (!server.ok()) return Fail(server.status());
  stop.Watch(**server);
  Log({{"event", "serving"}, {"port", (*server)->port()}, {"vkey", (*directory)->key().vkey()}});
  if (const absl::Status ended = (*server)->Run(); !ended.ok()) return Fail(ended);
  Log({{"event", "stopped"}});
  return kDone;
}

}  // namespace

void AddWitness(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("witness", "A witness of logs: it cosigns what only grew");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* init = session.AddVerb(
      noun, "init", "Make a witness's key; prints the verifier key that logs are told",
      "sluice witness init --directory witness --name witness.river-unified.example",
      [options] { return Init(*options); });
  init->add_option("--name", options->name,
                   "Its name, as a URL without a scheme; visible ASCII without a plus")
      ->required();
  AddOutput(init, options->output, {"text", "json"});
  CLI::App* serve =
      session.AddVerb(noun, "serve", "Cosign checkpoints over HTTPS (C2SP tlog-witness)",
                      "sluice witness serve --directory witness --listen 0.0.0.0:8443 \\\n"
                      "    --tls-certificate tls.pem --tls-key tls.key --log log.vkey",
                      [options] { return Serve(*options); });
  serve
      ->add_option("--listen", options->listen,
                   "Where it listens, HOST:PORT; port 0 is any that is free")
      ->type_name("ADDRESS")
      ->required();
  serve
      ->add_option("--tls-certificate", options->server.certificate,
                   "The server's certificate and its chain, PEM")
      ->type_name(kFileValue)
      ->required();
  serve->add_option("--tls-key", options->server.key, "The certificate's key, PEM")
      ->type_name(kFileValue)
      ->required();
  serve
      ->add_option("--log", options->logs,
                   "The verifier key of a log, or a file of such keys, one a line; several may be "
                   "given")
      ->type_name(kFileValue)
      ->required();
  serve->add_option("--threads", options->server.threads, "Connections that are served at a time")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  for (CLI::App* verb : {init, serve}) {
    verb->add_option("--directory", options->directory,
                     "Its key, and the last checkpoint of each log: never to be restored from a "
                     "copy")
        ->type_name(kDirectoryValue)
        ->required();
  }
}

}  // namespace sluice::client
