// Key pairs of the API.
#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// "ssh-rsa AAAAB3 me" in base64.
constexpr auto k_public = "c3NoLXJzYSBBQUFBQjMgbWU%3D";

TEST_F(Ec2Api, MakesAKeyPair) {
    const auto made =
        ok("Action=CreateKeyPair&KeyName=one&TagSpecification.1.ResourceType=key-pair&TagSpecification.1.Tag.1.Key=team&"
           "TagSpecification.1.Tag.1.Value=a");
    EXPECT_EQ(first("keyName", made), "one");
    EXPECT_THAT(first("keyMaterial", made), StartsWith("private rsa "));
    EXPECT_THAT(first("keyFingerprint", made), StartsWith("ec2:of private "));  // not the public half's
    EXPECT_THAT(first("keyPairId", made), StartsWith("key-"));
    EXPECT_THAT(made, HasSubstr("<key>team</key>"));
    EXPECT_EQ(code("Action=CreateKeyPair&KeyName=one"), "InvalidKeyPair.Duplicate");
    EXPECT_EQ(code("Action=CreateKeyPair&KeyName=two&KeyType=dsa"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateKeyPair&KeyName=two&KeyFormat=ppk"), "UnsupportedOperation");
    EXPECT_EQ(code("Action=CreateKeyPair&KeyName=two&DryRun=true"), "DryRunOperation");
    EXPECT_EQ(code("Action=CreateKeyPair&KeyName=%20two"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateKeyPair"), "MissingParameter");
    EXPECT_THAT(ok("Action=CreateKeyPair&KeyName=curve&KeyType=ed25519&KeyFormat=pem"), HasSubstr("private ed25519 "));

    const auto shown = ok("Action=DescribeKeyPairs&KeyName.1=one");
    EXPECT_THAT(every("keyFingerprint", shown), ElementsAre(first("keyFingerprint", made)));
    EXPECT_EQ(first("keyType", shown), "rsa");
    EXPECT_EQ(first("createTime", shown), "2026-11-22T05:30:00.000Z");
    EXPECT_THAT(shown, Not(HasSubstr("publicKey")));
    EXPECT_THAT(ok("Action=DescribeKeyPairs&IncludePublicKey=true"), HasSubstr("<publicKey>ssh-rsa AAAA"));
}

TEST_F(Ec2Api, ImportsAKeyPair) {
    const auto made = ok(std::string("Action=ImportKeyPair&KeyName=mine&PublicKeyMaterial=") + k_public);
    EXPECT_EQ(first("keyFingerprint", made), "ec2:of AAAAB3 me");
    EXPECT_EQ(code(std::string("Action=ImportKeyPair&KeyName=mine&PublicKeyMaterial=") + k_public), "InvalidKeyPair.Duplicate");
    EXPECT_EQ(code("Action=ImportKeyPair&KeyName=other&PublicKeyMaterial=bm9uZQ%3D%3D"), "InvalidKey.Format");
    EXPECT_EQ(code("Action=ImportKeyPair&KeyName=other&PublicKeyMaterial=%21"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=ImportKeyPair&KeyName=other"), "MissingParameter");
    EXPECT_THAT(every("keyName", ok("Action=DescribeKeyPairs")), ElementsAre("mine"));
}

TEST_F(Ec2Api, FindsKeyPairs) {
    const auto id = first("keyPairId", ok("Action=CreateKeyPair&KeyName=one"));
    const auto print = first("keyFingerprint", ok("Action=CreateKeyPair&KeyName=two"));
    EXPECT_THAT(every("keyName", ok("Action=DescribeKeyPairs&KeyPairId.1=" + id)), ElementsAre("one"));
    EXPECT_THAT(every("keyName", ok("Action=DescribeKeyPairs&Filter.1.Name=key-name&Filter.1.Value.1=t*")), ElementsAre("two"));
    EXPECT_THAT(every("keyName", ok("Action=DescribeKeyPairs&Filter.1.Name=fingerprint&Filter.1.Value.1=" + print)), ElementsAre("two"));
    EXPECT_THAT(every("keyName", ok("Action=DescribeKeyPairs&KeyName.1=one&Filter.1.Name=key-name&Filter.1.Value.1=two")), IsEmpty());
    EXPECT_EQ(code("Action=DescribeKeyPairs&Filter.1.Name=colour&Filter.1.Value.1=two"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeKeyPairs&KeyName.1=three"), "InvalidKeyPair.NotFound");
    EXPECT_EQ(code("Action=DescribeKeyPairs&KeyName.1=" + id), "InvalidKeyPair.NotFound");
    EXPECT_EQ(code("Action=DescribeKeyPairs&KeyPairId.1=key-0"), "InvalidKeyPair.NotFound");
}

TEST_F(Ec2Api, DeletesKeyPairs) {
    const auto id = first("keyPairId", ok("Action=CreateKeyPair&KeyName=one"));
    ok("Action=CreateKeyPair&KeyName=two");
    EXPECT_EQ(code("Action=DeleteKeyPair"), "MissingParameter");
    EXPECT_EQ(code("Action=DeleteKeyPair&KeyName=two&DryRun=true"), "DryRunOperation");
    EXPECT_EQ(first("return", ok("Action=DeleteKeyPair&KeyName=three")), "true");
    EXPECT_EQ(first("keyPairId", ok("Action=DeleteKeyPair&KeyPairId=" + id)), id);
    EXPECT_THAT(every("keyName", ok("Action=DescribeKeyPairs")), ElementsAre("two"));
    EXPECT_EQ(first("return", ok("Action=DeleteKeyPair&KeyName=two")), "true");
    EXPECT_THAT(every("keyName", ok("Action=DescribeKeyPairs")), IsEmpty());
    EXPECT_THAT(rows(&CatalogSession::documents), IsEmpty());
}

TEST_F(Ec2Api, LaunchesWithAKeyPair) {
    ok("Action=CreateKeyPair&KeyName=one");
    const auto id = run("&KeyName=one");
    EXPECT_EQ(first("keyName", ok("Action=DescribeInstances&InstanceId.1=" + id)), "one");
    EXPECT_EQ(code("Action=RunInstances&MinCount=1&MaxCount=1&KeyName=other&ImageId=" + image.id.str()), "InvalidKeyPair.NotFound");
}

}  // namespace
}  // namespace amivirt::ec2
