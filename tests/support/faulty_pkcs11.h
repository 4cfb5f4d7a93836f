// SoftHSM's PKCS#11 module, with a token that fails when a test says so. A library of its own, to
// be loaded as any other module is; a test in the same process finds its faults by
// `faulty_pkcs11_faults`.
//
// Thread-safe.
#ifndef SLUICE_TESTS_SUPPORT_FAULTY_PKCS11_H_
#define SLUICE_TESTS_SUPPORT_FAULTY_PKCS11_H_

#include <p11-kit/pkcs11.h>

#include <atomic>

struct Pkcs11Faults {
  // Of the calls that do something to a token's objects, the next `fail` answer `result`.
  std::atomic<int> fail{0};
  std::atomic<CK_RV> result{CKR_OK};
  // The next key is made, and the answer lost: it is CKR_DEVICE_REMOVED.
  std::atomic<bool> lose_answer{false};
  // The next keys stay where they are, though it is said that they were destroyed.
  std::atomic<bool> destroy_nothing{false};
  std::atomic<bool> no_key_wrap{false};  // the token lacks the mechanism
  std::atomic<bool> vague{false};        // what can't be unwrapped is CKR_FUNCTION_FAILED
  std::atomic<bool> no_unwrap{false};    // nothing can be unwrapped: CKR_FUNCTION_FAILED
  std::atomic<CK_FLAGS> token_flags{0};  // beside those that it has
  std::atomic<int> logins{0};
  std::atomic<int> sessions{0};
};

extern "C" Pkcs11Faults* faulty_pkcs11_faults();

#endif  // SLUICE_TESTS_SUPPORT_FAULTY_PKCS11_H_
