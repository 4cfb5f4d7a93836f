#include "server/pkcs11_token.h"

#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "server/key_wrap.h"
#include "tests/support/softhsm_fixture.h"

namespace sluice::server {
namespace {

using policy::Secret;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kId[] = "an id of 32 bytes, as all are...";

class Pkcs11TokenTest : public SoftHsmTest {
 protected:
  absl::StatusOr<std::unique_ptr<Pkcs11Token>> TryOpen() const {
    return Pkcs11Token::Open(*source_.pkcs11);
  }
  std::unique_ptr<Pkcs11Token> Open() const {
    absl::StatusOr<std::unique_ptr<Pkcs11Token>> token = TryOpen();
    EXPECT_TRUE(token.ok()) << token.status();
    return *std::move(token);
  }
  static void ExpectRefusal(const absl::Status& status, absl::string_view text) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
  }
  // A session beside the token's own, logged in as it is.
  CK_SESSION_HANDLE Beside(const Pkcs11Module& module) const {
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    EXPECT_EQ(module->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    CK_SESSION_HANDLE session = 0;
    EXPECT_EQ(module->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                    &session),
              CKR_OK);
    return session;
  }

  const Secret key_ = Secret::Copy(std::string(32, 'd'));
};

// --- Keys ---

TEST_F(Pkcs11TokenTest, UnwrapsAfterARestartWhatItWrapped) {
  std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  const std::string wrapped = token->Wrap(kId, key_).value();
  token.reset();
  token = Open();
  EXPECT_TRUE(token->Unwrap(kId, wrapped).value() == key_);
  EXPECT_THAT(token->Ids().value(), ElementsAre(kId));
}

TEST_F(Pkcs11TokenTest, WrapsKeysOfWholeBlocks) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  for (const size_t size : {8, 16, 32, 64, 4096}) {
    const Secret key = Secret::Copy(std::string(size, 'k'));
    EXPECT_TRUE(token->Unwrap(kId, token->Wrap(kId, key).value()).value() == key) << size;
  }
  for (const size_t size : {0, 1, 7, 9, 31, 33, 4104}) {
    EXPECT_TRUE(absl::IsInvalidArgument(token->Wrap(kId, Secret(size)).status())) << size;
  }
}

TEST_F(Pkcs11TokenTest, WrapsAsRfc5649Says) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  // A key that we know, put there by other means.
  const auto module = Pkcs11Module::Load(SLUICE_FAULTY_PKCS11).value();
  std::string value(32, 'v'), id = kId;
  CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
  CK_KEY_TYPE aes = CKK_AES;
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &secret_key, sizeof secret_key},
                           {CKA_KEY_TYPE, &aes, sizeof aes},
                           {CKA_TOKEN, &yes, sizeof yes},
                           {CKA_WRAP, &yes, sizeof yes},
                           {CKA_UNWRAP, &yes, sizeof yes},
                           {CKA_ID, id.data(), id.size()},
                           {CKA_VALUE, value.data(), value.size()}};
  CK_OBJECT_HANDLE object = 0;
  ASSERT_EQ((*module)->C_CreateObject(Beside(*module), wanted, std::size(wanted), &object), CKR_OK);
  const Secret kek = Secret::Copy(value);
  EXPECT_EQ(token->Wrap(kId, key_).value(), WrapKey(kek, key_).value());
  EXPECT_TRUE(token->Unwrap(kId, WrapKey(kek, key_).value()).value() == key_);
}

