#include "server/pkcs11_module.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace sluice::server {
namespace {

absl::Status Refused(absl::string_view path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("the PKCS#11 module ", path, " ", why));
}

absl::StatusOr<const CK_FUNCTION_LIST*> LoadFunctions(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return Refused(path, "is not there: name keys.pkcs11.module");
  if ((info.st_uid != 0 && info.st_uid != geteuid()) || (info.st_mode & 022) != 0) {
    return Refused(path, "can be changed by others: it must be root's, or the gateway's, alone");
  }
  // It stays for the process's life: libraries leave behind what runs at its end.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr)
    return Refused(path, "can't be loaded: is it a library for this machine?");
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get == nullptr || get(&functions) != CKR_OK || functions == nullptr) {
    return Refused(path, "is no PKCS#11 module");
  }
  return functions;
}

// Who uses which library: it has one state a process.
struct Users {
  int count = 0;
  bool ours = false;  // to finalize
};
struct Loaded {
  absl::Mutex mutex;
  std::map<const CK_FUNCTION_LIST*, Users> users ABSL_GUARDED_BY(mutex);
};

Loaded& AllLoaded() {
  static Loaded* const loaded = new Loaded;
  return *loaded;
}

absl::string_view NameOf(CK_RV result) {
  switch (result) {
    case CKR_DEVICE_ERROR:
      return "CKR_DEVICE_ERROR";
    case CKR_DEVICE_MEMORY:
      return "CKR_DEVICE_MEMORY";
    case CKR_DEVICE_REMOVED:
      return "CKR_DEVICE_REMOVED";
    case CKR_FUNCTION_FAILED:
      return "CKR_FUNCTION_FAILED";
    case CKR_GENERAL_ERROR:
      return "CKR_GENERAL_ERROR";
    case CKR_SESSION_CLOSED:
      return "CKR_SESSION_CLOSED";
    case CKR_SESSION_HANDLE_INVALID:
      return "CKR_SESSION_HANDLE_INVALID";
    case CKR_TOKEN_NOT_PRESENT:
      return "CKR_TOKEN_NOT_PRESENT";
    case CKR_USER_NOT_LOGGED_IN:
      return "CKR_USER_NOT_LOGGED_IN";
    case CKR_HOST_MEMORY:
      return "CKR_HOST_MEMORY";
    default:  // of the library's numbers, not of ours
      return "";
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Pkcs11Module>> Pkcs11Module::Load(const std::string& path) {
  const absl::StatusOr<const CK_FUNCTION_LIST*> functions = LoadFunctions(path);
  if (!functions.ok()) return functions.status();
  Loaded& loaded = AllLoaded();
  absl::MutexLock lock(&loaded.mutex);
  Users& users = loaded.users[*functions];
  if (users.count == 0) {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV result = (*functions)->C_Initialize(&arguments);
    if (result != CKR_OK && result != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
      return Refused(
          path, absl::StrCat("can't be started: ", Pkcs11Status(result, "C_Initialize").message()));
    }
    users.ours = result == CKR_OK;
  }
  ++users.count;
  return std::unique_ptr<const Pkcs11Module>(new Pkcs11Module(*functions));
}

Pkcs11Module::~Pkcs11Module() {
  Loaded& loaded = AllLoaded();
  absl::MutexLock lock(&loaded.mutex);
  Users& users = loaded.users[functions_];
  if (--users.count == 0 && users.ours) (void)functions_->C_Finalize(nullptr);
}

absl::Status Pkcs11Status(CK_RV result, absl::string_view doing) {
  const absl::string_view name = NameOf(result);
  std::string text =
      absl::StrCat(doing, ": the token answers ", absl::StrCat("0x", absl::Hex(result)),
                   name.empty() ? "" : " ", name);
  return name.empty() ? absl::InternalError(text) : absl::UnavailableError(text);
}

}  // namespace sluice::server
