// Makes a permit for a test of what comes after Decide. Tests alone include this; no library does.
#ifndef SLUICE_TESTS_SUPPORT_PERMIT_FOR_TEST_H_
#define SLUICE_TESTS_SUPPORT_PERMIT_FOR_TEST_H_

#include <memory>
#include <string>
#include <utility>

#include "policy/decide.h"

namespace sluice::policy {

class PermitForTest {
 public:
  static Permit Make(std::shared_ptr<const Plan> plan,
                     std::shared_ptr<const CompiledMou> mou = nullptr, std::string purpose = "test",
                     v1::Operation operation = v1::OPERATION_READ) {
    Permit permit;
    permit.mou_ = std::move(mou);
    permit.plan_ = std::move(plan);
    permit.purpose_ = std::make_shared<const std::string>(std::move(purpose));
    permit.operation_ = operation;
    return permit;
  }
};

}  // namespace sluice::policy

#endif  // SLUICE_TESTS_SUPPORT_PERMIT_FOR_TEST_H_
