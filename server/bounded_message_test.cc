#include "server/bounded_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sluice/v1/exchange_service.pb.h"
#include "sluice/v1/operator_service.pb.h"

namespace sluice::server {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes, size_t slice = 7) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += slice) {
    slices.emplace_back(bytes.substr(at, slice));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

v1::PublishRecordsRequest Batch(int records) {
  v1::PublishRecordsRequest batch;
  batch.set_parent("organizations/state-university");
  batch.set_request_id("one");
  for (int i = 0; i < records; ++i) batch.add_records(std::string(i % 30, 'x'));
  return batch;
}

TEST(BoundedMessage, IsParsedWholeUpToItsBound) {
  for (const int records : {0, 1, 50}) {
    const v1::PublishRecordsRequest batch = Batch(records);
    grpc::ByteBuffer bytes = BufferOf(batch.SerializeAsString());
    v1::PublishRecordsRequest parsed;
    EXPECT_EQ(ParseBounded(bytes, records + 2, parsed), Parsed::kWhole);
    EXPECT_EQ(parsed.SerializeAsString(), batch.SerializeAsString());
  }
}

TEST(BoundedMessage, IsCutAfterAsManyFields) {
  grpc::ByteBuffer bytes = BufferOf(Batch(50).SerializeAsString());
  v1::PublishRecordsRequest parsed;
  EXPECT_EQ(ParseBounded(bytes, 51, parsed), Parsed::kCut);
  EXPECT_EQ(parsed.SerializeAsString(), Batch(49).SerializeAsString());
}

// Fields that nobody knows are kept, too, and a group may hold any number of them.
TEST(BoundedMessage, CountsUnknownFieldsAndTakesNoGroups) {
  std::string unknown;
  for (int i = 0; i < 100; ++i) unknown += "\x78\x01";  // field 15, a varint
  grpc::ByteBuffer many = BufferOf(unknown);
  v1::PublishRecordsRequest parsed;
  EXPECT_EQ(ParseBounded(many, 99, parsed), Parsed::kCut);
  grpc::ByteBuffer group = BufferOf("\x7b" + unknown + "\x7c");  // 15 begins, 15 ends
  EXPECT_EQ(ParseBounded(group, 99, parsed), Parsed::kGarbled);
}

TEST(BoundedMessage, HasItsMessagesFieldsCountedWithItsOwn) {
  v1::CreateOrganizationRequest request;
  request.set_organization_id("hill-county");
  for (int i = 0; i < 20; ++i) {
    request.mutable_organization()->add_authorities()->mutable_expire_time()->set_seconds(1);
  }
  const auto few = [&](const std::string& bytes, int most) {
    grpc::ByteBuffer buffer = BufferOf(bytes);
    return HasFewFields(buffer, *v1::CreateOrganizationRequest::descriptor(), most);
  };
  const std::string bytes = request.SerializeAsString();
  EXPECT_TRUE(few("", 0));
  EXPECT_TRUE(few(bytes, 2 + 3 * 20));
  EXPECT_FALSE(few(bytes, 2 + 3 * 20 - 1));
  EXPECT_TRUE(few("\x78\x01", 1)) << "a field that nobody knows";
  EXPECT_FALSE(few("\x78\x01\x78\x01", 1));
  EXPECT_FALSE(few("\x7b\x7c", 10)) << "a group";
  EXPECT_FALSE(few("\x0a\x05x", 10)) << "shorter than it says";
}

TEST(BoundedMessage, IsGarbledOrParsedAsProtobufDoesWhicheverByteIsChanged) {
  const std::string good = Batch(3).SerializeAsString();
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int by : {1, 2, 4, 8, 0x80, 0xff}) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ by);
      grpc::ByteBuffer bytes = BufferOf(changed);
      v1::PublishRecordsRequest parsed, plainly;
      const Parsed how = ParseBounded(bytes, 1000, parsed);
      EXPECT_NE(how, Parsed::kCut);
      if (how == Parsed::kGarbled) continue;
      EXPECT_TRUE(plainly.ParseFromString(changed));
      EXPECT_EQ(parsed.SerializeAsString(), plainly.SerializeAsString());
    }
  }
}

}  // namespace
}  // namespace sluice::server
