#include "client/log_witness.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "client/log_tree.h"

namespace sluice::client {
namespace {

constexpr char kCosignatureType = 4;
constexpr size_t kTimeBytes = 8;
constexpr size_t kSignatureBytes = 64;
constexpr absl::Duration kClocksDiffer = absl::Minutes(5);

}  // namespace

absl::StatusOr<WitnessVerifierKey> WitnessVerifierKey::Parse(absl::string_view vkey) {
  absl::StatusOr<NoteKey> key = ParseNoteKey(vkey, kCosignatureType);
  if (!key.ok()) return key.status();
  return WitnessVerifierKey(*std::move(key));
}

absl::StatusOr<std::optional<absl::Time>> WitnessVerifierKey::Cosigned(
    const SignedNote& note) const {
  const auto wrong = [this](absl::string_view why) {
    return absl::DataLossError(absl::StrCat("the checkpoint ", why, " of the witness ", key_.name));
  };
  std::optional<absl::Time> cosigned;
  for (const NoteSignature& line : note.signatures) {
    if (line.name != key_.name || line.id != key_.id) continue;
    if (cosigned.has_value()) return wrong("has two cosignatures");
    const absl::string_view bytes = line.bytes;
    if (bytes.size() != kTimeBytes + kSignatureBytes) return wrong("has no whole cosignature");
    uint64_t seconds = 0;
    for (const char c : bytes.substr(0, kTimeBytes)) {
      seconds = seconds * 256 + static_cast<unsigned char>(c);
    }
    if (seconds > INT64_MAX ||
        !VerifyEd25519(key_.public_key,
                       absl::StrCat("cosignature/v1\ntime ", seconds, "\n", note.text),
                       bytes.substr(kTimeBytes))) {
      return wrong("has a cosignature that does not verify");
    }
    cosigned = absl::FromUnixSeconds(static_cast<int64_t>(seconds));
  }
  return cosigned;
}

absl::StatusOr<WitnessQuorum> MakeQuorum(std::vector<WitnessVerifierKey> witnesses, size_t least) {
  for (size_t i = 0; i < witnesses.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      // A cosignature does not say by which name it was made.
      if (witnesses[i].public_key() == witnesses[j].public_key()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the witnesses ", witnesses[j].name(), " and ", witnesses[i].name(), " have one key"));
      }
    }
  }
  if (least == 0) least = witnesses.size() / 2 + 1;
  if (least > witnesses.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a quorum of ", least, " is more than the witnesses that are given: ", witnesses.size()));
  }
  return WitnessQuorum{std::move(witnesses), least};
}

absl::StatusOr<std::vector<CosignedBy>> VerifyCosigned(const LogCheckpoint& checkpoint,
                                                       const WitnessQuorum& quorum,
                                                       absl::Time now) {
  const absl::StatusOr<SignedNote> note = ParseSignedNote(checkpoint.note);
  if (!note.ok()) return note.status();
  std::vector<CosignedBy> cosigned;
  for (const WitnessVerifierKey& witness : quorum.witnesses) {
    const absl::StatusOr<std::optional<absl::Time>> time = witness.Cosigned(*note);
    if (!time.ok()) return time.status();
    if (!time->has_value()) continue;
    if (**time > now + kClocksDiffer) {
      return absl::DataLossError(absl::StrCat("the witness ", witness.name(),
                                              " cosigned at a time that is still to come: ",
                                              absl::FormatTime(**time, absl::UTCTimeZone())));
    }
    cosigned.push_back({witness.name(), **time});
  }
  if (cosigned.size() >= quorum.least) return cosigned;
  return absl::DataLossError(absl::StrCat(
      "the checkpoint of ", checkpoint.size, " entries is cosigned by ", cosigned.size(), " of ",
      quorum.witnesses.size(), " witnesses, and by ", quorum.least, " it must be"));
}

absl::StatusOr<LogCheckpoint> FetchCosigned(Gateway& gateway, const LogVerifierKey& key,
                                            Retry retry) {
  const absl::StatusOr<v1::GetCheckpointResponse> response =
      retry.Run([&] { return gateway.GetCheckpoint(); });
  if (!response.ok()) return response.status();
  return OpenCheckpoint(response->cosigned_checkpoint().empty() ? response->checkpoint()
                                                                : response->cosigned_checkpoint(),
                        key);
}

absl::Status ProveCosigned(Gateway& gateway, const LogCheckpoint& cosigned,
                           const LogCheckpoint& now, Retry retry) {
  std::vector<TreeHash> proof;
  if (cosigned.size > 0 && cosigned.size < now.size) {
    v1::GetConsistencyProofRequest request;
    request.set_old_size(static_cast<int64_t>(cosigned.size));
    request.set_new_size(static_cast<int64_t>(now.size));
    const absl::StatusOr<v1::GetConsistencyProofResponse> response =
        retry.Run([&] { return gateway.GetConsistencyProof(request); });
    if (!response.ok()) return response.status();
    for (const std::string& bytes : response->hashes()) {
      TreeHash& hash = proof.emplace_back();
      if (bytes.size() != hash.size()) {
        return absl::DataLossError("a proof has a hash that is not 32 bytes long");
      }
      std::memcpy(hash.data(), bytes.data(), hash.size());
    }
  }
  const absl::Status consistent =
      cosigned.size > now.size
          ? absl::DataLossError(absl::StrCat("it has ", now.size, " entries"))
          : VerifyConsistency(cosigned.size, cosigned.root, now.size, now.root, proof);
  if (consistent.ok()) return consistent;
  return absl::DataLossError(
      absl::StrCat("the log does not continue the ", cosigned.size,
                   " entries that witnesses cosigned: ", consistent.message()));
}

}  // namespace sluice::client
