// Whether a log's directory is what it claims, by two that know nothing of the gateway's tree:
// `sluice audit verify`, and software that is not of this project. A test that asks them needs the
// fixture `tlog_verify`.
//
// Thread-safe.
#ifndef SLUICE_TESTS_E2E_LOG_VERIFIERS_H_
#define SLUICE_TESTS_E2E_LOG_VERIFIERS_H_

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice::tests {

// `state`: where the command holds the checkpoint of the last time, which the log must continue.
// DATA_LOSS, with what was said, unless both accept the directory and hold the same size of it. If
// it grows meanwhile they are asked again.
absl::Status VerifyLog(const std::filesystem::path& log, const std::filesystem::path& state);

// The size of a directory's checkpoint; 0 while there is none.
int64_t PublishedSize(const std::filesystem::path& log);

}  // namespace sluice::tests

#endif  // SLUICE_TESTS_E2E_LOG_VERIFIERS_H_
