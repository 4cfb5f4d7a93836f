// Whether some boxes together hold every row of another one. Exact.
//
// Pure.
#ifndef SLUICE_POLICY_BOX_COVER_H_
#define SLUICE_POLICY_BOX_COVER_H_

#include <vector>

#include "policy/box.h"

namespace sluice::policy {

// All are of one record type, or have no constraint. The domain of a code is its set's known
// values: others are unset. Gives up, and says no, after 10,000 pieces: then a grant that lets no
// row through counts as one that might.
bool IsCovered(const Box& box, const std::vector<const Box*>& by);

}  // namespace sluice::policy

#endif  // SLUICE_POLICY_BOX_COVER_H_
