// Makes a log of a given size in a directory, by the log itself: make-log DIRECTORY SIZE
// [cosigned]. With the last, a witness cosigns it.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/time/clock.h"
#include "server/audit/audit_log.h"
#include "tests/support/fake_witness.h"
#include "tests/support/log_fixture.h"
#include "tests/support/memory_store.h"

int main(int argc, char** argv) {
  using namespace sluice::server;
  if (argc < 3 || argc > 4) {
    std::fprintf(stderr, "usage: make-log DIRECTORY SIZE [cosigned]\n");
    return 2;
  }
  const uint64_t size = std::strtoull(argv[2], nullptr, 10);
  AuditLogOptions options;
  options.origin = kTestOrigin;
  options.writer = "gateway-1";
  options.tile_directory = argv[1];
  options.background_thread = false;
  std::unique_ptr<const LogKey> key = MakeLogKey();
  TurnedClock clock;
  FakeWitness witness("witness.example", 'w', [&] { return clock.Now(); });
  if (argc == 4) {
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
    store.Hold();
    for (uint64_t i = begin; i < size && i < begin + 5000; ++i) {
      (*log)->AppendLater(OutcomeOf(i, i));
    }
    store.Release();
    (*log)->Tick();
  }
  // What a witness is to sign is published by a later turn.
  while (argc == 4 && (*log)->CosignedCheckpoint() != (*log)->Checkpoint()) {
    absl::SleepFor(absl::Milliseconds(1));
    (*log)->Tick();
  }
  (*log)->Stop();
  return (*log)->Health().ok() ? 0 : 1;
}
