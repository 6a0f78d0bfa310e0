// image copy, export, store, restore; signer trust, list, distrust, demand: words, forms, exit statuses.
#include "cli_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::HasSubstr;

class CliCarry : public CliBench {
protected:
    void SetUp() override { image = import("tiny"); }
    Image image;
};

TEST_F(CliCarry, CopyPrintsTheNewId) {
    ASSERT_EQ(amivirt({"image", "copy", "tiny", "--name", "two", "--description", "second", "--copy-tags"}), 0) << err;
    ASSERT_EQ(lines().size(), 1U);
    EXPECT_TRUE(ImageId::parse(lines().front()));
    EXPECT_NE(lines().front(), image.id.str());
    ASSERT_EQ(amivirt({"image", "copy", image.id.str(), "--name", "three", "--from", "local", "--to", "local", "-o", "json"}), 0) << err;
    EXPECT_TRUE(json().contains("ImageId"));
    ASSERT_EQ(amivirt({"image", "show", "two", "-o", "json"}), 0);
    const auto shown = json()["Images"][0];
    EXPECT_EQ(shown["SourceImageId"], image.id.str());
    EXPECT_EQ(shown["SourceImageRegion"], "local");
    EXPECT_EQ(shown["Description"], "second");
    ASSERT_EQ(amivirt({"image", "copy", "two", "--name", "four", "--tag", "role=db", "--tag", "stage=test"}), 0) << err;
    ASSERT_EQ(amivirt({"image", "copy", "four", "--name", "five", "--copy-tags", "--tag", "stage=prod"}), 0) << err;
    ASSERT_EQ(amivirt({"image", "show", "five", "-o", "json"}), 0);
    EXPECT_EQ(json()["Images"][0]["Tags"], Json::parse(R"([{"Key": "role", "Value": "db"}, {"Key": "stage", "Value": "prod"}])"));
    ASSERT_EQ(amivirt({"image", "show", "two"}), 0);
    EXPECT_THAT(out, HasSubstr("From image"));
}

TEST_F(CliCarry, CopyRefusesBadWords) {
    EXPECT_EQ(amivirt({"image", "copy"}), 2);
    EXPECT_EQ(amivirt({"image", "copy", "tiny", "--to", "Not A Region"}), 2);
    EXPECT_EQ(amivirt({"image", "copy", "tiny", "--name", "x"}), 2);
    EXPECT_EQ(amivirt({"image", "copy", "tiny", "--description", std::string(256, 'x')}), 2);
    EXPECT_EQ(amivirt({"image", "copy", "tiny", "--encrypted", "--no-encrypted"}), 2);
    EXPECT_EQ(amivirt({"image", "copy", "tiny", "--tag", "=x"}), 2);
    EXPECT_EQ(amivirt({"image", "restore", "/out/b", "--tag", "aws:x=y"}), 2);
    EXPECT_EQ(opened, 0) << "the words alone are wrong";
    EXPECT_EQ(amivirt({"image", "copy", "tiny", "--to", "nowhere"}), 2);
    EXPECT_EQ(amivirt({"image", "copy", "none", "--name", "two"}), 3);
    EXPECT_EQ(amivirt({"image", "copy", "tiny"}), 2);
    EXPECT_THAT(err, HasSubstr("InvalidAMIName.Duplicate"));
    EXPECT_EQ(rows(&CatalogSession::images).size(), 1U);
}

