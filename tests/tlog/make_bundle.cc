// Makes a bundle of evidence by the command's own library, of a log of so many entries in memory:
// make-bundle SIZE BEGIN END EARLIER STEP. Of a STEP above 1 it is a selection, each STEPth entry.
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "client/evidence_maker.h"
#include "client/fake_gateway_for_test.h"

int main(int argc, char** argv) {
  using namespace sluice::client;
  if (argc != 6) {
    std::fprintf(stderr, "usage: make-bundle SIZE BEGIN END EARLIER STEP\n");
    return 2;
  }
  size_t numbers[5];
  for (int i = 0; i < 5; ++i) numbers[i] = std::strtoull(argv[i + 1], nullptr, 10);
  const auto [size, begin, end, earlier, step] = numbers;
  FakeGateway gateway;
  for (size_t i = 0; i < size; ++i) gateway.entries.push_back(absl::StrCat("{\"n\":", i, "}"));
  gateway.shown = [step = step](size_t i) { return i % step == 0; };
  std::optional<LogCheckpoint> held;
  if (earlier > 0) held = gateway.log.Open(earlier, gateway.Tree().Root(earlier));
  const absl::StatusOr<Evidence> made = MakeEvidence(
      gateway, gateway.log.key(), held,
      {.start = static_cast<int64_t>(begin), .until = static_cast<int64_t>(end)},
      [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); }, nullptr);
  if (!made.ok()) {
    std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
    return 1;
  }
  return std::fwrite(made->text.data(), 1, made->text.size(), stdout) == made->text.size() ? 0 : 1;
}
