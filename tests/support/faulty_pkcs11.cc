#include "tests/support/faulty_pkcs11.h"

#include <dlfcn.h>

namespace {

Pkcs11Faults faults;
const CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST ours;

bool Fails() {
  int left = faults.fail;
  while (left > 0 && !faults.fail.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

CK_RV OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                  CK_SESSION_HANDLE_PTR session) {
  ++faults.sessions;
  return real->C_OpenSession(slot, flags, application, notify, session);
}

CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
  ++faults.logins;
  return real->C_Login(session, user, pin, size);
}

CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  const CK_RV result = real->C_GetTokenInfo(slot, info);
  if (result == CKR_OK) info->flags |= faults.token_flags;
  return result;
}

CK_RV GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info) {
  if (faults.no_key_wrap && type == CKM_AES_KEY_WRAP_PAD) return CKR_MECHANISM_INVALID;
  return real->C_GetMechanismInfo(slot, type, info);
}

CK_RV FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR wanted, CK_ULONG count) {
  return Fails() ? faults.result.load() : real->C_FindObjectsInit(session, wanted, count);
}

CK_RV GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR wanted,
                  CK_ULONG count, CK_OBJECT_HANDLE_PTR key) {
  if (Fails()) return faults.result;
  const CK_RV result = real->C_GenerateKey(session, mechanism, wanted, count, key);
  return faults.lose_answer.exchange(false) ? CKR_DEVICE_REMOVED : result;
}

CK_RV WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE by,
              CK_OBJECT_HANDLE key, CK_BYTE_PTR wrapped, CK_ULONG_PTR size) {
  if (Fails()) return faults.result;
  return real->C_WrapKey(session, mechanism, by, key, wrapped, size);
}

CK_RV UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE by,
                CK_BYTE_PTR wrapped, CK_ULONG size, CK_ATTRIBUTE_PTR wanted, CK_ULONG count,
                CK_OBJECT_HANDLE_PTR key) {
  if (Fails()) return faults.result;
  if (faults.no_unwrap) return CKR_FUNCTION_FAILED;
  const CK_RV result = real->C_UnwrapKey(session, mechanism, by, wrapped, size, wanted, count, key);
  return result != CKR_OK && faults.vague ? CKR_FUNCTION_FAILED : result;
}

CK_RV DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  if (Fails()) return faults.result;
  return faults.destroy_nothing ? CKR_OK : real->C_DestroyObject(session, object);
}

}  // namespace

extern "C" Pkcs11Faults* faulty_pkcs11_faults() { return &faults; }

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  if (real == nullptr) {
    void* const library = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_NODELETE);
    if (library == nullptr) return CKR_GENERAL_ERROR;
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
    CK_FUNCTION_LIST* functions = nullptr;
    if (get == nullptr || get(&functions) != CKR_OK) return CKR_GENERAL_ERROR;
    real = functions;
    ours = *functions;
    ours.C_OpenSession = OpenSession;
    ours.C_Login = Login;
    ours.C_GetTokenInfo = GetTokenInfo;
    ours.C_GetMechanismInfo = GetMechanismInfo;
    ours.C_FindObjectsInit = FindObjectsInit;
    ours.C_GenerateKey = GenerateKey;
    ours.C_WrapKey = WrapKey;
    ours.C_UnwrapKey = UnwrapKey;
    ours.C_DestroyObject = DestroyObject;
  }
  *list = &ours;
  return CKR_OK;
}
