// Makes a bundle of evidence by the command's own library, of a log of so many entries in memory:
// make-bundle SIZE BEGIN END EARLIER STEP. Of a STEP above 1 it is a selection, each STEPth entry;
// of 0 what was disclosed of one person, each third entry from BEGIN to END, with its openings.
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "client/disclosure_for_test.h"
#include "client/evidence_maker.h"

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
  SubjectClaim claim{"state-university", {7}, {}, static_cast<int64_t>(size)};
  while (gateway.entries.size() < size) {
    const size_t i = gateway.entries.size();
    if (step == 0 && i >= begin && i < end && i % 3 == 0) {
      gateway.openings.push_back(AddDisclosure(gateway, claim.owner, {1, 7, 90'000}));
      claim.disclosures.emplace_back().set_index(static_cast<int64_t>(i));
    } else {
      gateway.entries.push_back(absl::StrCat("{\"n\":", i, "}"));
    }
  }
  gateway.shown = [step = step](size_t i) { return step == 0 || i % step == 0; };
  std::optional<LogCheckpoint> held;
  if (earlier > 0) held = gateway.log.Open(earlier, gateway.Tree().Root(earlier));
  const auto once = [] { return Retry(RetryPolicy{.max_attempts = 1}, RetryEnvironment()); };
  const absl::StatusOr<Evidence> made =
      step == 0
          ? MakeSubjectEvidence(gateway, gateway.log.key(), held, claim, /*openings=*/true, once,
                                nullptr)
          : MakeEvidence(gateway, gateway.log.key(), held,
                         {.start = static_cast<int64_t>(begin), .until = static_cast<int64_t>(end)},
                         once, nullptr);
  if (!made.ok()) {
    std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
    return 1;
  }
  return std::fwrite(made->text.data(), 1, made->text.size(), stdout) == made->text.size() ? 0 : 1;
}
