// What every engine's store must do is written against Store alone, in server/store/conformance_*.
// An engine joins by a factory, in a file of its own: `INSTANTIATE_TEST_SUITE_P(Engines,
// StoreConformance, ...)`.
#ifndef SLUICE_TESTS_SUPPORT_STORE_CONFORMANCE_H_
#define SLUICE_TESTS_SUPPORT_STORE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/store/store.h"
#include "tests/support/store_builders.h"

namespace sluice::server {

// Opens the store that lies in a directory, or makes one there.
struct StoreEngine {
  std::string name;
  std::function<std::unique_ptr<Store>(const TestDirectory&)> open;
};

class StoreConformance : public testing::TestWithParam<StoreEngine> {
 protected:
  StoreConformance() { Reopen(); }

  void Reopen() {
    store_.reset();
    store_ = GetParam().open(directory_);
  }

  // In scan order.
  std::vector<std::string> Bytes(absl::string_view owner = "state-university",
                                 const std::string& type = "Candidate") {
    const ReadRight right({std::string(owner)}, type);
    std::vector<std::string> bytes;
    const std::vector<ScannedRecord> records = Scan(*store_, right, owner).value();
    for (const ScannedRecord& record : records) bytes.push_back(record.bytes);
    return bytes;
  }

  ScannedRecord Only() {
    std::vector<ScannedRecord> records = Scan(*store_, right_).value();
    EXPECT_EQ(records.size(), 1u);
    return records.at(0);
  }

  TestDirectory directory_;
  std::unique_ptr<Store> store_;
  const ReadRight right_{{"state-university"}};
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_STORE_CONFORMANCE_H_
