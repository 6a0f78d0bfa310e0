#include "amivirt/base/ids.hpp"

#include <gtest/gtest.h>

#include <unordered_set>

namespace amivirt {
namespace {

const std::string k_hex = "0123456789abcdef0";

template <class IdType>
class Ids : public ::testing::Test {};
using AllIds = ::testing::Types<ImageId, InstanceId, VolumeId, SnapshotId, LayerId, ReservationId, OperationId>;
TYPED_TEST_SUITE(Ids, AllIds);

TYPED_TEST(Ids, ParseTheirPrefixAndSeventeenDigits) {
    const std::string text = std::string(TypeParam::prefix()) + k_hex;
    const auto id = TypeParam::parse(text);
    ASSERT_TRUE(id);
    EXPECT_EQ(id->str(), text);
    EXPECT_FALSE(id->empty());
    EXPECT_TRUE(TypeParam::looks_like(text));
    EXPECT_TRUE(TypeParam().empty());
}

TYPED_TEST(Ids, RefuseEveryIllForm) {
    const std::string prefix(TypeParam::prefix());
    for (const std::string& bad : {std::string(), prefix, k_hex, prefix + k_hex.substr(1), prefix + k_hex + "0",
                                   prefix + "0123456789ABCDEF0", prefix + "0123456789abcdefg", " " + prefix + k_hex, prefix + k_hex + "\n",
                                   "x" + prefix + k_hex, prefix + std::string(17, '\0'), prefix + "/../../../../../"}) {
        const auto id = TypeParam::parse(bad);
        ASSERT_FALSE(id) << bad;
        EXPECT_NE(id.error().message.find("\"" + bad + "\""), std::string::npos) << id.error().message;
        EXPECT_NE(id.error().message.find(prefix), std::string::npos);
    }
}

TEST(Ids, TellTheirKindByTheCode) {
    EXPECT_EQ(ImageId::parse("x").error().code, Code::invalid_ami_id_malformed);
    EXPECT_EQ(InstanceId::parse("x").error().code, Code::invalid_instance_id_malformed);
    EXPECT_EQ(VolumeId::parse("x").error().code, Code::invalid_volume_id_malformed);
    EXPECT_EQ(SnapshotId::parse("x").error().code, Code::invalid_snapshot_id_malformed);
    EXPECT_EQ(ImageId::parse("nonsense").error().message, "Invalid id: \"nonsense\" (expecting \"ami-...\")");
    EXPECT_EQ(VolumeId::parse("vol-123").error().message, "Invalid id: \"vol-123\" (expecting \"vol-\" and 17 hexadecimal digits)");
}

TEST(Ids, OfImagesMayBeOld) {
    ASSERT_TRUE(ImageId::parse("ami-0abcdef1"));
    EXPECT_EQ(ImageId::parse("ami-0abcdef1")->str(), "ami-0abcdef1");
    EXPECT_EQ(ImageId::parse("ami-0abcdef").error().message,
              "Invalid id: \"ami-0abcdef\" (expecting \"ami-\" and 8 or 17 hexadecimal digits)");
    EXPECT_FALSE(ImageId::parse("ami-0ABCDEF1"));
    EXPECT_FALSE(InstanceId::parse("i-0abcdef1"));
}

TEST(Ids, AreValuesAndKeys) {
    const ImageId a = *ImageId::parse("ami-" + k_hex);
    const ImageId b = *ImageId::parse("ami-1123456789abcdef0");
    EXPECT_LT(a, b);
    EXPECT_EQ(a, *ImageId::parse(a.str()));
    const std::unordered_set<ImageId> set{a, b, a};
    EXPECT_EQ(set.size(), 2U);
}

TEST(AccountId, IsTwelveDigits) {
    EXPECT_EQ(AccountId::local().str(), "000000000000");
    ASSERT_TRUE(AccountId::parse("123456789012"));
    EXPECT_EQ(*AccountId::parse("000000000000"), AccountId::local());
    for (const std::string bad : {"", "12345678901", "1234567890123", "12345678901x", " 12345678901", "-12345678901", "1234-5678-90"}) {
        const auto account = AccountId::parse(bad);
        ASSERT_FALSE(account) << bad;
        EXPECT_EQ(account.error().code, Code::invalid_parameter_value);
        EXPECT_NE(account.error().message.find("\"" + bad + "\""), std::string::npos);
    }
}

}  // namespace
}  // namespace amivirt
