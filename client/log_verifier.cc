#include "client/log_verifier.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/file.h"
#include "client/log_pages.h"
#include "client/log_proofs.h"

namespace sluice::client {
namespace {

class Verification {
 public:
  Verification(Gateway& gateway, const std::function<Retry()>& new_retry,
               const std::function<void(int64_t)>& progress, const EntryVisitor& visit)
      : gateway_(gateway), new_retry_(new_retry), progress_(progress), visit_(visit) {}

  absl::StatusOr<LogCheckpoint> FetchCheckpoint(const LogVerifierKey& key) {
    Retry retry = new_retry_();
    const absl::StatusOr<v1::GetCheckpointResponse> response =
        retry.Run([&] { return gateway_.GetCheckpoint(); });
    if (!response.ok()) return response.status();
    return OpenCheckpoint(response->checkpoint(), key);
  }

  absl::Status ProveContinuation(const LogCheckpoint& held, const LogCheckpoint& now) {
    if (held.size > now.size) {
      return absl::DataLossError(absl::StrCat("the log was rolled back: it has ", now.size,
                                              " entries, and ", held.size, " were held"));
    }
    const absl::StatusOr<std::vector<TreeHash>> proof =
        FetchConsistencyProof(gateway_, held.size, now.size, new_retry_);
    if (!proof.ok()) return proof.status();
    const absl::Status consistent =
        VerifyConsistency(held.size, held.root, now.size, now.root, *proof);
    if (consistent.ok()) return consistent;
    return absl::DataLossError(absl::StrCat("the log does not continue the checkpoint of ",
                                            held.size,
                                            " entries that was held: ", consistent.message()));
  }

  // Calls `verify(index, body)` for each entry shown from `start` on that the checkpoint covers.
  template <typename Verify>
  absl::Status ForEachEntry(int64_t start, const LogCheckpoint& checkpoint, Verify&& verify) {
    LogPages pages(gateway_, new_retry_,
                   {.start = start, .until = static_cast<int64_t>(checkpoint.size)});
    while (true) {
      const absl::StatusOr<std::optional<std::vector<v1::LogEntry>>> page = pages.Next();
      if (!page.ok()) return page.status();
      if (!page->has_value()) return absl::OkStatus();
      for (const v1::LogEntry& entry : **page) {
        if (const absl::Status verified = verify(entry.index(), entry.body()); !verified.ok()) {
          return verified;
        }
        if (visit_ == nullptr) continue;
        if (const absl::Status visited = visit_(entry.index(), entry.body()); !visited.ok()) {
          return visited;
        }
      }
    }
  }

  // Hashes all entries into one tree. False if some are not shown.
  absl::StatusOr<bool> VerifyWhole(const LogCheckpoint& checkpoint) {
    TreeHasher hasher;
    const absl::Status gap = absl::NotFoundError("not shown");
    const absl::Status hashed =
        ForEachEntry(0, checkpoint, [&](int64_t index, const std::string& body) {
          if (static_cast<uint64_t>(index) != hasher.size()) return gap;
          hasher.Add(LeafHash(body));
          if (progress_) progress_(1);
          return absl::OkStatus();
        });
    if (hashed == gap) return false;
    if (!hashed.ok()) return hashed;
    if (hasher.size() != checkpoint.size) return false;
    if (hasher.Root() == checkpoint.root) return true;
    return absl::DataLossError(
        absl::StrCat("the checkpoint's root is not that of the ", checkpoint.size, " entries"));
  }

  absl::Status VerifyOne(int64_t index, const std::string& body, const LogCheckpoint& checkpoint) {
    const absl::StatusOr<std::vector<TreeHash>> proof =
        FetchInclusionProof(gateway_, static_cast<uint64_t>(index), checkpoint.size, new_retry_);
    if (!proof.ok() && !absl::IsDataLoss(proof.status())) return proof.status();
    const absl::Status included =
        proof.ok() ? VerifyInclusion(LeafHash(body), static_cast<uint64_t>(index), checkpoint.size,
                                     *proof, checkpoint.root)
                   : proof.status();
    if (!included.ok()) {
      return absl::DataLossError(absl::StrCat("entry ", index, ": ", included.message()));
    }
    if (progress_) progress_(1);
    return absl::OkStatus();
  }

 private:
  Gateway& gateway_;
  const std::function<Retry()>& new_retry_;
  const std::function<void(int64_t)>& progress_;
  const EntryVisitor& visit_;
};

}  // namespace

absl::StatusOr<LogReport> VerifyLog(Gateway& gateway, const LogVerifierKey& key,
                                    const std::optional<LogCheckpoint>& held, int64_t start,
                                    const std::function<Retry()>& new_retry,
                                    const std::function<void(int64_t)>& progress,
                                    const EntryVisitor& visit) {
  Verification verification(gateway, new_retry, progress, visit);
  LogReport report;
  absl::StatusOr<LogCheckpoint> checkpoint = verification.FetchCheckpoint(key);
  if (!checkpoint.ok()) return checkpoint.status();
  report.checkpoint = *std::move(checkpoint);
  if (held.has_value()) {
    const absl::Status continued = verification.ProveContinuation(*held, report.checkpoint);
    if (!continued.ok()) return continued;
    report.continued = true;
  }
  // As a whole the tree says nothing of an entry before its end.
  if (start == 0 && visit == nullptr) {
    const absl::StatusOr<bool> whole = verification.VerifyWhole(report.checkpoint);
    if (!whole.ok()) return whole.status();
    report.whole = *whole;
    if (report.whole) {
      report.entries = static_cast<int64_t>(report.checkpoint.size);
      return report;
    }
  }
  const absl::Status verified = verification.ForEachEntry(
      start, report.checkpoint, [&](int64_t index, const std::string& body) {
        ++report.entries;
        return verification.VerifyOne(index, body, report.checkpoint);
      });
  if (!verified.ok()) return verified;
  return report;
}

std::string HeldCheckpoints::DefaultDirectory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state != '\0') return absl::StrCat(state, "/sluice");
  const char* home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "." : home, "/.local/state/sluice");
}

std::string HeldCheckpoints::PathOf(absl::string_view origin) const {
  const TreeHash hash = LeafHash(origin);
  std::string name;
  for (const char c : origin.substr(0, 64)) {
    name.push_back(absl::ascii_isalnum(static_cast<unsigned char>(c)) ? c : '-');
  }
  // The hash parts origins that read alike as file names.
  return absl::StrCat(
      directory_, "/", name, "-",
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash.data()), 4)),
      ".checkpoint");
}

absl::StatusOr<std::optional<HeldCheckpoints::Held>> HeldCheckpoints::Load(
    absl::string_view origin) const {
  const std::string path = PathOf(origin);
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  if (!bytes.ok()) return bytes.status();
  const size_t line = bytes->find('\n');
  const absl::StatusOr<LogVerifierKey> key = LogVerifierKey::Parse(bytes->substr(0, line));
  absl::Status damage = key.status();
  if (key.ok() && line != std::string::npos) {
    absl::StatusOr<LogCheckpoint> checkpoint = OpenCheckpoint(bytes->substr(line + 1), *key);
    if (checkpoint.ok() && checkpoint->origin == origin) return Held{*key, *std::move(checkpoint)};
    damage = checkpoint.status();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the held checkpoint in ", path, " is damaged: ", damage.message()));
}

absl::Status HeldCheckpoints::Save(const LogVerifierKey& key,
                                   const LogCheckpoint& checkpoint) const {
  return ReplaceFile(PathOf(checkpoint.origin), absl::StrCat(key.text(), "\n", checkpoint.note));
}

}  // namespace sluice::client
