// The plans of one version of an MOU, found by recipient, purpose, record type, operation and day.
// What a request of one kind gets changes on few days only, so the plan of the last day asked is
// kept for as long as it stays the same.
//
// Thread-safe.
#ifndef SLUICE_POLICY_PLAN_INDEX_H_
#define SLUICE_POLICY_PLAN_INDEX_H_

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/civil_time.h"
#include "policy/compiled_mou.h"
#include "policy/plan.h"

namespace sluice::policy {

struct PlanKey {
  std::string recipient, purpose, record_type;
  v1::Operation operation;
};

// A PlanKey that is asked for; refers to the caller's strings.
struct PlanKeyView {
  absl::string_view recipient, purpose, record_type;
  v1::Operation operation;

  PlanKeyView(absl::string_view r, absl::string_view p, absl::string_view t, v1::Operation o)
      : recipient(r), purpose(p), record_type(t), operation(o) {}
  // Implicit, so that one hash and one equality serve both.
  PlanKeyView(const PlanKey& k)  // NOLINT(google-explicit-constructor)
      : PlanKeyView(k.recipient, k.purpose, k.record_type, k.operation) {}

  friend bool operator==(const PlanKeyView& a, const PlanKeyView& b) {
    return a.operation == b.operation && a.recipient == b.recipient && a.purpose == b.purpose &&
           a.record_type == b.record_type;
  }
  template <typename H>
  friend H AbslHashValue(H h, const PlanKeyView& k) {
    return H::combine(std::move(h), k.recipient, k.purpose, k.record_type,
                      static_cast<int>(k.operation));
  }
};

struct PlanKeyHash {
  using is_transparent = void;
  size_t operator()(const PlanKeyView& key) const { return absl::Hash<PlanKeyView>()(key); }
};

struct PlanKeyEqual {
  using is_transparent = void;
  bool operator()(const PlanKeyView& a, const PlanKeyView& b) const { return a == b; }
};

template <typename V>
using PlanKeyMap = absl::flat_hash_map<PlanKey, V, PlanKeyHash, PlanKeyEqual>;

class PlanIndex {
 public:
  PlanIndex(std::shared_ptr<const CompiledMou> mou,
            const absl::flat_hash_set<std::string>& withdrawn_grants);

  // Null if no grant is left for the request on that day.
  std::shared_ptr<const Plan> Find(const PlanKeyView& request, absl::CivilDay day) const;
  std::vector<PlanKeyView> Keys() const;

 private:
  // The plan, or that there is none, of every day of a span.
  struct Kept {
    CivilPeriod days{absl::CivilDay(), absl::CivilDay()};  // empty: nothing kept yet
    std::shared_ptr<const Plan> plan;
  };
  struct Entry {
    std::vector<const CompiledGrant*> grants;
    absl::Mutex mutex;
    Kept kept ABSL_GUARDED_BY(mutex);
  };

  Kept Make(const PlanKeyView& request, const Entry& entry, absl::CivilDay day) const;

  const std::shared_ptr<const CompiledMou> mou_;
  PlanKeyMap<std::unique_ptr<Entry>> entries_;
};

// Whether a prohibition is about a field: it lists it, or all.
bool Lists(const PlanProhibition& prohibition, const Field* field);

// Whether a prohibition is about a grant as its recipient uses it on a day: each axis that it names
// contains the grant's. Rows and fields are not looked at.
bool Concerns(const CompiledProhibition& prohibition, const CompiledGrant& grant,
              absl::string_view recipient, absl::CivilDay day);

// Whether the live prohibitions leave nothing of a grant: no field of no row.
bool WhollyRemoved(const std::vector<CompiledProhibition>& prohibitions, const CompiledGrant& grant,
                   absl::string_view recipient, absl::CivilDay day);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_PLAN_INDEX_H_
