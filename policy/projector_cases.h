// Random plans and records for holding the projector and its twin together: from one seed always
// the same. For tests.
//
// Not thread-safe.
#ifndef SLUICE_POLICY_PROJECTOR_CASES_H_
#define SLUICE_POLICY_PROJECTOR_CASES_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "policy/plan.h"
#include "policy/pseudonym.h"
#include "testdata/probe.pb.h"

namespace sluice::policy {

class ProjectorCases {
 public:
  explicit ProjectorCases(uint64_t seed);

  // Of the record type Probe, of owner "owner" and others.
  std::shared_ptr<const Plan> NextPlan();
  // Paths that a grant of "owner" lists; mostly none.
  std::vector<std::string> NextMask(const Plan& plan);
  testing::Probe NextProbe();
  // A few bytes are other than they were, or missing, or there twice.
  std::string Mutated(std::string bytes);
  std::vector<SubjectId> NextSubjects(size_t count);
  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }

  static size_t CountSubjects(const testing::Probe& probe);
  static Pseudonymizer Pseudonyms();
  static const RecordType& ProbeType();

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  template <typename T>
  const T& OneOf(const std::vector<T>& values) {
    return values[Below(values.size())];
  }
  Box NextBox(Box::Unset unset, int percent);
  ValueSet NextValues(const Field& field);
  FieldRule NextRule(const Field& field);
  int64_t NextNumber();
  std::string NextCode(const Field& field);
  std::string NextText();
  void FillDate(google::type::Date* date);
  void FillInner(testing::Inner* inner);

  std::mt19937_64 random_;
};

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PROJECTOR_CASES_H_
