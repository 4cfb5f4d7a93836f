// Tokens of SoftHSM in a directory of the test's own, and a source of keys that stands on one.
#ifndef SLUICE_TESTS_SUPPORT_SOFTHSM_FIXTURE_H_
#define SLUICE_TESTS_SUPPORT_SOFTHSM_FIXTURE_H_

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/key_encryption_keys.h"
#include "server/key_source.h"
#include "server/pkcs11_module.h"
#include "tests/support/faulty_pkcs11.h"

namespace sluice::server {

inline constexpr char kTokenLabel[] = "sluice";

class SoftHsmTest : public ::testing::Test {
 protected:
  SoftHsmTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "softhsm.XXXXXX");
    parent_ = mkdtemp(pattern.data());
    std::filesystem::create_directory(Path("tokens"));
    std::ofstream(Path("softhsm2.conf")) << "directories.tokendir = " << Path("tokens") << "\n"
                                         << "objectstore.backend = file\nlog.level = ERROR\n";
    // Read when the module starts; the children of the test inherit it.
    setenv("SOFTHSM2_CONF", Path("softhsm2.conf").c_str(), 1);
    // A module that others could change is refused, and a build's umask may be any.
    EXPECT_EQ(chmod(SLUICE_FAULTY_PKCS11, 0755), 0);
    InitToken(kTokenLabel);
    SetPin("1234");
    Pkcs11Faults& mended = faults();
    mended.fail = 0;
    mended.lose_answer = mended.destroy_nothing = mended.no_key_wrap = mended.vague =
        mended.no_unwrap = false;
    mended.token_flags = 0;
    mended.logins = mended.sessions = 0;
    source_.directory = Path("keys");
    source_.pkcs11 =
        TokenSource{.module = SLUICE_FAULTY_PKCS11, .token = kTokenLabel, .pin_file = Path("pin")};
  }
  ~SoftHsmTest() override { std::filesystem::remove_all(parent_); }

  std::string Path(absl::string_view name) const { return absl::StrCat(parent_, "/", name); }
  // With the PIN 1234. Not while the module is in use.
  void InitToken(absl::string_view label) const {
    ASSERT_EQ(system(absl::StrCat("softhsm2-util --init-token --free --so-pin 5678 --pin 1234 "
                                  "--label '",
                                  label, "' >/dev/null")
                         .c_str()),
              0);
  }
  void SetPin(absl::string_view pin) const {
    std::ofstream(Path("pin"), std::ios::trunc) << pin << "\n";
    ASSERT_EQ(chmod(Path("pin").c_str(), 0600), 0);
  }
  absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> TryOpenKeks() const {
    return OpenKeyEncryptionKeys(source_, absl::Now);
  }
  std::unique_ptr<KeyEncryptionKeys> OpenKeks() const {
    absl::StatusOr<std::unique_ptr<KeyEncryptionKeys>> keks = TryOpenKeks();
    EXPECT_TRUE(keks.ok()) << keks.status();
    return *std::move(keks);
  }

  Pkcs11Faults& faults() const {
    void* const library = dlopen(SLUICE_FAULTY_PKCS11, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    EXPECT_NE(library, nullptr);
    return *reinterpret_cast<decltype(&faulty_pkcs11_faults)>(
        dlsym(library, "faulty_pkcs11_faults"))();
  }
  // Ends all sessions, as a token does that restarts.
  void CloseAllSessions() const {
    const auto module = Pkcs11Module::Load(SLUICE_FAULTY_PKCS11).value();
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    ASSERT_EQ((*module)->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; ++i) (void)(*module)->C_CloseAllSessions(slots[i]);
  }
  // The files of all tokens, as if there were none.
  void LoseTokens() const {
    std::filesystem::remove_all(Path("tokens"));
    std::filesystem::create_directory(Path("tokens"));
  }

  std::string parent_;
  KeySource source_;
};

}  // namespace sluice::server

#endif  // SLUICE_TESTS_SUPPORT_SOFTHSM_FIXTURE_H_
