// Has a log's directory verified by software that is not of this project, where a build has it:
// those of the sanitizers don't.
#ifndef SLUICE_TESTS_SUPPORT_TLOG_VERIFY_H_
#define SLUICE_TESTS_SUPPORT_TLOG_VERIFY_H_

#include <cstdlib>
#include <string>

namespace sluice {

// Without a verifier: true.
inline bool AcceptedByOthers([[maybe_unused]] const std::string& directory) {
#ifdef TLOG_VERIFY
  return std::system((TLOG_VERIFY " " + directory + " >&2").c_str()) == 0;
#else
  return true;
#endif
}

}  // namespace sluice

#endif  // SLUICE_TESTS_SUPPORT_TLOG_VERIFY_H_
