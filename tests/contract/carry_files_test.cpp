// Files that a person asked for, and their signatures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "adapters/carry/carry.hpp"
#include "disk_support.hpp"

namespace amivirt::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class OutputFilesTest : public testing::Test {
protected:
    Code refusal(const std::string& file, Replace replace = Replace::no) {
        const auto checked = files_->check(file, replace);
        EXPECT_FALSE(checked) << file;
        return checked ? Code::internal_error : checked.error().code;
    }
    TemporaryFolder folder_;
    std::unique_ptr<OutputFiles> files_ = make_output_files();
};

TEST_F(OutputFilesTest, AFileAppearsWithItsName) {
    const std::string file = folder_ / "out";
    EXPECT_EQ(*files_->check(file, Replace::no), std::filesystem::canonical(std::string(folder_ / ".")) / "out");
    ASSERT_TRUE(files_->write_text(file, "op-1", "text"));
    EXPECT_FALSE(std::filesystem::exists(file));
    ASSERT_TRUE(files_->publish(file, "op-1", Replace::no));
    EXPECT_EQ(read_file(file), "text");
    ASSERT_TRUE(files_->publish(file, "op-1", Replace::no)) << "done is done";
    EXPECT_THAT(names(folder_ / "."), ElementsAre("out"));
    EXPECT_FALSE(files_->publish(folder_ / "other", "op-1", Replace::no));
}

TEST_F(OutputFilesTest, AnotherFileOfThatNameStaysUnlessItIsToGo) {
    const std::string file = folder_ / "out";
    ASSERT_TRUE(files_->write_text(file, "op-1", "new"));
    write_file(file, "old");
    EXPECT_EQ(refusal(file), Code::invalid_parameter_value);
    const auto published = files_->publish(file, "op-1", Replace::no);
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().code, Code::invalid_parameter_value);
    EXPECT_EQ(read_file(file), "old");
    ASSERT_TRUE(files_->publish(file, "op-1", Replace::yes));
    EXPECT_EQ(read_file(file), "new");
    ASSERT_TRUE(files_->write_text(file, "op-2", "newer"));
    ASSERT_TRUE(files_->discard(file, "op-2"));
    ASSERT_TRUE(files_->discard(file, "op-2"));
    EXPECT_THAT(names(folder_ / "."), ElementsAre("out"));
    EXPECT_TRUE(files_->discard("/no/such/folder/out", "op-2"));
}

TEST_F(OutputFilesTest, PlacesThatCannotBe) {
    write_file(folder_ / "plain", "");
    EXPECT_EQ(refusal(""), Code::invalid_parameter_value);
    EXPECT_EQ(refusal(folder_ / "x/"), Code::invalid_parameter_value);
    EXPECT_EQ(refusal(folder_ / "none/x"), Code::io_error);
    EXPECT_EQ(refusal(folder_ / "plain/x"), Code::io_error);
    EXPECT_EQ(refusal(folder_ / ".", Replace::yes), Code::io_error);
    EXPECT_EQ(refusal("/dev/null", Replace::yes), Code::io_error);
}

class SignaturesTest : public testing::Test {
protected:
    void SetUp() override {
        AMIVIRT_NEED_PROGRAM("openssl");
        for (const std::string who : {"anna", "berta"}) {
            ASSERT_EQ(shell({"openssl", "genpkey", "-algorithm", "ed25519", "-out", path(who)}).exit_status, 0);
            ASSERT_EQ(shell({"openssl", "pkey", "-in", path(who), "-pubout", "-out", path(who + ".pub")}).exit_status, 0);
        }
        ASSERT_EQ(shell({"openssl", "genpkey", "-algorithm", "x25519", "-out", path("x")}).exit_status, 0);
        ASSERT_EQ(shell({"openssl", "pkey", "-in", path("x"), "-pubout", "-out", path("x.pub")}).exit_status, 0);
        ASSERT_EQ(shell({"openssl", "pkey", "-in", path("anna"), "-aes128", "-passout", "pass:secret", "-out", path("locked")}).exit_status,
                  0);
    }
    std::string path(const std::string& name) { return folder_ / (name + ".pem"); }
    TemporaryFolder folder_;
    std::unique_ptr<Signatures> signatures_ = make_signatures();
    const std::string sum_ = std::string(32, '0') + std::string(32, 'f');
};

TEST_F(SignaturesTest, AreWhosTheyAre) {
    const auto anna = signatures_->read_public_key(path("anna.pub"));
    const auto berta = signatures_->read_public_key(path("berta.pub"));
    ASSERT_TRUE(anna && berta);
    EXPECT_NE(anna->fingerprint, berta->fingerprint);
    EXPECT_THAT(anna->public_key, HasSubstr("BEGIN PUBLIC KEY"));
    const auto text = signatures_->sign(path("anna"), sum_);
    ASSERT_TRUE(text) << text.error().message;
    write_file(folder_ / "sig", *text);
    const auto read = signatures_->read(folder_ / "sig");
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((*read)->fingerprint, anna->fingerprint);
    EXPECT_EQ((*read)->sha256, sum_);
    EXPECT_TRUE(signatures_->verify(**read, *anna));
    const auto other = signatures_->verify(**read, *berta);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Code::checksum_mismatch);
    auto another_file = **read;
    another_file.sha256[0] = '1';
    EXPECT_FALSE(signatures_->verify(another_file, *anna));
    // As the manual says it, without amivirt.
    write_file(folder_ / "message", text->substr(0, text->find('\n', text->find('\n') + 1) + 1));
    write_file(folder_ / "raw", (*read)->bytes);
    EXPECT_EQ(shell({"openssl", "pkeyutl", "-verify", "-pubin", "-inkey", path("anna.pub"), "-rawin", "-in", folder_ / "message",
                     "-sigfile", folder_ / "raw"})
                  .exit_status,
              0);
}

TEST_F(SignaturesTest, OtherFilesAreNone) {
    write_file(path("rubbish"), "rubbish");
    for (const char* name : {"anna", "x.pub", "rubbish"}) {
        const auto key = signatures_->read_public_key(path(name));
        ASSERT_FALSE(key) << name;
        EXPECT_EQ(key.error().code, Code::invalid_parameter_value);
    }
    for (const char* name : {"anna.pub", "x", "rubbish", "locked"}) {
        const auto text = signatures_->sign(path(name), sum_);
        ASSERT_FALSE(text) << name;
        EXPECT_EQ(text.error().code, Code::invalid_parameter_value);
    }
    EXPECT_EQ(signatures_->sign(path("none"), sum_).error().code, Code::fetch_failed);
    EXPECT_EQ(*signatures_->read(path("none")), std::nullopt);
    const std::string good = *signatures_->sign(path("anna"), sum_);
    for (const std::string& bad : {std::string("rubbish"), good.substr(1), good.substr(0, good.size() - 4), std::string(5000, 'a'),
                                   std::string("amivirt signature 2\n") + good.substr(good.find('\n') + 1)}) {
        write_file(folder_ / "bad", bad);
        const auto read = signatures_->read(folder_ / "bad");
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, Code::invalid_parameter_value);
    }
}

}  // namespace
}  // namespace amivirt::contract
