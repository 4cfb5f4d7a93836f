#include "server/store/log_check.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/audit/merkle.h"
#include "server/store/hash_bytes.h"

namespace sluice::server {
namespace {

constexpr uint64_t kProgressEvery = 100'000;

absl::StatusOr<LogHead> ReadHead(SqlConnection* connection) {
  absl::StatusOr<SqlStatement> select =
      connection->Prepare("SELECT size, root, compact_range, checkpoint FROM log_head");
  if (!select.ok()) return select.status();
  SqlRun run = select->Bind();
  absl::StatusOr<bool> row = run.Next();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("the log's head is missing");
  LogHead head;
  head.size = static_cast<uint64_t>(run.Int(0));
  head.checkpoint = std::string(run.Bytes(3));
  absl::StatusOr<Hash> root = run.Array<sizeof(Hash)>(1);
  if (!root.ok()) return root.status();
  head.root = *root;
  absl::StatusOr<std::vector<Hash>> range = SplitHashes(run.Bytes(2));
  if (!range.ok()) return range.status();
  head.compact_range = *std::move(range);
  return head;
}

absl::StatusOr<CompactRange> FoldEntries(SqlConnection* connection,
                                         const std::function<void(int64_t)>& progress) {
  absl::StatusOr<SqlStatement> select =
      connection->PrepareScan("SELECT idx, leaf_hash, body FROM log_entry ORDER BY idx");
  if (!select.ok()) return select.status();
  SqlRun run = select->Bind();
  CompactRange tree;
  for (;;) {
    absl::StatusOr<bool> row = run.Next();
    if (!row.ok()) return row.status();
    if (!*row) return tree;
    const Hash leaf = LeafHash(run.Bytes(2));
    if (static_cast<uint64_t>(run.Int(0)) != tree.size()) {
      return absl::DataLossError(absl::StrCat("the log misses entry ", tree.size()));
    }
    if (run.Bytes(1) != HashBytes(leaf)) {
      return absl::DataLossError(
          absl::StrCat("the log's entry ", tree.size(), " is not what was hashed"));
    }
    tree.Append(leaf);
    if (progress && tree.size() % kProgressEvery == 0) progress(tree.size());
  }
}

}  // namespace

absl::StatusOr<Checkpoint> CheckWholeLog(SqlConnection* connection, const NoteVerifier& verifier,
                                         const std::function<void(int64_t)>& progress) {
  const absl::StatusOr<LogHead> head = ReadHead(connection);
  if (!head.ok()) return head.status();
  const absl::StatusOr<CompactRange> tree = FoldEntries(connection, progress);
  if (!tree.ok()) return tree.status();
  if (tree->size() != head->size || tree->Root() != head->root ||
      tree->roots() != head->compact_range) {
    return absl::DataLossError("the log's entries do not make the tree that its head says");
  }
  Checkpoint own;
  own.origin = verifier.name();
  own.size = head->size;
  own.root = head->root;
  if (head->size == 0 && head->checkpoint.empty()) return own;
  const absl::StatusOr<Checkpoint> is_signed = OpenCheckpoint(head->checkpoint, verifier);
  if (!is_signed.ok() || is_signed->Body() != own.Body()) {
    return absl::DataLossError("the log's head is not what its checkpoint says");
  }
  return own;
}

}  // namespace sluice::server
