// What `sluice` ends with.
#ifndef SLUICE_CLIENT_COMMAND_EXIT_CODE_H_
#define SLUICE_CLIENT_COMMAND_EXIT_CODE_H_

namespace sluice::client {

enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kCheckFailed = 3,
  kTestsFailed = 4,
  kGateFailed = 5,
  kDenied = 6,
  kUnavailable = 7,  // after retries
  kPartlyDone = 8,
};

}  // namespace sluice::client

#endif  // SLUICE_CLIENT_COMMAND_EXIT_CODE_H_
