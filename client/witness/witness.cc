#include "client/witness/witness.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace sluice::witness {
namespace {

constexpr char kSizeType[] = "text/x.tlog.size";

void Refuse(WitnessAnswer& answer, int status, absl::string_view event, absl::string_view detail) {
  answer.status = status;
  answer.event = std::string(event);
  answer.detail = std::string(detail);
  answer.body = absl::StrCat(detail, "\n");
}

// The largest checkpoint that was cosigned, told as the specification has it.
void RefuseSize(WitnessAnswer& answer, uint64_t size, absl::string_view event,
                absl::string_view detail) {
  Refuse(answer, 409, event, detail);
  answer.content_type = kSizeType;
  answer.body = absl::StrCat(size, "\n");
}

// A known key's signature, and none of a known key that is bad.
bool IsSigned(const client::SignedNote& note, const std::vector<client::LogVerifierKey>& keys) {
  bool is_signed = false;
  for (const client::NoteSignature& signature : note.signatures) {
    for (const client::LogVerifierKey& key : keys) {
      if (!key.IsOf(signature)) continue;
      if (!key.Verify(note.text, signature.bytes)) return false;
      is_signed = true;
    }
  }
  return is_signed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Witness>> Witness::Create(
    const WitnessKey* key, CheckpointKeeper* keeper,
    const std::vector<client::LogVerifierKey>& logs, std::function<absl::Time()> clock) {
  std::unique_ptr<Witness> witness = absl::WrapUnique(new Witness(key, keeper, std::move(clock)));
  for (const client::LogVerifierKey& log : logs) {
    witness->logs_[log.name()].keys.push_back(log);
  }
  for (auto& [origin, log] : witness->logs_) {
    if (absl::Status loaded = witness->Load(origin, log); !loaded.ok()) return loaded;
  }
  return witness;
}

absl::Status Witness::Load(absl::string_view origin, Log& log) {
  const absl::StatusOr<std::optional<std::string>> kept = keeper_->Load(origin);
  if (!kept.ok()) return kept.status();
  if (!kept->has_value()) return absl::OkStatus();
  const auto damaged = [&](absl::string_view why) {
    return absl::DataLossError(
        absl::StrCat("what was kept of the log ", origin, " is damaged: ", why));
  };
  const absl::StatusOr<client::SignedNote> note = client::ParseSignedNote(**kept);
  if (!note.ok()) return damaged(note.status().message());
  const absl::StatusOr<client::TreeHead> head = client::ParseTreeHead(note->text);
  if (!head.ok()) return damaged(head.status().message());
  if (head->origin != origin) return damaged("it is of another log");
  absl::StatusOr<absl::Time> time = absl::NotFoundError("this witness did not cosign it");
  for (const client::NoteSignature& signature : note->signatures) {
    time = key_->Verify(note->text, signature);
    if (!absl::IsNotFound(time.status())) break;
  }
  if (!time.ok()) return damaged(time.status().message());
  absl::MutexLock lock(&log.mutex);
  log.size = head->size;
  log.root = head->root;
  log.cosigned = *time;
  return absl::OkStatus();
}

WitnessAnswer Witness::AddCheckpoint(absl::string_view body) {
  WitnessAnswer answer;
  const absl::StatusOr<AddCheckpointRequest> request = ParseAddCheckpointRequest(body);
  if (!request.ok()) {
    Refuse(answer, 400, "malformed", request.status().message());
    return answer;
  }
  const auto found = logs_.find(request->head.origin);
  if (found == logs_.end()) {
    Refuse(answer, 404, "unknown_log", "this witness does not know the log");
    return answer;
  }
  Log& log = found->second;
  answer.origin = found->first;
  answer.old_size = request->old_size;
  answer.size = request->head.size;
  if (!IsSigned(request->note, log.keys)) {
    Refuse(answer, 403, "not_signed", "no key that is known for the log has signed this");
    return answer;
  }
  if (request->old_size > request->head.size) {
    Refuse(answer, 400, "malformed", "the old size is larger than the checkpoint's");
    return answer;
  }
  // From the comparison until the checkpoint is kept, nobody else may compare.
  absl::MutexLock lock(&log.mutex);
  if (log.is_broken) {
    Refuse(answer, 503, "broken", "what is kept of the log is not known");
  } else if (request->old_size != log.size) {
    RefuseSize(answer, log.size, "other_size", "the old size is not that of the last checkpoint");
  } else if (request->old_size == request->head.size && request->head.root != log.root) {
    RefuseSize(answer, log.size, "fork", "two roots of one size");
    answer.evidence = request->checkpoint;
  } else if (const absl::Status proved = client::VerifyConsistency(
                 log.size, log.root, request->head.size, request->head.root, request->proof);
             !proved.ok()) {
    Refuse(answer, 422, "not_proved", proved.message());
    answer.evidence = request->checkpoint;
  } else {
    Cosign(*request, log, answer);
  }
  return answer;
}

void Witness::Cosign(const AddCheckpointRequest& request, Log& log, WitnessAnswer& answer) {
  // Of two cosignatures the later one is never of the smaller tree, whatever a clock does.
  const absl::Time time = std::max(clock_(), log.cosigned);
  absl::StatusOr<std::string> cosignature = key_->Cosign(request.note.text, time);
  if (!cosignature.ok()) {
    Refuse(answer, 503, "not_kept", cosignature.status().message());
    return;
  }
  // The same size again is kept already: a second signature says only that nothing came since.
  if (request.head.size != log.size || log.cosigned == absl::InfinitePast()) {
    // With no other signature than ours: it says who saw it, and fits whatever a log sends.
    const std::string kept = absl::StrCat(request.note.text, "\n", *cosignature);
    if (const absl::Status saved = keeper_->Save(request.head.origin, kept); !saved.ok()) {
      log.is_broken = absl::IsDataLoss(saved);
      Refuse(answer, 503, "not_kept", saved.message());
      return;
    }
  }
  log.size = request.head.size;
  log.root = request.head.root;
  log.cosigned = time;
  answer.status = 200;
  answer.event = "cosigned";
  answer.body = *std::move(cosignature);
}

}  // namespace sluice::witness
