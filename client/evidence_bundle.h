// Evidence out of the log in one file: entries with their proofs, the checkpoint that they lead to,
// and the log's verifier key. Its form is text, so that a person can look at it and software of
// others can check it; there is one way to write a bundle, and any other is refused.
//
//   sluice evidence bundle 1
//   vkey VKEY                        the log's verifier key (C2SP signed-note)
//   range BEGIN END                  all entries from BEGIN up to END; or
//   selection BEGIN END              some of them
//   filter NAME VALUE                of a selection: what was asked for, each name at most once
//   subject ORGANIZATION             or whose disclosures, about one person
//   ordinals N...                    with openings: that person's ordinals
//   checkpoint BYTES                 then the signed note, whole, with all its signatures
//   earlier BYTES                    perhaps: a checkpoint that this one is proven to continue
//   hash BASE64 ...                  the consistency proof, RFC 6962, 2.1.2
//   run FIRST COUNT                  neighbors in the log
//   hash BASE64 ...                  their proof (VerifyRange): of one entry its inclusion proof
//   entry INDEX BYTES BASE64         with its leaf's hash; then the entry's bytes
//   opening BASE64 BASE64            perhaps: salt and value of its commitment to its subjects
//   sha256 BASE64                    of all that stands before
//
// Each line ends with a line feed, and so do the bytes that follow a count of them. The digest
// shows damage, not forgery: what the log says is shown by proofs and signatures alone
// (evidence_verifier).
//
// Values.
#ifndef SLUICE_CLIENT_EVIDENCE_BUNDLE_H_
#define SLUICE_CLIENT_EVIDENCE_BUNDLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/log_tree.h"

namespace sluice::client {

struct EvidenceBundle {
  // What a bundle's file may have at most, and an entry of the log (C2SP tlog-tiles).
  static constexpr size_t kMaxBytes = size_t{64} << 20;
  static constexpr size_t kMaxEntryBytes = 65535;

  struct Opening {
    std::string salt;
    std::string value;
  };
  struct Entry {
    std::string body;
    TreeHash leaf;  // as the bundle says it; the verifier compares
    std::optional<Opening> opening;
  };
  struct Run {
    uint64_t first = 0;
    std::vector<TreeHash> proof;
    std::vector<Entry> entries;
  };
  struct Earlier {
    std::string note;
    std::vector<TreeHash> proof;
  };
  struct Subject {
    std::string owner;               // the organization
    std::vector<uint32_t> ordinals;  // empty: without openings
  };

  std::string vkey;
  bool is_range = false;
  uint64_t begin = 0;
  uint64_t end = 0;
  std::vector<std::pair<std::string, std::string>> filter;
  std::optional<Subject> subject;
  std::string note;
  std::optional<Earlier> earlier;
  std::vector<Run> runs;
  bool is_undamaged = true;  // Parse: the digest is that of the bytes

  std::string Write() const;
  // DATA_LOSS, with the line, unless it is a bundle to the letter. A wrong digest alone is none:
  // what is damaged may have an index, and that is better known.
  static absl::StatusOr<EvidenceBundle> Parse(absl::string_view text);
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_EVIDENCE_BUNDLE_H_