TEST_F(Pkcs11TokenTest, AKeyCanWrapAndNothingElse) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  ASSERT_TRUE(token->Unwrap(kId, token->Wrap(kId, key_).value()).ok());
  const auto module = Pkcs11Module::Load(SLUICE_FAULTY_PKCS11).value();
  const CK_SESSION_HANDLE session = Beside(*module);
  ASSERT_EQ((*module)->C_FindObjectsInit(session, nullptr, 0), CKR_OK);
  CK_OBJECT_HANDLE found[2];
  CK_ULONG count = 0;
  ASSERT_EQ((*module)->C_FindObjects(session, found, 2, &count), CKR_OK);
  ASSERT_EQ((*module)->C_FindObjectsFinal(session), CKR_OK);
  ASSERT_EQ(count, 1u);  // what was wrapped and unwrapped has left nothing
  const auto is = [&](CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE wanted = {type, &value, sizeof value};
    EXPECT_EQ((*module)->C_GetAttributeValue(session, found[0], &wanted, 1), CKR_OK);
    return value == CK_TRUE;
  };
  for (const CK_ATTRIBUTE_TYPE type : {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE,
                                       CKA_NEVER_EXTRACTABLE, CKA_WRAP, CKA_UNWRAP, CKA_LOCAL}) {
    EXPECT_TRUE(is(type)) << type;
  }
  for (const CK_ATTRIBUTE_TYPE type : {CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,
                                       CKA_VERIFY, CKA_DERIVE, CKA_MODIFIABLE}) {
    EXPECT_FALSE(is(type)) << type;
  }
  char value[64];
  CK_ATTRIBUTE wanted = {CKA_VALUE, value, sizeof value};
  EXPECT_EQ((*module)->C_GetAttributeValue(session, found[0], &wanted, 1), CKR_ATTRIBUTE_SENSITIVE);
}

TEST_F(Pkcs11TokenTest, OneThatIsNotThereIsNotFound) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  EXPECT_TRUE(absl::IsNotFound(token->Wrap(kId, key_).status()));
  EXPECT_TRUE(absl::IsNotFound(token->Unwrap(kId, std::string(40, 'w')).status()));
  EXPECT_TRUE(token->Destroy(kId).ok());
}

TEST_F(Pkcs11TokenTest, ADestroyedOneIsGoneForEverybody) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  ASSERT_TRUE(token->Make("another", "a label").ok());
  ASSERT_TRUE(Open()->Destroy(kId).ok());
  EXPECT_TRUE(absl::IsNotFound(token->Wrap(kId, key_).status()));
  EXPECT_TRUE(token->Wrap("another", key_).ok());
}

TEST_F(Pkcs11TokenTest, ATokenThatKeepsWhatItShouldDestroyIsNotBelieved) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  faults().destroy_nothing = true;
  EXPECT_FALSE(token->Destroy(kId).ok());
  faults().destroy_nothing = false;
  EXPECT_TRUE(token->Destroy(kId).ok());
}

TEST_F(Pkcs11TokenTest, EachChangedByteIsDataLossHoweverTheTokenSaysSo) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  const std::string wrapped = token->Wrap(kId, key_).value();
  for (const bool vague : {false, true}) {
    faults().vague = vague;
    for (size_t i = 0; i < wrapped.size(); ++i) {
      std::string changed = wrapped;
      changed[i] ^= 1;
      EXPECT_TRUE(absl::IsDataLoss(token->Unwrap(kId, changed).status())) << i;
    }
  }
  for (const size_t size : {0, 8, 15, 16, 39, 41, 48, 8000}) {
    EXPECT_TRUE(absl::IsDataLoss(token->Unwrap(kId, std::string(size, 'w')).status())) << size;
  }
  // A token that has failed says the same, and the bytes are right.
  faults().no_unwrap = true;
  EXPECT_TRUE(absl::IsUnavailable(token->Unwrap(kId, wrapped).status()));
  faults().no_unwrap = false;
  EXPECT_TRUE(token->Unwrap(kId, wrapped).ok());
}

// --- What is refused ---

TEST_F(Pkcs11TokenTest, SaysWhichTokensThereAre) {
  InitToken("other one");
  source_.pkcs11->token = "third";
  ExpectRefusal(TryOpen().status(), "no token has the label \"third\"");
  ExpectRefusal(TryOpen().status(), "\"other one\"");
  EXPECT_FALSE(Pkcs11Token::Check(*source_.pkcs11).ok());
  source_.pkcs11->token = "other one";
  EXPECT_TRUE(TryOpen().ok());
  EXPECT_TRUE(Pkcs11Token::Check(*source_.pkcs11).ok());
}

TEST_F(Pkcs11TokenTest, RefusesALabelThatTwoHave) {
  InitToken(kTokenLabel);
  ExpectRefusal(TryOpen().status(), "several tokens");
}

