// A service whose requests are looked at before they are parsed. gRPC parses what has arrived
// before anybody asks who sent it, and a request of 5 MiB may take a hundred in memory.
//
// Thread-safe.
#ifndef SLUICE_SERVER_BOUNDED_SERVICE_H_
#define SLUICE_SERVER_BOUNDED_SERVICE_H_

#include <google/protobuf/descriptor.h>
#include <grpc/byte_buffer.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sluice::server {

// Of a request, those of the messages in it counted with its own.
inline constexpr int kMaxRequestFields = 4096;

// Whether bytes may be parsed as a request of `type`; as the caller is told if not.
grpc::Status LookAtRequest(grpc_byte_buffer* bytes, const google::protobuf::Descriptor& type,
                           size_t most_bytes);

// `Generated` is not what a server serves, and can't be given to one: served() is.
template <typename Api, typename Generated = typename Api::Service>
class BoundedService : protected Generated {
 public:
  grpc::Service* served() { return &front_; }

 protected:
  // `most_bytes`: of a request. `raw`: the methods that take it as bytes, and look at it
  // themselves.
  explicit BoundedService(size_t most_bytes, std::initializer_list<absl::string_view> raw = {})
      : front_(this, most_bytes, raw) {}

 private:
  // Hands a call on to the handler that `Generated` has for its method by then.
  class Handler final : public grpc::internal::MethodHandler {
   public:
    // `bounded`: the request's type, or null.
    Handler(BoundedService* of, int method, const google::protobuf::Descriptor* bounded,
            size_t most_bytes)
        : of_(of), method_(method), bounded_(bounded), most_bytes_(most_bytes) {}

    void* Deserialize(grpc_call* call, grpc_byte_buffer* bytes, grpc::Status* status,
                      void** data) override {
      if (bounded_ != nullptr && bytes != nullptr) {
        *status = LookAtRequest(bytes, *bounded_, most_bytes_);
        if (!status->ok()) {
          grpc_byte_buffer_destroy(bytes);
          return nullptr;
        }
      }
      return of_->GetHandler(method_)->Deserialize(call, bytes, status, data);
    }
    void RunHandler(const HandlerParameter& parameter) override {
      of_->GetHandler(method_)->RunHandler(parameter);
    }

   private:
    BoundedService* const of_;
    const int method_;
    const google::protobuf::Descriptor* const bounded_;
    const size_t most_bytes_;
  };

  class Front final : public grpc::Service {
   public:
    Front(BoundedService* of, size_t most_bytes, std::initializer_list<absl::string_view> raw) {
      using grpc::internal::RpcMethod;
      const google::protobuf::ServiceDescriptor& service =
          *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
              Api::service_full_name());
      for (int i = 0; i < service.method_count(); ++i) {
        const google::protobuf::MethodDescriptor& method = *service.method(i);
        const bool is_raw = std::find(raw.begin(), raw.end(), method.name()) != raw.end();
        const RpcMethod::RpcType type =
            method.client_streaming()
                ? (method.server_streaming() ? RpcMethod::BIDI_STREAMING
                                             : RpcMethod::CLIENT_STREAMING)
                : (method.server_streaming() ? RpcMethod::SERVER_STREAMING : RpcMethod::NORMAL_RPC);
        const std::string& path =
            paths_.emplace_back(absl::StrCat("/", service.full_name(), "/", method.name()));
        const auto handler = [&] {
          return new Handler(of, i, is_raw ? nullptr : method.input_type(), most_bytes);
        };
        // The service owns its methods, and a method its handler.
        AddMethod(new grpc::internal::RpcServiceMethod(path.c_str(), type, handler()));
        if (is_raw) MarkMethodRawCallback(i, handler());
      }
    }

   private:
    std::deque<std::string> paths_;  // that the methods point to
  };

  Front front_;
};

}  // namespace sluice::server

#endif  // SLUICE_SERVER_BOUNDED_SERVICE_H_
