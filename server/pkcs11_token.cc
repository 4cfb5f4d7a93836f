#include "server/pkcs11_token.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/pkcs11_objects.h"

namespace sluice::server {
namespace {

using policy::Secret;

constexpr size_t kBlock = 8;
// Wrapped keys are short; what is longer is nothing of ours.
constexpr size_t kMaxKey = 4096;

// A new session is another try.
bool IsSessionLost(CK_RV result) {
  switch (result) {
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_DEVICE_REMOVED:
    case CKR_DEVICE_ERROR:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_USER_NOT_LOGGED_IN:
      return true;
    default:  // of the library's numbers, not of ours
      return false;
  }
}

absl::string_view LabelOf(const CK_TOKEN_INFO& info) {
  return absl::StripTrailingAsciiWhitespace(
      absl::string_view(reinterpret_cast<const char*>(info.label), sizeof info.label));
}

absl::Status NoSuchKey() { return absl::NotFoundError("the token has no key of this id"); }

}  // namespace

absl::StatusOr<std::unique_ptr<Pkcs11Token>> Pkcs11Token::Open(TokenSource source) {
  absl::StatusOr<std::unique_ptr<const Pkcs11Module>> module = Pkcs11Module::Load(source.module);
  if (!module.ok()) return module.status();
  std::unique_ptr<Pkcs11Token> token(new Pkcs11Token(std::move(source), *std::move(module)));
  absl::MutexLock lock(&token->mutex_);
  const absl::Status connected = token->Connect();
  if (absl::IsNotFound(connected)) return absl::FailedPreconditionError(connected.message());
  if (!connected.ok()) return connected;
  return token;
}

absl::Status Pkcs11Token::Check(const TokenSource& source) {
  absl::StatusOr<std::unique_ptr<const Pkcs11Module>> module = Pkcs11Module::Load(source.module);
  if (!module.ok()) return module.status();
  const Pkcs11Token token(source, *std::move(module));
  const absl::StatusOr<CK_SLOT_ID> slot = token.FindSlot();
  return slot.ok() ? token.CheckMechanisms(*slot) : slot.status();
}

Pkcs11Token::~Pkcs11Token() {
  absl::MutexLock lock(&mutex_);
  Disconnect();
}

absl::StatusOr<CK_SLOT_ID> Pkcs11Token::FindSlot() const {
  const CK_FUNCTION_LIST& functions = *module_->operator->();
  CK_ULONG count = 0;
  CK_RV result = functions.C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> slots(count);
  if (result == CKR_OK) result = functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (result != CKR_OK) return Pkcs11Status(result, "listing tokens");
  slots.resize(std::min<size_t>(count, slots.size()));
  std::vector<CK_SLOT_ID> ours;
  std::vector<std::string> labels;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (functions.C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    labels.push_back(absl::StrCat("\"", LabelOf(info), "\""));
    if (LabelOf(info) == source_.token) ours.push_back(slot);
  }
  if (ours.size() == 1) return ours[0];
  if (ours.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no token has the label \"", source_.token, "\" (keys.pkcs11.token); ",
                     labels.empty() ? std::string("there is none at all")
                                    : absl::StrCat("there are: ", absl::StrJoin(labels, ", "))));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("several tokens have the label \"", source_.token, "\": give each its own"));
}

absl::Status Pkcs11Token::CheckMechanisms(CK_SLOT_ID slot) const {
  struct Needed {
    CK_MECHANISM_TYPE mechanism;
    CK_FLAGS flags;
    absl::string_view name;
  };
  for (const Needed& needed :
       {Needed{CKM_AES_KEY_WRAP_PAD, CKF_WRAP | CKF_UNWRAP, "CKM_AES_KEY_WRAP_PAD"},
        Needed{CKM_AES_KEY_GEN, CKF_GENERATE, "CKM_AES_KEY_GEN"}}) {
    CK_MECHANISM_INFO info{};
    const CK_RV result = (*module_)->C_GetMechanismInfo(slot, needed.mechanism, &info);
    if (result != CKR_OK || (info.flags & needed.flags) != needed.flags) {
      return absl::FailedPreconditionError(
          absl::StrCat("the token \"", source_.token, "\" has no ", needed.name,
                       " (RFC 5649, to wrap and unwrap): it can't keep key-encryption keys"));
    }
  }
  return absl::OkStatus();
}

absl::Status Pkcs11Token::Connect() {
  if (!refused_.ok()) return refused_;
  const absl::StatusOr<CK_SLOT_ID> slot = FindSlot();
  if (!slot.ok()) return slot.status();
  if (absl::Status checked = CheckMechanisms(*slot); !checked.ok()) return checked;
  CK_SESSION_HANDLE session = 0;
  const CK_RV result = (*module_)->C_OpenSession(*slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                                 nullptr, nullptr, &session);
  if (result != CKR_OK) return Pkcs11Status(result, "opening a session");
  if (absl::Status logged_in = Login(*slot, session); !logged_in.ok()) {
    (void)(*module_)->C_CloseSession(session);
    return logged_in;
  }
  session_ = session;
  return absl::OkStatus();
}

