#include "server/catalog_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/kept_catalog.h"

namespace sluice::server {

absl::StatusOr<std::vector<policy::TypesFile>> ReadTypes(const std::string& directory) {
  std::vector<policy::TypesFile> files;
  if (directory.empty()) return files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("the directory of record types cannot be read: ", directory));
  }
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!policy::IsTypesFileName(name)) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    // One byte more than allowed, so that what is too large is refused and not cut.
    std::string bytes(policy::kMaxTypesFileBytes + 1, '\0');
    if (!entry.is_regular_file(error) || !in) {
      return absl::FailedPreconditionError(absl::StrCat(name, ": cannot be read"));
    }
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<size_t>(in.gcount()));
    files.push_back({name, std::move(bytes)});
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

absl::StatusOr<std::shared_ptr<const policy::Catalog>> OpenCatalog(const std::string& directory,
                                                                   Store& store) {
  const absl::StatusOr<std::vector<policy::TypesFile>> files = ReadTypes(directory);
  if (!files.ok()) return files.status();
  const absl::StatusOr<std::shared_ptr<const policy::Catalog>> current =
      policy::CatalogWithTypes(*files);
  if (!current.ok()) return current.status();
  const absl::StatusOr<std::vector<std::string>> kept = store.Catalogs();
  if (!kept.ok()) return kept.status();
  absl::StatusOr<std::shared_ptr<const policy::Catalog>> catalog =
      policy::CatalogAfter(*current, *kept);
  if (!catalog.ok() || policy::IsKept(**current, *kept)) return catalog;
  const std::string bytes = policy::Keep(**current);
  Work work;
  work.bytes = bytes.size();
  work.apply = [&bytes](Transaction& transaction) { return transaction.PutCatalog(bytes); };
  if (absl::Status put = store.Commit(std::move(work)); !put.ok()) return put;
  return catalog;
}

}  // namespace sluice::server
