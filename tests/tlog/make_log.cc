// Makes a log of a given size in a directory, by the log itself: make-log [OPTIONS] DIRECTORY SIZE.
//   --origin ORIGIN, --key LETTER: another log's
//   --cosigned yes: by a witness
//   --copy-at SIZE COPY: the directory as it is when the log has that size
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "server/audit/audit_log.h"
#include "tests/support/fake_witness.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"

int main(int argc, char** argv) {
  using namespace sluice::server;
  std::vector<std::string> words(argv + 1, argv + argc);
  std::string origin = kTestOrigin, copy;
  bool cosigned = false;
  char key_letter = 'k';
  uint64_t copy_at = 0, size = 0;
  while (words.size() > 2) {
    if (words[0] == "--origin") origin = words[1];
    if (words[0] == "--cosigned") cosigned = words[1] == "yes";
    if (words[0] == "--key") key_letter = words[1].at(0);
    if (words[0] == "--copy-at" && absl::SimpleAtoi(words[1], &copy_at)) {
      copy = words[2];
      words.erase(words.begin());
    }
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.size() != 2 || !absl::SimpleAtoi(words[1], &size)) {
    std::fprintf(stderr, "usage: make-log [OPTIONS] DIRECTORY SIZE\n");
    return 2;
  }
  AuditLogOptions options;
  options.origin = origin;
  options.writer = "gateway-1";
  options.tile_directory = words[0];
  options.background_thread = false;
  const std::unique_ptr<const LogKey> key =
      LogKey::Create(sluice::policy::Secret::Copy(std::string(32, key_letter)), origin).value();
  TurnedClock clock;
  FakeWitness witness("witness.example", 'w', [&] { return clock.Now(); });
  if (cosigned) {
    options.witnesses.witnesses = {witness.Config()};
    options.witnesses.quorum = 1;
    options.connect_witness = [&](const WitnessConfig&) {
      return absl::StatusOr<std::unique_ptr<WitnessTransport>>(
          std::make_unique<FakeWitnessTransport>(&witness));
    };
  }
  MemoryStore store;
  absl::StatusOr<std::unique_ptr<AuditLog>> log =
      AuditLog::Open(options, &store, key.get(), [&] { return clock.Now(); });
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  while ((*log)->size() < size) {
    const uint64_t begin = (*log)->size();
    const uint64_t end = begin < copy_at ? copy_at : size;
    store.Hold();
    for (uint64_t i = begin; i < end && i < begin + 5000; ++i) {
      (*log)->AppendLater(OutcomeOf(i, i));
    }
    store.Release();
    (*log)->Tick();
    if ((*log)->size() == copy_at) {
      std::filesystem::copy(words[0], copy, std::filesystem::copy_options::recursive);
    }
  }
  // What a witness is to sign is published by a later turn.
  while (cosigned && (*log)->CosignedCheckpoint() != (*log)->Checkpoint()) {
    absl::SleepFor(absl::Milliseconds(1));
    (*log)->Tick();
  }
  (*log)->Stop();
  return (*log)->Health().ok() ? 0 : 1;
}
