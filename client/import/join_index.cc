#include "client/import/join_index.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "policy/suggest.h"

namespace sluice::client {
namespace {

constexpr int64_t kCacheBytes = 16 << 20;

// Cells in one string: each after its length, so that no two lists look alike.
std::string Pack(const std::vector<std::string>& cells) {
  std::string packed;
  for (const std::string& cell : cells) {
    const auto size = static_cast<uint32_t>(cell.size());
    packed.append(reinterpret_cast<const char*>(&size), sizeof(size));
    packed.append(cell);
  }
  return packed;
}

std::vector<std::string> Unpack(absl::string_view packed) {
  std::vector<std::string> cells;
  while (packed.size() >= sizeof(uint32_t)) {
    uint32_t size;
    std::memcpy(&size, packed.data(), sizeof(size));
    packed.remove_prefix(sizeof(size));
    cells.emplace_back(packed.substr(0, size));
    packed.remove_prefix(std::min<size_t>(size, packed.size()));
  }
  return cells;
}

}  // namespace

absl::StatusOr<std::unique_ptr<JoinIndex>> JoinIndex::Build(const Mapping& mapping,
                                                            const JoinMapping& join,
                                                            RowSource& source) {
  std::unique_ptr<JoinIndex> index(new JoinIndex());
  const absl::Status filled = index->Fill(mapping, join, source);
  if (!filled.ok()) return filled;
  return index;
}

absl::Status JoinIndex::Fill(const Mapping& mapping, const JoinMapping& join, RowSource& source) {
  absl::StatusOr<std::unique_ptr<TemporaryDatabase>> database =
      TemporaryDatabase::Open(kCacheBytes);
  if (!database.ok()) return database.status();
  database_ = *std::move(database);
  const absl::Status made = database_->Run(
      "CREATE TABLE joined (name BLOB, place INTEGER, cells BLOB, PRIMARY KEY (name, place)) "
      "WITHOUT ROWID");
  if (!made.ok()) return made;
  absl::StatusOr<TemporaryStatement> add =
      database_->Prepare("INSERT INTO joined (name, place, cells) VALUES (?, ?, ?)");
  if (!add.ok()) return add.status();

  // Kept are the columns that are read; where the file lacks one, whoever reads it says so.
  const std::vector<std::string>& there = source.columns();
  const auto column = [&there](const std::string& name) {
    return std::find(there.begin(), there.end(), name) - there.begin();
  };
  std::vector<size_t> kept;
  for (const std::string& name : ColumnsRead(mapping, join.name)) {
    const size_t at = column(name);
    if (at == there.size()) continue;
    kept.push_back(at);
    columns_.push_back(name);
  }
  std::vector<std::string> named;
  for (const auto& [own, other] : join.on) {
    for (int n = join.first; n <= join.last; ++n) {
      named.push_back(Numbered(mapping.format, other, n));
    }
  }
  for (const RowCondition& condition : join.where) named.push_back(condition.column);
  for (const std::string& name : named) {
    if (static_cast<size_t>(column(name)) < there.size()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(mapping.file, ":", join.place.line, ":", join.place.column,
                     ": there is no column \"", name, "\" in ", source.file().name(), " (join ",
                     join.name, ")", policy::DidYouMean(name, there)));
  }

  SourceRow row;
  int64_t place = 0;
  while (true) {
    const absl::StatusOr<bool> read = source.Next(row);
    if (!read.ok()) return read.status();
    if (!*read) break;
    if (!row.status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(source.file().PlaceOf(row.line), ": ", row.status.message()));
    }
    const bool taken =
        std::all_of(join.where.begin(), join.where.end(), [&](const auto& condition) {
          const auto& values = condition.values;
          return (std::find(values.begin(), values.end(), row.cells[column(condition.column)]) !=
                  values.end()) == condition.in;
        });
    if (!taken) continue;
    std::vector<std::string> cells;
    for (const size_t at : kept) cells.push_back(row.cells[at]);
    const std::string packed = Pack(cells);
    std::set<std::string> names;
    for (int n = join.first; n <= join.last; ++n) {
      std::vector<std::string> key;
      for (const auto& [own, other] : join.on) {
        key.push_back(row.cells[column(Numbered(mapping.format, other, n))]);
      }
      if (absl::c_none_of(key, [](const auto& k) { return k.empty(); })) names.insert(Pack(key));
    }
    for (const std::string& name : names) {
      add->Bind(1, name);
      add->Bind(2, ++place);
      add->Bind(3, packed);
      if (const absl::StatusOr<bool> added = add->Step(); !added.ok()) return added.status();
    }
  }
  if (const absl::Status same = source.CheckUnchanged(); !same.ok()) return same;
  absl::StatusOr<TemporaryStatement> find = database_->Prepare(
      absl::StrCat("SELECT cells FROM joined WHERE name = ? ORDER BY place LIMIT ", kMaxRows + 1));
  if (!find.ok()) return find.status();
  find_.emplace(*std::move(find));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<std::string>>> JoinIndex::Find(
    const std::vector<std::string>& key) {
  std::vector<std::vector<std::string>> rows;
  const std::string name = Pack(key);
  find_->Bind(1, name);
  while (true) {
    const absl::StatusOr<bool> row = find_->Step();
    if (!row.ok()) return row.status();
    if (!*row) return rows;
    rows.push_back(Unpack(find_->Bytes(0)));
    if (rows.size() > kMaxRows) {
      find_->Reset();
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kMaxRows, " joined rows belong to one row"));
    }
  }
}

}  // namespace sluice::client
