#include "server/bounded_service.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>

#include "server/bounded_message.h"
#include "server/error.h"
#include "server/grpc_error.h"

namespace sluice::server {

grpc::Status LookAtRequest(grpc_byte_buffer* bytes, const google::protobuf::Descriptor& type,
                           size_t most_bytes) {
  if (grpc_byte_buffer_length(bytes) > most_bytes) {
    return ToGrpc(Invalid("request", absl::StrCat("is larger than ", most_bytes / 1024, " KiB")),
                  "");
  }
  grpc::ByteBuffer looked_at;
  grpc::Status status;
  // Of the buffer alone: the bytes are shared.
  grpc::internal::UnaryDeserializeHelper(grpc_byte_buffer_copy(bytes), &status, &looked_at);
  if (status.ok() && HasFewFields(looked_at, type, kMaxRequestFields)) return grpc::Status::OK;
  return ToGrpc(Invalid("request", absl::StrCat("is no ", type.name(), ", or has more than ",
                                                kMaxRequestFields, " fields")),
                "");
}

}  // namespace sluice::server
