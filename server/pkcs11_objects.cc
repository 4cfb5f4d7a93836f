#include "server/pkcs11_objects.h"

#include <utility>
#include <vector>

namespace sluice::server {
namespace {

using policy::Secret;

CK_OBJECT_CLASS kSecretKey = CKO_SECRET_KEY;
CK_KEY_TYPE kAes = CKK_AES;
CK_KEY_TYPE kGeneric = CKK_GENERIC_SECRET;
CK_ULONG kKekBytes = 32;
CK_BBOOL kTrue = 1;
CK_BBOOL kFalse = 0;
constexpr size_t kBlock = 8;
// With the block that wrapping adds.
constexpr size_t kMaxWrapped = 4104;
constexpr size_t kMaxId = 256;
constexpr CK_ULONG kHandlesAtATime = 64;

// The library reads through these, though its types do not say so.
template <typename T>
CK_ATTRIBUTE Of(CK_ATTRIBUTE_TYPE type, T& value) {
  return {type, &value, sizeof value};
}
CK_ATTRIBUTE Bytes(CK_ATTRIBUTE_TYPE type, absl::string_view bytes) {
  return {type, const_cast<char*>(bytes.data()), bytes.size()};
}

CK_MECHANISM KeyWrapPad() { return {CKM_AES_KEY_WRAP_PAD, nullptr, 0}; }

// A key of the session alone, which goes with it, and whose value can be read.
std::vector<CK_ATTRIBUTE> OfSession() {
  return {Of(CKA_CLASS, kSecretKey), Of(CKA_KEY_TYPE, kGeneric), Of(CKA_TOKEN, kFalse),
          Of(CKA_PRIVATE, kTrue),    Of(CKA_SENSITIVE, kFalse),  Of(CKA_EXTRACTABLE, kTrue)};
}

}  // namespace

template <typename Each>
CK_RV Pkcs11Objects::ForEachKey(const std::string* id, Each each) const {
  std::vector<CK_ATTRIBUTE> wanted = {Of(CKA_CLASS, kSecretKey), Of(CKA_KEY_TYPE, kAes),
                                      Of(CKA_TOKEN, kTrue)};
  if (id != nullptr) wanted.push_back(Bytes(CKA_ID, *id));
  CK_RV result = module_->C_FindObjectsInit(session_, wanted.data(), wanted.size());
  if (result != CKR_OK) return result;
  for (CK_ULONG count = 1; result == CKR_OK && count > 0;) {
    CK_OBJECT_HANDLE found[kHandlesAtATime];
    count = 0;
    result = module_->C_FindObjects(session_, found, kHandlesAtATime, &count);
    for (CK_ULONG i = 0; result == CKR_OK && i < count; ++i) result = each(found[i]);
  }
  const CK_RV ended = module_->C_FindObjectsFinal(session_);
  return result == CKR_OK ? ended : result;
}

CK_RV Pkcs11Objects::Find(absl::string_view id, std::optional<CK_OBJECT_HANDLE>& key) const {
  const std::string wanted(id);
  return ForEachKey(&wanted, [&key](CK_OBJECT_HANDLE found) {
    if (!key) key = found;
    return CKR_OK;
  });
}

CK_RV Pkcs11Objects::Ids(std::set<std::string>& ids) const {
  return ForEachKey(nullptr, [&](CK_OBJECT_HANDLE found) -> CK_RV {
    char id[kMaxId];
    CK_ATTRIBUTE wanted = {CKA_ID, id, sizeof id};
    const CK_RV result = module_->C_GetAttributeValue(session_, found, &wanted, 1);
    // Somebody else's key may have another kind of id.
    if (result == CKR_BUFFER_TOO_SMALL || result == CKR_ATTRIBUTE_TYPE_INVALID) return CKR_OK;
    if (result == CKR_OK) ids.emplace(id, wanted.ulValueLen);
    return result;
  });
}

CK_RV Pkcs11Objects::Generate(absl::string_view id, const std::string& label) const {
  std::vector<CK_ATTRIBUTE> wanted = {
      Of(CKA_CLASS, kSecretKey),   Of(CKA_KEY_TYPE, kAes),  Of(CKA_VALUE_LEN, kKekBytes),
      Of(CKA_TOKEN, kTrue),        Of(CKA_PRIVATE, kTrue),  Of(CKA_SENSITIVE, kTrue),
      Of(CKA_EXTRACTABLE, kFalse), Of(CKA_WRAP, kTrue),     Of(CKA_UNWRAP, kTrue),
      Of(CKA_ENCRYPT, kFalse),     Of(CKA_DECRYPT, kFalse), Of(CKA_SIGN, kFalse),
      Of(CKA_VERIFY, kFalse),      Of(CKA_DERIVE, kFalse),  Of(CKA_MODIFIABLE, kFalse),
      Bytes(CKA_LABEL, label),     Bytes(CKA_ID, id)};
  CK_MECHANISM generate = {CKM_AES_KEY_GEN, nullptr, 0};
  CK_OBJECT_HANDLE made = 0;
  return module_->C_GenerateKey(session_, &generate, wanted.data(), wanted.size(), &made);
}

CK_RV Pkcs11Objects::Import(const Secret& key, CK_OBJECT_HANDLE& object) const {
  std::vector<CK_ATTRIBUTE> wanted = OfSession();
  wanted.push_back({CKA_VALUE, const_cast<uint8_t*>(key.bytes().data()), key.size()});
  return module_->C_CreateObject(session_, wanted.data(), wanted.size(), &object);
}

CK_RV Pkcs11Objects::Wrap(CK_OBJECT_HANDLE kek, const Secret& key, std::string& wrapped) const {
  CK_OBJECT_HANDLE imported = 0;
  CK_RV result = Import(key, imported);
  if (result != CKR_OK) return result;
  wrapped.assign(key.size() + kBlock, '\0');
  CK_ULONG size = wrapped.size();
  CK_MECHANISM mechanism = KeyWrapPad();
  result = module_->C_WrapKey(session_, &mechanism, kek, imported,
                              reinterpret_cast<CK_BYTE_PTR>(wrapped.data()), &size);
  const CK_RV gone = Destroy(imported);
  if (result != CKR_OK) return result;
  return size == wrapped.size() ? gone : CKR_GENERAL_ERROR;
}

CK_RV Pkcs11Objects::Value(CK_OBJECT_HANDLE object, std::optional<Secret>& value) const {
  CK_ATTRIBUTE wanted = {CKA_VALUE, nullptr, 0};
  CK_RV result = module_->C_GetAttributeValue(session_, object, &wanted, 1);
  if (result != CKR_OK) return result;
  if (wanted.ulValueLen == 0 || wanted.ulValueLen > kMaxWrapped) return CKR_GENERAL_ERROR;
  Secret bytes(wanted.ulValueLen);
  wanted.pValue = bytes.mutable_bytes().data();
  result = module_->C_GetAttributeValue(session_, object, &wanted, 1);
  if (result != CKR_OK) return result;
  if (wanted.ulValueLen != bytes.size()) return CKR_GENERAL_ERROR;
  value = std::move(bytes);
  return CKR_OK;
}

CK_RV Pkcs11Objects::TryUnwrap(CK_OBJECT_HANDLE kek, absl::string_view wrapped,
                               std::optional<Secret>& key) const {
  std::vector<CK_ATTRIBUTE> wanted = OfSession();
  CK_MECHANISM mechanism = KeyWrapPad();
  CK_OBJECT_HANDLE unwrapped = 0;
  CK_RV result = module_->C_UnwrapKey(
      session_, &mechanism, kek, reinterpret_cast<CK_BYTE_PTR>(const_cast<char*>(wrapped.data())),
      wrapped.size(), wanted.data(), wanted.size(), &unwrapped);
  if (result != CKR_OK) return result;
  result = Value(unwrapped, key);
  const CK_RV gone = Destroy(unwrapped);
  return result == CKR_OK ? gone : result;
}

CK_RV Pkcs11Objects::Unwrap(CK_OBJECT_HANDLE kek, absl::string_view wrapped,
                            std::optional<Secret>& key) const {
  if (wrapped.size() < 2 * kBlock || wrapped.size() % kBlock != 0 || wrapped.size() > kMaxWrapped) {
    return CKR_OK;
  }
  const CK_RV result = TryUnwrap(kek, wrapped, key);
  switch (result) {
    case CKR_WRAPPED_KEY_INVALID:
    case CKR_WRAPPED_KEY_LEN_RANGE:
    case CKR_ENCRYPTED_DATA_INVALID:
    case CKR_ENCRYPTED_DATA_LEN_RANGE:
      return CKR_OK;
    case CKR_GENERAL_ERROR:
    case CKR_FUNCTION_FAILED: {
      // So some say that the bytes are not its own, and some that they have failed. If the key
      // opens what it has just closed, it is the bytes.
      const Secret probe(kKekBytes);
      std::string wrapped_probe;
      std::optional<Secret> opened;
      const CK_RV works = Wrap(kek, probe, wrapped_probe);
      if (works != CKR_OK || TryUnwrap(kek, wrapped_probe, opened) != CKR_OK) return result;
      return opened && *opened == probe ? CKR_OK : result;
    }
    default:  // of the library's numbers, not of ours
      return result;
  }
}

}  // namespace sluice::server