TEST_F(CliCarry, ASnapshotIsCopiedByItsIdOrName) {
    const auto source = snapshots_of(image).at(0).str();
    EXPECT_EQ(amivirt({"snapshot", "copy"}), 2);
    EXPECT_EQ(amivirt({"snapshot", "copy", source, "--to", "Not A Region"}), 2);
    EXPECT_EQ(amivirt({"snapshot", "copy", source, "--tag", "=x"}), 2);
    EXPECT_EQ(opened, 0) << "the words alone are wrong";
    ASSERT_EQ(amivirt({"snapshot", "copy", source, "--name", "twin", "--tag", "k=v", "--to", "local"}), 0) << err;
    ASSERT_EQ(lines().size(), 1U);
    EXPECT_NE(lines().front(), source);
    ASSERT_EQ(amivirt({"snapshot", "copy", "twin", "--description", "third", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Description"], "third");
    EXPECT_EQ(amivirt({"snapshot", "copy", "none"}), 3);
    EXPECT_EQ(amivirt({"snapshot", "copy", "snap-0123456789abcdef0"}), 3);
    EXPECT_EQ(amivirt({"snapshot", "copy", source, "--to", "nowhere"}), 2);
    EXPECT_EQ(amivirt({"snapshot", "copy", source, "--from", "nowhere"}), 2);
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 3U);
    EXPECT_EQ(rows(&CatalogSession::layers).size(), 1U);
    expect_clean();
}

TEST_F(CliCarry, ExportAndStorePrintTheFile) {
    ASSERT_EQ(amivirt({"image", "export", "tiny", "/out/x", "--format", "vhd"}), 0) << err;
    EXPECT_EQ(out, "/out/x\n");
    EXPECT_EQ(amivirt({"image", "export", "tiny", "/out/x", "--format", "vhd"}), 2);
    EXPECT_THAT(err, HasSubstr("--force"));
    ASSERT_EQ(amivirt({"image", "export", "tiny", "/out/x", "--format", "raw", "--force", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["DiskImageFormat"], "raw");
    EXPECT_EQ(json()["ImageId"], image.id.str());
    EXPECT_EQ(amivirt({"image", "export", "tiny", "/out/y"}), 2) << "a format must be said";
    EXPECT_EQ(amivirt({"image", "export", "tiny", "/out/y", "--format", "qcow"}), 2);
    EXPECT_THAT(err, HasSubstr("did you mean \"qcow2\"?"));
    EXPECT_EQ(amivirt({"image", "export", "tiny"}), 2);
    ASSERT_EQ(amivirt({"image", "store", "tiny", "/out/b", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["ObjectKey"], "/out/b");
    EXPECT_EQ(json()["AmiId"], image.id.str());
    ASSERT_EQ(amivirt({"image", "restore", "/out/b", "--name", "back", "--tag", "from=anna"}), 0) << err;
    EXPECT_TRUE(ImageId::parse(lines().front()));
    EXPECT_EQ(amivirt({"image", "show", "back", "-o", "json"}), 0);
    EXPECT_EQ(json()["Images"][0]["Tags"], Json::parse(R"([{"Key": "from", "Value": "anna"}])"));
    EXPECT_EQ(amivirt({"image", "restore", "/out/b"}), 2);
    EXPECT_EQ(amivirt({"image", "restore", "/out/none"}), 1);
    EXPECT_EQ(amivirt({"image", "restore", "/out/b", "--name", "x"}), 2);
    expect_clean();
}

TEST_F(CliCarry, AnOvaIsImportedAsOne) {
    ASSERT_EQ(amivirt({"image", "export", "tiny", "/out/t.ova", "--format", "ova"}), 0) << err;
    ASSERT_EQ(amivirt({"image", "import", "/out/t.ova", "--name", "again", "--no-inspect"}), 0) << err;
    EXPECT_THAT(err, HasSubstr("amivirt run --type"));
    EXPECT_EQ(amivirt({"image", "import", "/out/t.ova", "--name", "third", "--sha256", std::string(64, 'a')}), 2);
    expect_clean();
}

TEST_F(CliCarry, Signers) {
    ASSERT_EQ(amivirt({"signer", "trust", "anna.pub.pem", "--name", "anna"}), 0) << err;
    const std::string fingerprint = lines().front();
    EXPECT_EQ(fingerprint.size(), 64U);
    EXPECT_EQ(amivirt({"signer", "trust", "anna.pub.pem"}), 2) << "whose it is must be said";
    ASSERT_EQ(amivirt({"signer", "list", "-o", "json"}), 0);
    EXPECT_EQ(json()["Signers"][0]["Name"], "anna");
    EXPECT_EQ(json()["Signers"][0]["Fingerprint"], fingerprint);
    ASSERT_EQ(amivirt({"signer", "demand", "yes"}), 0);
    EXPECT_EQ(amivirt({"signer", "demand", "perhaps"}), 2);
    ASSERT_EQ(amivirt({"signer", "list"}), 0);
    EXPECT_THAT(out, HasSubstr("anna"));
    EXPECT_THAT(err, HasSubstr("demands"));
    ASSERT_EQ(amivirt({"image", "store", "tiny", "/out/b"}), 0);
    EXPECT_EQ(amivirt({"image", "restore", "/out/b", "--name", "back"}), 4);
    ASSERT_EQ(amivirt({"image", "store", "tiny", "/out/b", "--force", "--sign", "anna.pem"}), 0) << err;
    ASSERT_EQ(amivirt({"image", "restore", "/out/b", "--name", "back"}), 0) << err;
    ASSERT_EQ(amivirt({"image", "show", "back"}), 0);
    EXPECT_THAT(out, HasSubstr(fingerprint));
    ASSERT_EQ(amivirt({"signer", "distrust", "anna"}), 0);
    EXPECT_EQ(lines().front(), fingerprint);
    EXPECT_EQ(amivirt({"signer", "distrust", "anna"}), 3);
    EXPECT_EQ(amivirt({"run", "back", "--type", "t3.nano"}), 4);
}

}  // namespace
}  // namespace amivirt::testing
