#include "server/audit/sequencer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "server/audit/checkpoint.h"
#include "server/audit/signed_note.h"
#include "server/key_name.h"

namespace sluice::server {
namespace {

// Of what others appended, what is read at a time.
constexpr uint64_t kBlock = 4096;

}  // namespace

Sequencer::Sequencer(Parts parts, Head head)
    : parts_(std::move(parts)), pending_(head), durable_(std::move(head)) {}

absl::StatusOr<uint64_t> Sequencer::Append(Transaction& transaction, const EncodedEntry& entry) {
  EntryStamp stamp;
  // Time in the log never goes back, whatever the clock does.
  stamp.time_ms = std::max(pending_.time_ms, absl::ToUnixMillis(parts_.clock()));
  stamp.writer = parts_.writer;
  stamp.boot = parts_.boot;
  stamp.wseq = pending_.wseq;
  absl::StatusOr<std::string> body = StampEntry(entry, stamp);
  if (!body.ok()) return body.status();

  LogRow row;
  row.index = pending_.range.size();
  row.leaf_hash = LeafHash(*body);
  row.writer = parts_.writer;
  row.boot = parts_.boot;
  row.wseq = stamp.wseq;
  row.body = *std::move(body);
  row.openings = entry.openings;
  row.subjects_of = entry.subjects_of;
  row.containers = entry.containers;
  const absl::Status inserted = transaction.InsertLogRow(row);
  if (!inserted.ok()) return inserted;

  pending_.range.Append(row.leaf_hash);
  pending_.time_ms = stamp.time_ms;
  ++pending_.wseq;
  leaves_.push_back(row.leaf_hash);
  rows_.push_back(std::move(row.body));
  return row.index;
}

absl::Status Sequencer::GrowDictionary(Transaction& transaction, absl::string_view owner,
                                       const std::vector<NewSubject>& subjects) {
  if (subjects.empty()) return absl::OkStatus();
  absl::StatusOr<std::pair<uint64_t, std::vector<Hash>>> head = transaction.DictionaryHead(owner);
  if (!head.ok()) return head.status();
  absl::StatusOr<CompactRange> dictionary =
      CompactRange::Create(head->first, std::move(head->second));
  if (!dictionary.ok()) return absl::DataLossError("a dictionary's head does not fit its size");
  const uint64_t begin = dictionary->size() + 1;  // ordinals begin at 1: 0 is nobody
  // At once: each draw has its price, whatever its size.
  std::string random(subjects.size() * kSaltBytes, '\0');
  const absl::Status drawn =
      parts_.random(absl::MakeSpan(reinterpret_cast<uint8_t*>(random.data()), random.size()));
  if (!drawn.ok()) return drawn;
  std::vector<std::string> salts;
  salts.reserve(subjects.size());
  for (const NewSubject& subject : subjects) {
    if (subject.ordinal != dictionary->size() + 1) {
      return absl::InternalError("a dictionary's ordinals are not in sequence");
    }
    salts.push_back(random.substr(salts.size() * kSaltBytes, kSaltBytes));
    const absl::string_view id(reinterpret_cast<const char*>(subject.id.bytes.data()),
                               subject.id.bytes.size());
    dictionary->Append(LeafHash(HashBytes(Commitment("dict1", salts.back(), id))));
  }
  absl::Status put = transaction.PutDictionaryOpenings(owner, subjects[0].ordinal, salts);
  if (put.ok()) put = transaction.PutDictionaryHead(owner, dictionary->size(), dictionary->roots());
  if (!put.ok()) return put;

  OrdinalsEntry entry;
  entry.owner = std::string(owner);
  entry.begin = begin;
  entry.end = dictionary->size() + 1;
  entry.root = absl::Base64Escape(HashBytes(dictionary->Root()));
  absl::StatusOr<EncodedEntry> encoded = EncodeEntry(entry, parts_.random);
  if (!encoded.ok()) return encoded.status();
  return Append(transaction, *encoded).status();
}

absl::Status Sequencer::Begin() {
  if (parts_.shared != nullptr) {
    if (absl::Status status = Follow(); !status.ok()) return status;
  }
  pending_ = head();
  leaves_.clear();
  rows_.clear();
  return absl::OkStatus();
}

absl::Status Sequencer::Follow() {
  absl::StatusOr<LogHead> now = parts_.shared->ReadLogHead();
  if (!now.ok()) return now.status();
  Head head = this->head();
  if (now->size < head.range.size()) {
    return Fail(absl::DataLossError("the log was rolled back under the running gateway"));
  }
  if (now->size == head.range.size()) {
    if (now->size == 0 || now->root == head.range.Root()) return absl::OkStatus();
    return Fail(absl::DataLossError("the log was changed under the running gateway"));
  }
  std::vector<Hash> newest;
  absl::Status grown = Grow(*now, head, newest);
  if (grown.ok()) grown = GrowTiles(*now, newest);
  // What could not be read may be read another time; what was read and is wrong stays wrong.
  if (absl::IsDataLoss(grown)) return Fail(std::move(grown));
  if (!grown.ok()) return grown;
  absl::MutexLock lock(&mutex_);
  durable_ = std::move(head);
  return absl::OkStatus();
}

absl::Status Sequencer::GrowTiles(const LogHead& now, const std::vector<Hash>& newest) const {
  HashTiles& tiles = *parts_.tiles;
  const uint64_t before_newest = now.size - newest.size();
  const bool again = tiles.size() < before_newest;
  while (tiles.size() < before_newest) {
    absl::StatusOr<std::vector<Hash>> leaves =
        parts_.shared->ReadLeafHashes(tiles.size(), std::min(tiles.size() + kBlock, before_newest));
    if (!leaves.ok()) return leaves.status();
    if (leaves->empty()) return absl::DataLossError("the log misses an entry");
    tiles.Append(*leaves);
  }
  tiles.Append(newest);
  if (!again) return absl::OkStatus();
  absl::StatusOr<Hash> root = tiles.Root(now.size);
  if (!root.ok()) return root.status();
  if (*root != now.root) return absl::DataLossError("the log was changed while it was read");
  return absl::OkStatus();
}

absl::Status Sequencer::Grow(const LogHead& now, Head& head, std::vector<Hash>& newest) const {
  for (uint64_t begin = head.range.size(); begin < now.size; begin += kBlock) {
    absl::StatusOr<std::vector<Hash>> leaves =
        parts_.shared->ReadLeafHashes(begin, std::min(begin + kBlock, now.size));
    if (!leaves.ok()) return leaves.status();
    newest = *std::move(leaves);
    for (const Hash& leaf : newest) head.range.Append(leaf);
  }
  if (head.range.size() != now.size || head.range.Root() != now.root) {
    return absl::DataLossError("the log did not grow from what this gateway saw");
  }
  Checkpoint checkpoint;
  checkpoint.origin = parts_.key->origin();
  checkpoint.size = now.size;
  checkpoint.root = now.root;
  absl::StatusOr<NoteVerifier> verifier = NoteVerifier::Create(parts_.key->vkey());
  if (!verifier.ok()) return verifier.status();
  absl::StatusOr<Checkpoint> is_signed = OpenCheckpoint(now.checkpoint, *verifier);
  if (!is_signed.ok() || is_signed->Body() != checkpoint.Body()) {
    return absl::DataLossError("the log's head is not what its checkpoint says");
  }
  head.checkpoint = now.checkpoint;
  bool is_newest = false;
  absl::Status read = parts_.shared->ReadLogRows(now.size - 1, now.size, [&](const LogRow& row) {
    absl::StatusOr<ParsedEntry> entry = ParseEntry(row.body);
    is_newest = entry.ok() && LeafHash(row.body) == newest.back();
    if (is_newest) head.time_ms = std::max(head.time_ms, entry->time_ms);
    return false;
  });
  if (!read.ok()) return read;
  if (!is_newest) return absl::DataLossError("the log's newest entry is not what was hashed");
  // An own group of which no answer came is among them, if it is there.
  absl::StatusOr<uint64_t> own = parts_.shared->LastWseq(parts_.writer, parts_.boot);
  if (own.ok()) head.wseq = std::max(head.wseq, *own + 1);
  return absl::IsNotFound(own.status()) ? absl::OkStatus() : own.status();
}

absl::Status Sequencer::AppendKeys(Transaction& transaction) {
  KeyTransaction* const keys = transaction.keys();
  if (keys == nullptr) return absl::OkStatus();
  absl::StatusOr<std::vector<KekName>> made = keys->Unlogged();
  if (!made.ok()) return made.status();
  for (const KekName& name : *made) {
    KeyEntry entry;
    entry.action = "CREATED";
    entry.owner = name.owner;
    entry.key = std::string(KeyWord(name.scope));
    entry.version = name.version;
    absl::StatusOr<EncodedEntry> encoded = EncodeEntry(entry, parts_.random);
    if (!encoded.ok()) return encoded.status();
    absl::StatusOr<uint64_t> index = Append(transaction, *encoded);
    if (!index.ok()) return index.status();
    if (absl::Status status = keys->SetLogged(name, *index); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void Sequencer::BeginWork() { before_work_ = pending_; }

void Sequencer::UndoWork() {
  const uint64_t undone = pending_.range.size() - before_work_.range.size();
  leaves_.resize(leaves_.size() - undone);
  rows_.resize(rows_.size() - undone);
  pending_ = before_work_;
}

absl::Status Sequencer::BeforeCommit(Transaction& transaction) {
  absl::Status sound = fault();
  if (!sound.ok()) return sound;
  if (absl::Status keys = AppendKeys(transaction); !keys.ok()) return keys;
  if (rows_.empty()) return absl::OkStatus();
  // A bit that flips between hash and store would put an entry into the log that no proof holds
  // for, and a checkpoint that was signed can't be taken back.
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (LeafHash(rows_[i]) != leaves_[i]) {
      return Fail(absl::DataLossError("an entry changed between hash and store"));
    }
  }
  Checkpoint checkpoint;
  checkpoint.origin = parts_.key->origin();
  checkpoint.size = pending_.range.size();
  checkpoint.root = pending_.range.Root();
  absl::StatusOr<std::string> note = parts_.key->SignNote(checkpoint.Body());
  if (!note.ok()) return note.status();
  pending_.checkpoint = *std::move(note);

  LogHead head;
  head.size = checkpoint.size;
  head.root = checkpoint.root;
  head.compact_range = pending_.range.roots();
  head.checkpoint = pending_.checkpoint;
  const absl::Status updated = transaction.UpdateLogHead(head.size - rows_.size(), head);
  if (absl::IsAborted(updated) && parts_.shared == nullptr) {
    return Fail(absl::DataLossError("the log's head was moved by another writer"));
  }
  return updated;
}

void Sequencer::AfterCommit() {
  if (rows_.empty()) return;
  parts_.tiles->Append(leaves_);
  absl::MutexLock lock(&mutex_);
  durable_ = pending_;
  leaves_.clear();
  rows_.clear();
}

Sequencer::Head Sequencer::head() const {
  absl::MutexLock lock(&mutex_);
  return durable_;
}

absl::Status Sequencer::fault() const {
  absl::MutexLock lock(&mutex_);
  return fault_;
}

absl::Status Sequencer::Fail(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  fault_ = status;
  return status;
}

}  // namespace sluice::server