TEST_F(Pkcs11TokenTest, TriesAWrongPinOnce) {
  SetPin("4321");
  ExpectRefusal(TryOpen().status(), "refuses the PIN");
  EXPECT_EQ(faults().logins, 1);
  SetPin("1234");
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  EXPECT_EQ(faults().logins, 2);
  SetPin("4321");
  for (int i = 0; i < 3; ++i) {
    CloseAllSessions();
    ExpectRefusal(token->Wrap(kId, key_).status(), "refuses the PIN");
  }
  EXPECT_EQ(faults().logins, 3);
}

TEST_F(Pkcs11TokenTest, NeverTriesAPinWhereAWrongOneWouldLockTheToken) {
  faults().token_flags = CKF_USER_PIN_FINAL_TRY;
  ExpectRefusal(TryOpen().status(), "next wrong PIN");
  faults().token_flags = CKF_USER_PIN_LOCKED;
  ExpectRefusal(TryOpen().status(), "unlock it");
  EXPECT_EQ(faults().logins, 0);
  faults().token_flags = 0;
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(Pkcs11TokenTest, SaysWhatAModuleOrATokenLacks) {
  faults().no_key_wrap = true;
  ExpectRefusal(TryOpen().status(), "CKM_AES_KEY_WRAP_PAD");
  ExpectRefusal(Pkcs11Token::Check(*source_.pkcs11), "CKM_AES_KEY_WRAP_PAD");
  source_.pkcs11->module = "/usr/lib/x86_64-linux-gnu/libcrypto.so.3";
  ExpectRefusal(TryOpen().status(), "is no PKCS#11 module");
}

// --- Sessions ---

TEST_F(Pkcs11TokenTest, ALostSessionIsFollowedByAnother) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  const std::string wrapped = token->Wrap(kId, key_).value();
  const int sessions = faults().sessions;
  CloseAllSessions();
  EXPECT_TRUE(token->Unwrap(kId, wrapped).value() == key_);
  EXPECT_EQ(faults().sessions, sessions + 1);
  for (const CK_RV lost : {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_REMOVED,
                           CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN}) {
    faults().result = lost;
    faults().fail = 1;
    EXPECT_TRUE(token->Wrap(kId, key_).ok()) << lost;
  }
  EXPECT_EQ(faults().sessions, sessions + 6);
}

TEST_F(Pkcs11TokenTest, ATokenThatStaysAwayIsUnavailableUntilItIsBack) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  const int sessions = faults().sessions;
  faults().result = CKR_DEVICE_REMOVED;
  faults().fail = 1000;
  EXPECT_TRUE(absl::IsUnavailable(token->Wrap(kId, key_).status()));
  EXPECT_LE(faults().sessions, sessions + 1);
  EXPECT_GE(faults().fail, 998);
  faults().fail = 0;
  EXPECT_TRUE(token->Wrap(kId, key_).ok());
}

TEST_F(Pkcs11TokenTest, ALostAnswerMakesNoSecondKey) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  faults().lose_answer = true;
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  ASSERT_TRUE(token->Destroy(kId).ok());
  EXPECT_THAT(token->Ids().value(), SizeIs(0));
}

TEST_F(Pkcs11TokenTest, ServesManyThreadsThroughLostSessions) {
  const std::unique_ptr<Pkcs11Token> token = Open();
  ASSERT_TRUE(token->Make(kId, "a label").ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const Secret key = Secret::Copy(std::string(32, static_cast<char>('a' + i)));
      for (int n = 0; n < 20; ++n) {
        if (n % 5 == i % 5) {
          faults().result = CKR_SESSION_HANDLE_INVALID;
          faults().fail = 1;
        }
        const absl::StatusOr<std::string> wrapped = token->Wrap(kId, key);
        // Two faults in a row are one more than a call bears.
        if (!wrapped.ok()) continue;
        const absl::StatusOr<Secret> unwrapped = token->Unwrap(kId, *wrapped);
        EXPECT_TRUE(absl::IsUnavailable(unwrapped.status()) || *unwrapped == key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  faults().fail = 0;
  EXPECT_TRUE(token->Wrap(kId, key_).ok());
}

}  // namespace
}  // namespace sluice::server
