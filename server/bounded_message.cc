#include "server/bounded_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <cstdint>

namespace sluice::server {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

bool TakeFields(CodedInputStream& in, const google::protobuf::Descriptor& type, int& left) {
  while (const uint32_t tag = in.ReadTag()) {
    if (left-- == 0) return false;
    const WireFormatLite::WireType wire = WireFormatLite::GetTagWireType(tag);
    if (wire == WireFormatLite::WIRETYPE_START_GROUP) return false;
    const google::protobuf::FieldDescriptor* const field =
        type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (field == nullptr || field->message_type() == nullptr ||
        wire != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    int size = 0;
    if (!in.ReadVarintSizeAsInt(&size)) return false;
    const CodedInputStream::Limit outer = in.PushLimit(size);
    if (!TakeFields(in, *field->message_type(), left)) return false;
    in.PopLimit(outer);
  }
  return in.ConsumedEntireMessage();
}

}  // namespace

bool HasFewFields(grpc::ByteBuffer& bytes, const google::protobuf::Descriptor& type, int most) {
  grpc::ProtoBufferReader reader(&bytes);
  CodedInputStream in(&reader);
  return TakeFields(in, type, most);
}

Parsed ParseBounded(grpc::ByteBuffer& bytes, int most_fields, google::protobuf::Message& message) {
  int end = 0;
  bool cut = false;
  {
    grpc::ProtoBufferReader reader(&bytes);
    CodedInputStream in(&reader);
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
