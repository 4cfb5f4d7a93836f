#include "server/bounded_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <cstdint>

namespace sluice::server {
namespace {

using google::protobuf::internal::WireFormatLite;

}  // namespace

Parsed ParseBounded(grpc::ByteBuffer& bytes, int most_fields, google::protobuf::Message& message) {
  int end = 0;
  bool cut = false;
  {
    grpc::ProtoBufferReader reader(&bytes);
    google::protobuf::io::CodedInputStream in(&reader);
    for (int fields = 0;; ++fields) {
      end = in.CurrentPosition();
      const uint32_t tag = in.ReadTag();
      if (tag == 0) {
        if (!in.ConsumedEntireMessage()) return Parsed::kGarbled;
        break;
      }
      cut = fields == most_fields;
      if (cut) break;
      const WireFormatLite::WireType type = WireFormatLite::GetTagWireType(tag);
      if (type == WireFormatLite::WIRETYPE_START_GROUP || !WireFormatLite::SkipField(&in, tag)) {
        return Parsed::kGarbled;
      }
    }
  }
  grpc::ProtoBufferReader reader(&bytes);
  if (!message.ParseFromBoundedZeroCopyStream(&reader, end)) return Parsed::kGarbled;
  return cut ? Parsed::kCut : Parsed::kWhole;
}

}  // namespace sluice::server