absl::Status Pkcs11Token::Login(CK_SLOT_ID slot, CK_SESSION_HANDLE session) {
  const auto refused = [this](absl::string_view why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    refused_ =
        absl::FailedPreconditionError(absl::StrCat("the token \"", source_.token, "\" ", why));
    return refused_;
  };
  CK_TOKEN_INFO info{};
  const CK_RV told = (*module_)->C_GetTokenInfo(slot, &info);
  if (told != CKR_OK) return Pkcs11Status(told, "looking at the token");
  if ((info.flags & CKF_USER_PIN_INITIALIZED) == 0) return refused("has no user PIN yet: set one");
  if ((info.flags & CKF_USER_PIN_LOCKED) != 0) {
    return refused("has locked its PIN: unlock it as its security officer");
  }
  if ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return refused("locks itself with the next wrong PIN: log in once by other means");
  }
  const absl::StatusOr<Secret> pin = ReadPin(source_);
  if (!pin.ok()) return pin.status();
  const CK_RV result = (*module_)->C_Login(
      session, CKU_USER, const_cast<CK_UTF8CHAR_PTR>(pin->bytes().data()), pin->size());
  switch (result) {
    case CKR_OK:
    case CKR_USER_ALREADY_LOGGED_IN:
      return absl::OkStatus();
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return refused(
          "refuses the PIN. It is not tried again, because tokens lock themselves: mend "
          "keys.pkcs11.pin_file or pin_credential, then start the gateway");
    case CKR_PIN_LOCKED:
      return refused("has locked its PIN: unlock it as its security officer");
    case CKR_PIN_EXPIRED:
      return refused("takes the PIN no longer: set a new one");
    default:  // of the library's numbers, not of ours
      return Pkcs11Status(result, "logging in");
  }
}

void Pkcs11Token::Disconnect() {
  if (session_) (void)(*module_)->C_CloseSession(*session_);
  session_.reset();
}

absl::Status Pkcs11Token::Run(absl::string_view doing,
                              absl::FunctionRef<CK_RV(CK_SESSION_HANDLE)> work) {
  absl::MutexLock lock(&mutex_);
  CK_RV result = CKR_OK;
  for (int sessions = 0; sessions < 2; ++sessions) {
    if (!session_) {
      const absl::Status connected = Connect();
      if (absl::IsNotFound(connected)) return absl::UnavailableError(connected.message());
      if (!connected.ok()) return connected;
    }
    result = work(*session_);
    if (result == CKR_OK) return absl::OkStatus();
    if (!IsSessionLost(result)) break;
    Disconnect();
  }
  return Pkcs11Status(result, doing);
}

absl::Status Pkcs11Token::Make(absl::string_view id, const std::string& label) {
  return Run("making a key", [&](CK_SESSION_HANDLE session) {
    const Pkcs11Objects objects(*module_, session);
    // The session may have been lost with the answer.
    std::optional<CK_OBJECT_HANDLE> key;
    const CK_RV result = objects.Find(id, key);
    return result != CKR_OK || key ? result : objects.Generate(id, label);
  });
}

absl::StatusOr<std::string> Pkcs11Token::Wrap(absl::string_view id, const Secret& key) {
  // SoftHSM gives the padding back with what it unwraps. Our keys need none.
  if (key.size() == 0 || key.size() % kBlock != 0 || key.size() > kMaxKey) {
    return absl::InvalidArgumentError("a key of another length can't be wrapped");
  }
  bool found = false;
  std::string wrapped;
  absl::Status status = Run("wrapping a key", [&](CK_SESSION_HANDLE session) {
    const Pkcs11Objects objects(*module_, session);
    std::optional<CK_OBJECT_HANDLE> kek;
    const CK_RV result = objects.Find(id, kek);
    found = kek.has_value();
    return result == CKR_OK && found ? objects.Wrap(*kek, key, wrapped) : result;
  });
  if (status.ok() && !found) status = NoSuchKey();
  if (!status.ok()) return status;
  return wrapped;
}

absl::StatusOr<Secret> Pkcs11Token::Unwrap(absl::string_view id, absl::string_view wrapped) {
  bool found = false;
  std::optional<Secret> key;
  absl::Status status = Run("unwrapping a key", [&](CK_SESSION_HANDLE session) {
    const Pkcs11Objects objects(*module_, session);
    std::optional<CK_OBJECT_HANDLE> kek;
    const CK_RV result = objects.Find(id, kek);
    found = kek.has_value();
    return result == CKR_OK && found ? objects.Unwrap(*kek, wrapped, key) : result;
  });
  if (status.ok() && !found) status = NoSuchKey();
  if (!status.ok()) return status;
  if (!key) return absl::DataLossError("a wrapped key is not of this key-encryption key");
  return *std::move(key);
}

absl::Status Pkcs11Token::Destroy(absl::string_view id) {
  return Run("destroying a key", [&](CK_SESSION_HANDLE session) -> CK_RV {
    const Pkcs11Objects objects(*module_, session);
    std::optional<CK_OBJECT_HANDLE> key;
    CK_RV result = objects.Find(id, key);
    if (result == CKR_OK && key) result = objects.Destroy(*key);
    if (result != CKR_OK || !key) return result;
    // What a token says of it is not enough.
    key.reset();
    result = objects.Find(id, key);
    return result == CKR_OK && key ? CKR_FUNCTION_FAILED : result;
  });
}

absl::StatusOr<std::set<std::string>> Pkcs11Token::Ids() {
  std::set<std::string> ids;
  const absl::Status status = Run("listing keys", [&](CK_SESSION_HANDLE session) {
    ids.clear();
    return Pkcs11Objects(*module_, session).Ids(ids);
  });
  if (!status.ok()) return status;
  return ids;
}

}  // namespace sluice::server
