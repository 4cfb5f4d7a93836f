// An MOU version that was proposed or taken in: what the store holds of it, compiled.
//
// Immutable once it is held.
#ifndef SLUICE_SERVER_MOU_VERSION_H_
#define SLUICE_SERVER_MOU_VERSION_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/compiled_mou.h"
#include "server/mou_standing.h"
#include "server/store/store.h"

namespace sluice::server {

// A version's stages, as the log says them.
inline constexpr char kProposed[] = "PROPOSED";  // by a party; the inbox's are not stored
inline constexpr char kSigned[] = "SIGNED";
inline constexpr char kActive[] = "ACTIVE";
inline constexpr char kNotSigned[] = "NOT_SIGNED";  // a signature is void
inline constexpr char kSuperseded[] = "SUPERSEDED";
inline constexpr char kExpired[] = "EXPIRED";
inline constexpr char kTerminated[] = "TERMINATED";
inline constexpr char kClosed[] = "CLOSED";  // over, and what it released is destroyed

struct TakenVersion {
  StoredMouVersion stored;
  std::shared_ptr<const policy::CompiledMou> mou;
  MouStanding standing;  // what `stored` says
  // Whose signature is void, as long as the store could not be told.
  absl::flat_hash_set<std::string> voided;
  std::string seen_trust;  // digest of the trust that its signatures were held against last

  bool IsSignedBy(absl::string_view organization) const;
  // Signatures that are not void.
  std::vector<StoredSignature> Counting() const;
  // Parties whose signature is missing or void.
  std::vector<std::string> UnsignedParties() const;
  // Whether all parties had signed it at some time: its MOU has a pseudonym root since.
  bool WasSigned() const { return !stored.root_check.empty(); }
  bool IsParty(absl::string_view organization) const;
  // Superseded, expired, terminated or closed: for good.
  bool IsOver() const;
};

// Of one MOU, by number.
using TakenVersions = std::map<int, std::shared_ptr<const TakenVersion>>;

// As the log says it; "" of nothing.
std::string StandingDigest(const StoredMouVersion& version);

// When an MOU's last version ends that was signed, if nobody does anything: nullopt if they are all
// over.
std::optional<absl::Time> EndOf(const TakenVersions& versions);

// The parties of a version that have suspended its MOU, whichever version they did it under: a
// suspension ends when its party lifts it, and not by a signature.
std::vector<std::string> SuspendedBy(const TakenVersion& version, const TakenVersions& all);

}  // namespace sluice::server

#endif  // SLUICE_SERVER_MOU_VERSION_H_
