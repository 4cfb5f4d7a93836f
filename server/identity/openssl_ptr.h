// OpenSSL's objects in owning pointers.
#ifndef SLUICE_SERVER_IDENTITY_OPENSSL_PTR_H_
#define SLUICE_SERVER_IDENTITY_OPENSSL_PTR_H_

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>

namespace sluice::server {

template <auto free>
struct OpenSslDeleter {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};

inline void FreeOpenSslMemory(void* memory) { OPENSSL_free(memory); }
inline void FreeX509Stack(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }
inline void FreeX509StackOnly(STACK_OF(X509) * stack) { sk_X509_free(stack); }

using BioPtr = std::unique_ptr<BIO, OpenSslDeleter<BIO_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, OpenSslDeleter<BN_free>>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, OpenSslDeleter<CMS_ContentInfo_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, OpenSslDeleter<GENERAL_NAMES_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, OpenSslDeleter<ASN1_INTEGER_free>>;
using OpenSslBytes = std::unique_ptr<unsigned char, OpenSslDeleter<FreeOpenSslMemory>>;
using OpenSslChars = std::unique_ptr<char, OpenSslDeleter<FreeOpenSslMemory>>;
using TimePtr = std::unique_ptr<ASN1_TIME, OpenSslDeleter<ASN1_TIME_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), OpenSslDeleter<FreeX509Stack>>;
// Borrows its certificates.
using X509BorrowedStackPtr = std::unique_ptr<STACK_OF(X509), OpenSslDeleter<FreeX509StackOnly>>;
using X509StorePtr = std::unique_ptr<X509_STORE, OpenSslDeleter<X509_STORE_free>>;
using X509StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpenSslDeleter<X509_STORE_CTX_free>>;

}  // namespace sluice::server

#endif  // SLUICE_SERVER_IDENTITY_OPENSSL_PTR_H_
