#include "policy/disclosures.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "policy/plan_index.h"

namespace sluice::policy {
namespace {

constexpr size_t kMaxPieces = 100'000;

class Enumeration {
 public:
  Enumeration(const CompiledMou& mou, const RowFrames& frames) : mou_(mou), frames_(frames) {}

  absl::StatusOr<std::vector<Disclosure>> Run();

 private:
  // Prohibitions, by their place.
  using Places = std::vector<size_t>;

  // Of one grant to one recipient.
  void Add(size_t grant, absl::string_view recipient);
  // On the days of `period`, in all of which these prohibitions concern the grant and no other.
  void AddDays(const Disclosure& to, const CompiledGrant& grant, CivilPeriod period,
               const Places& concern);

  const CompiledMou& mou_;
  const RowFrames& frames_;
  std::vector<Disclosure> disclosures_;
};

void Enumeration::Add(size_t index, absl::string_view recipient) {
  const CompiledGrant& grant = mou_.grants()[index];
  Disclosure to;
  to.recipient = recipient;
  to.owner = grant.grant.owner;
  to.purpose = grant.purpose;
  to.type = grant.type;
  to.operations = grant.operations;
  to.grant = index;
  // In between these days nothing changes.
  std::set<absl::CivilDay> days = {grant.period.effective, grant.period.expires};
  for (const CompiledProhibition& p : mou_.prohibitions()) {
    for (absl::CivilDay day : {p.period.effective, p.period.expires}) {
      if (grant.period.Contains(day)) days.insert(day);
    }
  }
  CivilPeriod span{grant.period.effective, grant.period.effective};
  Places concern_span;
  for (auto day = days.begin(); std::next(day) != days.end(); ++day) {
    Places concern;
    for (size_t i = 0; i < mou_.prohibitions().size(); ++i) {
      if (Concerns(mou_.prohibitions()[i], grant, recipient, *day)) concern.push_back(i);
    }
    if (concern != concern_span && span.effective != span.expires) {
      AddDays(to, grant, span, concern_span);
      span.effective = *day;
    }
    concern_span = std::move(concern);
    span.expires = *std::next(day);
  }
  AddDays(to, grant, span, concern_span);
}

void Enumeration::AddDays(const Disclosure& to, const CompiledGrant& grant, CivilPeriod period,
                          const Places& concern) {
  const RowFrame& frame = frames_.at(grant.type);
  const std::optional<RowPiece> all = PieceOf(grant.grant.rows, frame);
  if (!all.has_value()) return;
  // The fields that the same prohibitions list lose the same rows.
  std::map<Places, std::vector<const PlanField*>> groups;
  for (const PlanField& field : grant.grant.fields) {
    Places lists;
    for (size_t i : concern) {
      if (Lists(mou_.prohibitions()[i].prohibition, field.field)) lists.push_back(i);
    }
    groups[std::move(lists)].push_back(&field);
  }
  for (const auto& [lists, fields] : groups) {
    std::vector<RowPiece> pieces = {*all};
    for (size_t i : lists) {
      const std::optional<RowPiece> cut = PieceOf(mou_.prohibitions()[i].prohibition.rows, frame);
      if (!cut.has_value()) continue;
      std::vector<RowPiece> left;
      for (const RowPiece& piece : pieces) {
        for (RowPiece& part : Difference(piece, *cut)) left.push_back(std::move(part));
      }
      pieces = std::move(left);
      if (pieces.size() + disclosures_.size() > kMaxPieces) break;
    }
    for (RowPiece& piece : pieces) {
      disclosures_.push_back(to);
      disclosures_.back().period = period;
      disclosures_.back().fields = fields;
      disclosures_.back().rows = std::move(piece);
    }
  }
}

absl::StatusOr<std::vector<Disclosure>> Enumeration::Run() {
  for (size_t i = 0; i < mou_.grants().size(); ++i) {
    if (mou_.grants()[i].type == nullptr) continue;
    for (const std::string& recipient : mou_.grants()[i].to) {
      Add(i, recipient);
      if (disclosures_.size() > kMaxPieces) {
        return absl::ResourceExhaustedError(
            "the prohibitions cut the rows into more than 100,000 pieces");
      }
    }
  }
  return std::move(disclosures_);
}

}  // namespace

void AddToFrames(const CompiledMou& mou, RowFrames& frames) {
  for (const CompiledGrant& grant : mou.grants()) {
    if (grant.type == nullptr) continue;
    RowFrame& frame = frames[grant.type];
    AddToFrame(grant.grant.rows, frame);
    for (const CompiledProhibition& p : mou.prohibitions()) {
      if (p.record_type == grant.record_type) AddToFrame(p.prohibition.rows, frame);
    }
  }
}

absl::StatusOr<std::vector<Disclosure>> DisclosuresOf(const CompiledMou& mou,
                                                      const RowFrames& frames) {
  return Enumeration(mou, frames).Run();
}

}  // namespace sluice::policy
