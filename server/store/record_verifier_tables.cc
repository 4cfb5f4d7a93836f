// What stands beside records and keys: history, names, joined ids, the dictionaries' names.
#include <algorithm>
#include <vector>

#include "server/store/dictionary.h"
#include "server/store/record_history.h"
#include "server/store/record_verifier.h"
#include "server/store/sealed_bytes.h"

namespace sluice::server {
namespace {

std::string Copy(absl::string_view bytes) { return std::string(bytes); }

}  // namespace

std::string RecordVerifier::NameTag(uint32_t name) {
  std::string tag;
  AppendSealed(uint64_t{0}, tag);
  AppendSealed(uint64_t{name}, tag);
  return tag;
}

absl::Status RecordVerifier::ReadHistory() {
  int64_t begin = 0;
  {
    SqlRun run = begin_.Bind();
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (*row) begin = run.Int(0);
  }
  // What is before it is forgotten, a few rows at a time.
  int64_t position = begin - 1;
  last_.assign(17, '\xff');
  return EachRow(
      "record_history", [&] { return history_.Bind(position, From()); },
      [&](const SqlRow& row) -> absl::Status {
        position = row.Int(0);
        last_ = Copy(row.Bytes(1));
        const Collection* const collection = Find(row.Int(2), "record_history");
        const absl::StatusOr<Hash16> id = row.Array<16>(1);
        if (collection == nullptr || !id.ok()) return absl::OkStatus();
        const absl::StatusOr<Hash16> tie =
            parts_.hasher->HistoryTie({.position = position,
                                       .record_id = *id,
                                       .collection = row.Int(2),
                                       .content_position = row.Int(7),
                                       .sealed_position = row.Int(5)});
        if (!tie.ok()) return tie.status();
        if (row.Bytes(8) != SqlBlob(*tie).bytes) {
          Add("record_history", "it is not what was replaced there", *collection);
        }
        Replaced& replaced = replaced_[{row.Int(2), position}];
        ++replaced.rows;
        if (row.Int(5) == 0) {  // of somebody who was erased: as the tie says
          if (row.Bytes(3).empty() && row.Bytes(4).empty() && row.Bytes(6).empty()) {
            return absl::OkStatus();
          }
          Add("record_history", "it is not what was replaced there", *collection);
        }
        replaced.bytes += static_cast<int64_t>(SealedContentSize(row.Bytes(6).size()));
        return Open({.owner = collection->row.owner,
                     .record_type = collection->row.record_type,
                     .record_id = *id,
                     .position = row.Int(5),
                     .subjects = row.Bytes(3),
                     .identity = row.Bytes(4)},
                    row.Bytes(6), "record_history");
      });
}

absl::Status RecordVerifier::ReadChanges() {
  int64_t id = 0;
  absl::Status status = EachRow(
      "record_change", [&] { return changes_.Bind(id); },
      [&](const SqlRow& row) -> absl::Status {
        id = row.Int(0);
        const Collection* const collection = Find(row.Int(1), "record_change");
        if (collection == nullptr) return absl::OkStatus();
        const auto found = replaced_.find({row.Int(1), row.Int(2)});
        const Replaced replaced = found == replaced_.end() ? Replaced() : found->second;
        if (found != replaced_.end()) replaced_.erase(found);
        if (replaced.rows != row.Int(4) || replaced.bytes != row.Int(5) ||
            row.Bytes(3).size() % RecordHistory::kCreatedBytes != 0 ||
            row.Int(2) > collection->row.position) {
          Add("record_change", "what it replaced is not all there", *collection);
        }
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  for (const auto& [place, replaced] : replaced_) {
    if (const Collection* const collection = Find(place.first, "record_history")) {
      Add("record_history", "it is of no change that is there", *collection);
    }
  }
  return absl::OkStatus();
}

absl::Status RecordVerifier::ReadNames() {
  int64_t collection = -1, name = -1;
  last_.clear();
  absl::Status status = EachRow(
      "further_name", [&] { return names_.Bind(collection, name, From()); },
      [&](const SqlRow& row) -> absl::Status {
        collection = row.Int(0);
        name = row.Int(1);
        last_ = Copy(row.Bytes(2));
        const absl::StatusOr<Hash16> id = row.Array<16>(2);
        if (Find(collection, "further_name") == nullptr || !id.ok()) return absl::OkStatus();
        // Once more: what both say is in it no more.
        further_names_.at(collection).Toggle(*id, NameTag(static_cast<uint32_t>(name)));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  for (auto& [id, names] : further_names_) {
    const absl::StatusOr<Hash16> rest = names.Value();
    if (!rest.ok()) return rest.status();
    if (*rest == Hash16{}) continue;
    Add("further_name", "these are not the names in its records", collections_by_id_.at(id));
  }
  return absl::OkStatus();
}

absl::Status RecordVerifier::ReadIdentities() {
  last_.clear();
  absl::Status status = EachRow(
      "identity", [&] { return identities_.Bind(From()); },
      [&](const SqlRow& row) -> absl::Status {
        last_ = Copy(row.Bytes(0));
        if (const absl::StatusOr<Hash16> name = row.Array<16>(0); name.ok()) {
          joined_->Toggle(*name, row.Bytes(1));
        }
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  const absl::StatusOr<Hash16> rest = joined_->Value();
  if (!rest.ok() || *rest != Hash16{}) {
    parts_.findings->Add({"identity", "these are not the ids that identity records join"});
  }
  return absl::OkStatus();
}

absl::Status RecordVerifier::ReadSubjects(int64_t id, const Owner& owner) {
  int64_t name = 0;
  bool dense = true;
  absl::Status status = EachRow(
      "subject", [&] { return subjects_.Bind(id, name); },
      [&](const SqlRow& row) -> absl::Status {
        dense = dense && row.Int(2) == name + 1 && row.Int(3) >= 1 && row.Int(3) < owner.subjects;
        name = row.Int(2);
        const absl::Status tied = Dictionary::Entry(*parts_.hasher, row).status();
        if (!absl::IsDataLoss(tied)) return tied;
        parts_.findings->Add({"subject", "a name has another's subject", owner.name});
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (!dense || name + 1 != owner.names) {
    parts_.findings->Add({"subject", "its names are not those that were met", owner.name});
  }
  return absl::OkStatus();
}

}  // namespace sluice::server
